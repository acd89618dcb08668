//! A worker that follows another one's trainer.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::backend::{AutodiffBackend, Backend};

use crate::data::datasets::Datasets;
use crate::engine::config::TrainingConfig;
use crate::engine::recipe::Recipe;
use crate::engine::trainer::{Outcome, Trainer};
use crate::engine::workers::introduction::Introduction;
use crate::engine::workers::seam::{Collective, Workers};
use crate::error::{Error, Result};

/// A worker that steps with a leading [`Trainer`]. It has no run folder, it observes nothing and it
/// writes nothing: configuration and state come from worker 0.
#[derive(Debug)]
pub struct Follower<B: AutodiffBackend, R: Recipe>(Trainer<B, R>);

impl<B: AutodiffBackend, R: Recipe> Follower<B, R> {
    /// Joins the run of worker 0 of `link`, which must have the configuration `expected`, the
    /// number of loader threads aside; `None` takes any.
    ///
    /// # Errors
    /// When worker 0 is of another version or has another configuration, or refuses or is gone.
    pub fn join(
        link: Box<dyn Collective<B::InnerBackend>>,
        expected: Option<&TrainingConfig<R>>,
        device: &B::Device,
    ) -> Result<Self> {
        let mut workers = Workers::Linked(link, device.clone());
        let introduction = workers.broadcast(Vec::new())?;
        let own_backend = B::InnerBackend::name(device);
        let config = Introduction::read(&introduction, &own_backend, expected);
        let config = config.and_then(|config| {
            Trainer::<B, R>::check(&config, device)?;
            Ok(config)
        });
        let config = workers.agree(config)?;
        Trainer::following(workers, config, device).map(Self)
    }

    /// The configuration of the run.
    pub fn config(&self) -> &TrainingConfig<R> {
        self.0.config()
    }

    /// Raising it stops the run at every worker, as [`Trainer::stop_flag`] does.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.0.stop_flag()
    }

    /// Uses `flag` as the [stop flag](Self::stop_flag).
    pub fn set_stop_flag(&mut self, flag: Arc<AtomicBool>) {
        self.0.set_stop_flag(flag);
    }

    /// Trains for as long as worker 0 does, on the same `data`. The checkpoint that it ends with is
    /// worker 0's.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub fn run(&mut self, data: impl Into<Datasets>) -> Result<Outcome> {
        self.0.run(data, &mut ()).map_err(|error| match error {
            // Where it goes on from is worth more than what to do without a checkpoint.
            Error::NonFinite { iteration, term, value, .. } => Error::Workers(format!(
                "iteration {iteration}: {term} is {value}: training has diverged; worker 0 says \
                 what to do"
            )),
            other => other,
        })
    }

    /// The trainer within, whose networks are after [`run`](Self::run) those of worker 0, bit for
    /// bit.
    pub fn trainer(&self) -> &Trainer<B, R> {
        &self.0
    }
}
