//! What may change during a run, on resume or by an observer, and what has.

use std::fmt::Display;

use burn::tensor::backend::AutodiffBackend;

use super::Trainer;
use super::resuming::fixed;
use crate::data::datasets::Datasets;
use crate::engine::checkpoint::Change;
use crate::engine::config::TrainingConfig;
use crate::engine::dataset_identity::DatasetIdentity;
use crate::engine::difference::{Difference, differences};
use crate::engine::networks::{Networks, State};
use crate::engine::recipe::Recipe;
use crate::engine::settings::RunSettings;
use crate::error::{Error, Result};

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// Changes settings of the run for what is left of it, for example to go on after its end, with
    /// another learning rate, or in smaller batches: `trainer.set_run(|run|
    /// run.with_iterations(2_000))`.
    ///
    /// # Errors
    /// [`Error::Config`] when one of them can't change, of those that [`resume`](Self::resume)
    /// lists the precision, and as [`TrainingConfig::check`].
    pub fn set_run(&mut self, change: impl FnOnce(RunSettings) -> RunSettings) -> Result<()> {
        let config = self.config.clone().with_run(change);
        if config.run.precision != self.config.run.precision {
            return Err(Error::Config(
                "the networks are made in one precision: set run.precision in config.json, then \
                 resume"
                    .to_owned(),
            ));
        }
        self.take(config)
    }

    /// Changes settings of the recipe for what is left of the run, such as loss weights.
    ///
    /// # Errors
    /// [`Error::Config`] when one of them is not among those that
    /// [may change](Recipe::CHANGEABLE), and as [`TrainingConfig::check`].
    pub fn set_recipe(&mut self, change: impl FnOnce(R) -> R) -> Result<()> {
        self.take(self.config.clone().with_recipe(change))
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

    /// Takes other networks before the first iteration: fresh ones as `change` makes their state.
    pub(crate) fn begin_with(&mut self, change: impl FnOnce(State) -> State) -> Result<()> {
        let mut state = State::default();
        self.networks.save(&mut state);
        let networks = self.config.recipe.init::<B>(&self.config.run, &self.device)?;
        let restored = networks.restore(&mut change(state), &self.device);
        self.networks = restored.map_err(Error::Config)?;
        Ok(())
    }

    /// Takes note of the weights that the run begins with, in words, in place of fresh ones, and
    /// writes a checkpoint: the settings alone don't say how to begin again.
    pub(crate) fn note_beginning(&mut self, weights: &impl Display) -> Result<()> {
        let (from, to) = ("fresh".into(), format!("a model's ({weights})").into());
        self.note(vec![Difference { setting: "weights".to_owned(), from, to }]);
        let (checkpoint, weights) = self.whole_checkpoint()?;
        let folder = self.folder.as_ref();
        folder.map_or(Ok(()), |folder| folder.save(&checkpoint, &weights).map(drop))
    }

    /// Takes other settings for the rest of the run, and takes note of what they change.
    pub(super) fn take(&mut self, config: TrainingConfig<R>) -> Result<()> {
        let changed = differences(&self.config, &config);
        if let Some(Difference { setting, from, to }) = fixed::<R>(&changed) {
            return Err(Error::Config(format!(
                "{setting} can't change in a run: it is {from}, and can't become {to}"
            )));
        }
        config.check()?;
        self.config = config;
        self.note(changed);
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
