//! What a trainer does with those of other workers: all begin alike, take over the state of worker
//! 0, and stay alike.

use std::path::{Path, PathBuf};

use burn::tensor::backend::{AutodiffBackend, Backend};

use super::Trainer;
use crate::engine::checkpoint::Checkpoint;
use crate::engine::config::TrainingConfig;
use crate::engine::dataset_identity::DatasetIdentity;
use crate::engine::recipe::Recipe;
use crate::engine::workers::introduction::Introduction;
use crate::engine::workers::seam::{Collective, Workers};
use crate::error::{Error, Result};
use crate::files::model;
use crate::nn::weights::Weights;

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// Makes of this trainer the first of several workers, worker 0 of `link`; the others are
    /// [`Follower`](crate::engine::Follower)s of it. Each takes its share of every batch, so that
    /// together they compute what one worker computes, and only this one observes and writes.
    ///
    /// # Errors
    /// As [`TrainingConfig::check_workers`]; when a follower refuses or is gone.
    ///
    /// # Panics
    /// When `link` is another worker's.
    pub fn lead(mut self, link: Box<dyn Collective<B::InnerBackend>>) -> Result<Self> {
        assert_eq!(link.rank(), 0, "worker 0 leads");
        let workers = link.workers();
        self.workers = Workers::Linked(link, self.device.clone());
        let backend = B::InnerBackend::name(&self.device);
        self.workers.broadcast(Introduction::write(&self.config, backend))?;
        let shareable = self.config.check_workers(workers);
        self.workers.agree(shareable)?;
        Ok(self)
    }

    /// The trainer of a worker that does not lead: without a folder, at the run's beginning.
    pub(crate) fn following(
        workers: Workers<B::InnerBackend>,
        config: TrainingConfig<R>,
        device: &B::Device,
    ) -> Result<Self> {
        Ok(Self { workers, ..Self::fresh(None, config, device)? })
    }

    /// Refuses data that are not those of worker 0.
    pub(super) fn check_same_data(&mut self) -> Result<()> {
        if !self.workers.several() {
            return Ok(());
        }
        let own = serde_json::to_vec(&self.datasets).expect("JSON");
        let first = self.workers.broadcast(own)?;
        let same = match serde_json::from_slice::<Vec<DatasetIdentity>>(&first) {
            Ok(first) => DatasetIdentity::check_same(&first, &self.datasets).map_err(|difference| {
                Error::Workers(format!(
                    "the data are not those of worker 0: {difference} (\"before\" is at worker 0, \
                     \"now\" here); give all workers the same images and lists"
                ))
            }),
            Err(error) => Err(Error::Workers(format!("worker 0 describes its data so: {error}"))),
        };
        self.workers.agree(same)
    }

    /// Takes over the state of worker 0, at every other worker.
    pub(super) fn follow(&mut self) -> Result<()> {
        if !self.workers.several() {
            return Ok(());
        }
        let leads = self.workers.share().rank == 0;
        let state = if leads {
            let (checkpoint, weights) = self.checkpoint();
            model::encode(&checkpoint, &weights)
        } else {
            Ok(Vec::new())
        };
        let path = Path::new("the state of worker 0");
        let state = state.map_err(|problem| Error::checkpoint(path, problem));
        let state = self.workers.agree(state)?;
        let state = self.workers.broadcast(state)?;
        if leads {
            return Ok(());
        }
        let (checkpoint, weights) = model::decode::<Checkpoint<R>>(&state)
            .map_err(|problem| Error::checkpoint(path, problem))?;
        let mut first = Self::at(None, path, checkpoint, weights, self.device())?;
        first.config.run.loader_threads = self.config.run.loader_threads;
        self.config = first.config.clone();
        self.go_on_as(first);
        Ok(())
    }

    /// Refuses to go on with weights that are not those of worker 0, bit for bit.
    pub(super) fn check_same_weights(&mut self, weights: &Weights) -> Result<()> {
        if !self.workers.several() {
            return Ok(());
        }
        let own = model::checksum("", weights).into_bytes();
        let first = self.workers.broadcast(own.clone())?;
        let same = (own == first).then_some(()).ok_or_else(|| {
            Error::Workers(format!(
                "iteration {}: the weights are not those of worker 0 any more: use devices and \
                 programs that round alike",
                self.iteration()
            ))
        });
        self.workers.agree(same)
    }

    /// Where worker 0 has `written` a checkpoint, at every worker; the others have written none.
    pub(super) fn say_where(&mut self, written: Option<Result<PathBuf>>) -> Result<PathBuf> {
        let own = self.workers.agree(written.transpose())?;
        let path = own.as_deref().unwrap_or(Path::new("")).as_os_str().as_encoded_bytes().to_vec();
        let first = self.workers.broadcast(path)?;
        // Another machine's path is a message, not a place.
        Ok(own.unwrap_or_else(|| String::from_utf8_lossy(&first).into_owned().into()))
    }
}
