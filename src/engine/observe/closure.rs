//! A function that observes.

use std::fmt;

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::error::Result;

/// An observer that is a function, called after every iteration: [`on_iteration`] makes it.
pub struct OnIteration<F>(F);

/// An observer that calls `function` after every iteration.
///
/// ```
/// # use stargan::burn::backend::{Autodiff, Flex};
/// # use stargan::{Datasets, Outcome, Result, StarGan, Trainer, on_iteration};
/// # fn train(trainer: &mut Trainer<Autodiff<Flex>, StarGan>, data: Datasets) -> Result<()> {
/// let outcome = trainer.run(data, &mut on_iteration(|run, iteration| {
///     match iteration.number {
///         1_000 => run.set_learning_rate(run.base_learning_rate() / 10.0),
///         2_000 => run.stop(),
///         _ => {}
///     }
///     Ok(())
/// }))?;
/// # Ok(())
/// # }
/// ```
pub fn on_iteration<B, F>(function: F) -> OnIteration<F>
where
    B: AutodiffBackend,
    F: FnMut(&Run<'_, B>, &Iteration<'_, B>) -> Result<()>,
{
    OnIteration(function)
}

impl<B, F> Observer<B> for OnIteration<F>
where
    B: AutodiffBackend,
    F: FnMut(&Run<'_, B>, &Iteration<'_, B>) -> Result<()>,
{
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        self.0(run, iteration)
    }
}

impl<F> fmt::Debug for OnIteration<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnIteration").finish_non_exhaustive()
    }
}
