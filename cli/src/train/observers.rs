//! Who watches a run.

use std::path::Path;

use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::train::{Iteration, Recipe};
use stargan::{Error, Observer, Result, Trainer, TrainingConfig};

/// Observers that are told one after the other: one type, whoever they are, so that the loop is
/// compiled once.
pub struct Observers<'a, B: AutodiffBackend, R: Recipe = TrainingConfig>(
    pub Vec<&'a mut dyn Observer<B, R>>,
);

impl<B: AutodiffBackend, R: Recipe> Observer<B, R> for Observers<'_, B, R> {
    fn started(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.started(trainer))
    }

    fn iteration(
        &mut self,
        trainer: &Trainer<B, R>,
        iteration: &Iteration<'_, B, R>,
    ) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.iteration(trainer, iteration))
    }

    fn checkpoint(&mut self, trainer: &Trainer<B, R>, path: &Path) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.checkpoint(trainer, path))
    }

    fn rolled_back(&mut self, trainer: &Trainer<B, R>, reason: &Error) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.rolled_back(trainer, reason))
    }

    fn finished(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.finished(trainer))
    }
}
