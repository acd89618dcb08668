//! What may change during a run, on resume or by an observer, and what has.

use std::fmt::Display;

use burn::tensor::backend::AutodiffBackend;

use super::Trainer;
use crate::data::unreadable::UnreadablePolicy;
use crate::engine::checkpoint::Change;
use crate::engine::difference::{Difference, differences};
use crate::engine::networks::{Networks, State};
use crate::engine::policy::NonFinitePolicy;
use crate::engine::recipe::Recipe;
use crate::engine::settings::RunSettings;
use crate::error::{Error, Result};

/// What a run that begins from a model has other than its settings say.
const FIRST_WEIGHTS: &str = "weights";

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// Changes how many iterations the run has, for example to go on after its end.
    ///
    /// # Errors
    /// As [`RunSettings::check`].
    pub fn set_iterations(&mut self, iterations: u64) -> Result<()> {
        self.change(|run| run.with_iterations(iterations))
    }

    /// Changes in how many parts a batch goes through the networks, for example after memory has
    /// run out.
    ///
    /// # Errors
    /// As [`TrainingConfig::check`](crate::TrainingConfig::check).
    pub fn set_accumulate(&mut self, parts: usize) -> Result<()> {
        self.change(|run| run.with_accumulate(parts))
    }

    /// Changes the learning rate that the schedule starts from; a discriminator's own rate changes
    /// by the same factor.
    ///
    /// # Errors
    /// As [`RunSettings::check`].
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        self.change(|run| run.with_both_learning_rates(rate))
    }

    /// Changes the learning rate of discriminators; none for that of the other networks.
    ///
    /// # Errors
    /// As [`RunSettings::check`].
    pub fn set_discriminator_learning_rate(&mut self, rate: Option<f64>) -> Result<()> {
        self.change(|run| run.with_discriminator_learning_rate(rate))
    }

    /// Changes what happens when a value is not finite, for example to go on with a run that has
    /// ended so.
    ///
    /// # Errors
    /// As [`NonFinitePolicy::check`].
    pub fn set_on_non_finite(&mut self, policy: NonFinitePolicy) -> Result<()> {
        self.change(|run| run.with_on_non_finite(policy))
    }

    /// Changes what happens when an image can't be read.
    ///
    /// # Errors
    /// As [`RunSettings::check`].
    pub fn set_on_unreadable(&mut self, policy: UnreadablePolicy) -> Result<()> {
        self.change(|run| run.with_on_unreadable(policy))
    }

    /// The settings that were changed since the run began, oldest first, in words. What observers
    /// have asked for is not among them: the log has the learning rate of every row.
    pub fn changes(&self) -> Vec<String> {
        self.changes.iter().map(ToString::to_string).collect()
    }

    /// Takes other networks before the first iteration: fresh ones as `change` makes their state.
    pub(crate) fn begin_with(&mut self, change: impl FnOnce(State) -> State) -> Result<()> {
        let mut state = State::default();
        self.networks.save(&mut state);
        let networks = self.config.recipe.init::<B>(&self.config.run, &self.device)?;
        let restored = networks.restore(&mut change(state), &self.device);
        self.networks = restored.map_err(Error::Config)?;
        Ok(())
    }

    /// Takes note of the weights that the run begins with, in words, in place of fresh ones.
    pub(crate) fn note_beginning(&mut self, weights: &impl Display) {
        let (from, to) = ("fresh".into(), format!("a model's ({weights})").into());
        self.note(vec![Difference { setting: FIRST_WEIGHTS.to_owned(), from, to }]);
    }

    /// Whether the run stands at its beginning, with other weights than its seed gives.
    pub(super) fn has_begun_otherwise(&self) -> bool {
        let noted = |change: &Change| change.difference.setting == FIRST_WEIGHTS;
        self.iteration == 0 && self.changes.iter().any(noted)
    }

    /// Takes other settings for the rest of the run, and takes note of what they change.
    fn change(&mut self, change: impl FnOnce(RunSettings) -> RunSettings) -> Result<()> {
        let config = self.config.clone().with_run(change);
        config.check()?;
        let before = std::mem::replace(&mut self.config, config);
        self.note(differences(&before, &self.config));
        Ok(())
    }

    /// Takes note of settings that differ from here on; of several changes of one setting in one
    /// place the run saw the last.
    pub(super) fn note(&mut self, differences: Vec<Difference>) {
        self.config_is_stale |= !differences.is_empty();
        for mut difference in differences {
            let earlier = self.changes.iter().position(|change| {
                change.iteration == self.iteration
                    && change.difference.setting == difference.setting
            });
            if let Some(earlier) = earlier {
                difference.from = self.changes.remove(earlier).difference.from;
            }
            if difference.from != difference.to {
                self.changes.push(Change { iteration: self.iteration, difference });
            }
        }
    }

    /// Sets the learning rate for the rest of the run, as an observer has asked.
    pub(super) fn follow_observer(&mut self, rate: f64) -> Result<()> {
        let run = self.config.run.clone().with_both_learning_rates(rate);
        run.check()?;
        self.config_is_stale |= run != self.config.run;
        self.config.run = run;
        Ok(())
    }

    /// Writes `config.json` where it says other settings.
    pub(super) fn write_config(&mut self) -> Result<()> {
        match &self.folder {
            Some(folder) if self.config_is_stale => folder.write_config(&self.config)?,
            _ => {}
        }
        self.config_is_stale = false;
        Ok(())
    }
}
