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
use crate::files::run::Checkpoints;
use crate::nn::weights::Weights;

/// The settings that `config.json` may change of a run that goes on, and all below them.
const CHANGEABLE: [&str; 7] = [
    "run.iterations",
    "run.learning_rate",
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
    /// from there where they may change: the number of iterations, the learning rate, what is kept
    /// and when, the number of loader threads and both policies.
    ///
    /// # Errors
    /// When the folder holds no run or one of another recipe, its checkpoint is damaged or does not
    /// fit its configuration, or `config.json` has another value for a setting that can't change.
    pub fn resume(folder: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        Self::restore(RunFolder::open(folder.as_ref())?, device)
    }

    /// As [`resume`](Self::resume), from `checkpoint`, such as one before the newest. Later ones in
    /// the folder are put aside under other names.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), of `checkpoint`.
    pub fn resume_from(
        folder: impl AsRef<Path>,
        checkpoint: impl AsRef<Path>,
        device: &B::Device,
    ) -> Result<Self> {
        let folder = RunFolder::open(folder.as_ref())?;
        let trainer = Self::restore_at(folder.clone(), checkpoint.as_ref(), device)?;
        folder.set_aside_after(trainer.iteration)?;
        Ok(trainer)
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
    pub(super) fn restore(folder: RunFolder, device: &B::Device) -> Result<Self> {
        let Checkpoints { mut own, foreign } = folder.checkpoints()?;
        let Some((_, newest)) = own.pop() else {
            if let Some(foreign) = foreign.first() {
                let message = "it has the name of a checkpoint but is not this run's, which has \
                               none: move it away, and the run begins again";
                return Err(Error::checkpoint(foreign, message));
            }
            let config: TrainingConfig<R> = folder.config()?;
            config.check()?;
            return Self::fresh(Some(folder), config, device);
        };
        Self::restore_at(folder, &newest, device).map_err(|error| match (error, own.last()) {
            (Error::Checkpoint { path, message }, Some((_, before))) if path == newest => {
                let message = format!(
                    "{message}; the checkpoint before it, {}, can be resumed from",
                    before.display()
                );
                Error::checkpoint(path, message)
            }
            (error, _) => error,
        })
    }

    /// The run in `folder` at `checkpoint`.
    fn restore_at(folder: RunFolder, checkpoint: &Path, device: &B::Device) -> Result<Self> {
        // Of a run of another recipe, or of an earlier version, the configuration says so.
        let edited: TrainingConfig<R> = folder.config()?;
        let (read, weights) = model::read::<Checkpoint<R>>(checkpoint)?;
        let before = read.training.config.clone();
        let changed = differences(&before, &edited);
        if let Some(fixed) = changed.iter().find(|difference| !may_change(difference)) {
            let Difference { setting, from, to } = fixed;
            return Err(Error::Config(format!(
                "{}: config.json has {to} for {setting}, which can't change: the run was trained \
                 with {from}; put that back, or begin a new run",
                folder.path().display()
            )));
        }
        edited.check()?;
        let trainer = Self::at(Some(folder), checkpoint, read, weights, device)?;
        let mut trainer = Self { config: edited, ..trainer };
        trainer.note(changed);
        Ok(trainer)
    }

    /// A run where `checkpoint` and its weights, of `path`, say that it stands.
    pub(super) fn at(
        folder: Option<RunFolder>,
        path: &Path,
        checkpoint: Checkpoint<R>,
        weights: Weights,
        device: &B::Device,
    ) -> Result<Self> {
        let Progress {
            config,
            iteration,
            updates,
            rollbacks,
            learning_rate_scale,
            datasets,
            changes,
        } = checkpoint.training;
        let networks = restored::<B, R>(&config, State { weights, updates }, path, device)?;
        let fresh = Self::begun(folder, config, networks, device);
        Ok(Self { iteration, rollbacks, learning_rate_scale, datasets, changes, ..fresh })
    }
}

fn may_change(Difference { setting, .. }: &Difference) -> bool {
    let below = |prefix: &&str| {
        setting.strip_prefix(*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    CHANGEABLE.iter().any(below)
}
