//! What may change during a run, on resume or by an observer, and what has.

use burn::tensor::backend::AutodiffBackend;

use super::Trainer;
use crate::data::datasets::Datasets;
use crate::data::unreadable::UnreadablePolicy;
use crate::engine::checkpoint::Change;
use crate::engine::dataset_identity::DatasetIdentity;
use crate::engine::difference::{Difference, differences};
use crate::engine::policy::NonFinitePolicy;
use crate::engine::recipe::Recipe;
use crate::engine::settings::RunSettings;
use crate::error::Result;

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

    /// Changes the learning rate that the schedule starts from.
    ///
    /// # Errors
    /// As [`RunSettings::check`].
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        self.change(|run| run.with_learning_rate(rate))
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

    /// Goes on with `data` whose images differ from those that the run was trained on so far, for
    /// example after some were added. The order of batches is that of a run which had them from
    /// its beginning.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) or [`Error::Label`](crate::Error::Label) when they
    /// don't fit the run's configuration, or their crop is another: that can't change.
    pub fn change_data(&mut self, data: &Datasets) -> Result<()> {
        let found = DatasetIdentity::all(self.config.names_of(data)?, data);
        if self.iteration > 0 {
            let changes = DatasetIdentity::changes(&self.datasets, &found)?;
            self.note(changes);
            self.datasets = found;
        }
        Ok(())
    }

    /// The settings and data that were changed since the run began, oldest first, in words. What
    /// observers have asked for is not among them: the log has the learning rate of every row.
    pub fn changes(&self) -> Vec<String> {
        self.changes.iter().map(ToString::to_string).collect()
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
        let run = self.config.run.clone().with_learning_rate(rate);
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
