//! Going on with a run from its folder.

use std::path::{Path, PathBuf};

use burn::tensor::backend::AutodiffBackend;

use super::Trainer;
use crate::engine::checkpoint::{Checkpoint, Progress};
use crate::engine::config::TrainingConfig;
use crate::engine::difference::{Difference, differences};
use crate::engine::networks::State;
use crate::engine::open::restored;
use crate::engine::recipe::Recipe;
use crate::engine::run_folder::RunFolder;
use crate::error::{Error, Result};
use crate::files::model;
use crate::nn::precision::Precision;
use crate::nn::weights::Weights;

/// The settings of every run that may change when it goes on, and all below them.
const CHANGEABLE: [&str; 15] = [
    "run.iterations",
    "run.learning_rate",
    "run.discriminator_learning_rate",
    "run.schedule",
    "run.batch_size",
    "run.flip",
    "run.augmentation",
    "run.sampling",
    "run.accumulate",
    "run.precision",
    "run.checkpoint_every",
    "run.keep",
    "run.loader_threads",
    "run.on_unreadable",
    "run.on_non_finite",
];

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// Continues the run in `folder` from its newest checkpoint, exactly: on a CPU backend the
    /// result is that of the uninterrupted run, bit for bit. A run that was stopped before its
    /// first checkpoint starts again.
    ///
    /// Settings that the folder's `config.json` gives other values than the checkpoint are taken
    /// from there where they may change: the number of iterations, the learning rates and their
    /// schedule, the batch size and in how many parts a batch is taken, the flip, the augmentation
    /// and the sampling, the precision, what is kept and when, the number of loader threads, both
    /// policies, and of the recipe what [it says](Recipe::CHANGEABLE), such as loss weights. After
    /// another batch size the run takes the images that such batches would have come to.
    ///
    /// # Errors
    /// When the folder holds no run or one of another recipe, its checkpoint is damaged or does not
    /// fit its configuration, or `config.json` has another value for a setting that can't change.
    pub fn resume(folder: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        Self::restore(RunFolder::open(folder.as_ref())?, device)
    }

    /// As [`resume`](Self::resume), from `checkpoint`, such as one before the newest, and with its
    /// settings. [`run`](Self::run) puts later ones in the folder aside, under other names.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), of `checkpoint`.
    pub fn resume_from(
        folder: impl AsRef<Path>,
        checkpoint: impl AsRef<Path>,
        device: &B::Device,
    ) -> Result<Self> {
        let folder = RunFolder::open(folder.as_ref())?;
        let checkpoint = checkpoint.as_ref();
        let own: TrainingConfig<R> = folder.config()?;
        let trainer = Self::from_checkpoint(folder, checkpoint, None, device)?;
        let differences = differences(&trainer.config, &own);
        if let Some(Difference { setting, from, to }) = fixed::<R>(&differences) {
            let message = format!(
                "it is not a checkpoint of the run in {}: {setting} is {from} in it and {to} there",
                trainer.folder().display()
            );
            return Err(Error::checkpoint(checkpoint, message));
        }
        Ok(Self { rewound: true, config_is_stale: true, ..trainer })
    }

    /// The files among the run's checkpoints that have the name of one but are not its own: copies
    /// under another number, or somebody's models. They are never taken for a checkpoint and never
    /// deleted.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder can't be read.
    pub fn foreign_checkpoints(&self) -> Result<Vec<PathBuf>> {
        Ok(self
            .folder
            .as_ref()
            .map(RunFolder::checkpoints)
            .transpose()?
            .unwrap_or_default()
            .foreign)
    }

    /// The run in `folder` at its newest checkpoint, or at its beginning where it has none.
    fn restore(folder: RunFolder, device: &B::Device) -> Result<Self> {
        let checkpoints = folder.checkpoints()?;
        let (Some(newest), before) = checkpoints.newest() else {
            if let Some(foreign) = checkpoints.foreign.first() {
                let message = "it has the name of a checkpoint but is not this run's, which has \
                               none: move it away, and the run begins again";
                return Err(Error::checkpoint(foreign, message));
            }
            let config: TrainingConfig<R> = folder.config()?;
            Self::check(&config, device)?;
            return Self::fresh(Some(folder), config, device);
        };
        // Of a run of another recipe, or of an earlier version, the configuration says so.
        let edited: TrainingConfig<R> = folder.config()?;
        let mut trainer = Self::from_checkpoint(folder, newest, Some(edited.run.precision), device)
            .map_err(|error| match (error, before) {
                (Error::Checkpoint { path, message }, Some(before)) if path == newest => {
                    let message = format!(
                        "{message}; the checkpoint before it, {}, can be resumed from",
                        before.display()
                    );
                    Error::checkpoint(path, message)
                }
                (Error::Config(message), _) => Error::Config(format!(
                    "{message}; config.json in the run folder has the settings"
                )),
                (error, _) => error,
            })?;
        trainer.take_edited(edited)?;
        Ok(trainer)
    }

    /// Takes from `edited`, which `config.json` has, what may change.
    fn take_edited(&mut self, edited: TrainingConfig<R>) -> Result<()> {
        let changed = differences(&self.config, &edited);
        if let Some(Difference { setting, from, to }) = fixed::<R>(&changed) {
            return Err(Error::Config(format!(
                "{}: config.json has {to} for {setting}, which can't change: the run was trained \
                 with {from}; put that back, or begin a new run",
                self.folder().display()
            )));
        }
        self.take(edited)?;
        self.config_is_stale = false;
        Ok(())
    }

    /// The run in `folder` as `checkpoint` has it, but with networks of `precision`, where it is
    /// given.
    fn from_checkpoint(
        folder: RunFolder,
        checkpoint: &Path,
        precision: Option<Precision>,
        device: &B::Device,
    ) -> Result<Self> {
        let (mut read, weights) = model::read::<Checkpoint<R>>(checkpoint)?;
        let own = read.training.config.run.precision;
        read.training.set_precision(precision.unwrap_or(own));
        let mut trainer = Self::at(Some(folder), checkpoint, read, weights, device)?;
        // What the checkpoint says, so that the change is seen as one.
        trainer.config.run.precision = own;
        Ok(trainer)
    }

    /// The run at its newest checkpoint, or at its beginning, with the settings that it has now.
    pub(super) fn gone_back(&self, folder: RunFolder) -> Result<Self> {
        let checkpoints = folder.checkpoints()?;
        let Some(newest) = checkpoints.newest().0 else {
            return Self::fresh(Some(folder), self.config.clone(), &self.device);
        };
        let precision = Some(self.config.run.precision);
        Self::from_checkpoint(folder, newest, precision, &self.device)
    }

    /// A run where `checkpoint` and its weights, of `path`, say that it stands.
    pub(super) fn at(
        folder: Option<RunFolder>,
        path: &Path,
        checkpoint: Checkpoint<R>,
        weights: Weights,
        device: &B::Device,
    ) -> Result<Self> {
        let broken = |problem| Error::checkpoint(path, problem);
        checkpoint.training.check_loss_scale().map_err(broken)?;
        let Progress {
            config,
            iteration,
            updates,
            rollbacks,
            learning_rate_scale,
            loss_scale,
            datasets,
            changes,
        } = checkpoint.training;
        config.run.precision.check::<B::InnerBackend>(device)?;
        let networks = restored::<B, R>(&config, State { weights, updates }, path, device)?;
        let fresh = Self::begun(folder, config, networks, device);
        Ok(Self {
            iteration,
            rollbacks,
            learning_rate_scale,
            loss_scale,
            datasets,
            changes,
            ..fresh
        })
    }
}

/// The first of `differences` that a run can't go on with.
pub(super) fn fixed<R: Recipe>(differences: &[Difference]) -> Option<&Difference> {
    let is_or_is_below = |setting: &str, prefix: &str| {
        setting.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let may_change = |setting: &str| {
        let among =
            |names: &[&str], setting: &str| names.iter().any(|name| is_or_is_below(setting, name));
        let own = setting.strip_prefix("settings.");
        among(&CHANGEABLE, setting) || own.is_some_and(|own| among(R::CHANGEABLE, own))
    };
    differences.iter().find(|difference| !may_change(&difference.setting))
}
