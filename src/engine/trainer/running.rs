//! The loop, whatever it trains.

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use burn::tensor::backend::AutodiffBackend;

use super::{Outcome, Trainer};
use crate::data::datasets::Datasets;
use crate::data::loader::{Batch, Loader};
use crate::data::loader_config::LoaderConfig;
use crate::engine::checkpoint::Checkpoint;
use crate::engine::divergence::{NonFinite, Watch};
use crate::engine::networks::Networks;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::engine::policy::NonFinitePolicy;
use crate::engine::recipe::{Recipe, StepLosses};
use crate::error::{Error, Result};
use crate::nn::weights::{self, Weights};

/// After so many iterations, and before every checkpoint, a run looks whether all was finite: each
/// look waits for the device.
const LOOK_EVERY: u64 = 10;

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// Trains until all iterations are done, an observer [stops](Run::stop) the run or the
    /// [stop flag](Self::stop_flag) is raised; ends with a checkpoint either way.
    ///
    /// # Errors
    /// When the datasets are not those of the configuration or of the checkpoint resumed from, an
    /// image can't be read ([`on_unreadable`](crate::RunSettings::on_unreadable)), the run folder
    /// can't be written, a value is not finite
    /// ([`on_non_finite`](crate::RunSettings::on_non_finite)), or another worker is gone or
    /// refuses.
    pub fn run(
        &mut self,
        data: impl Into<Datasets>,
        observer: &mut dyn Observer<B>,
    ) -> Result<Outcome> {
        let data = data.into();
        let run = AssertUnwindSafe(|| self.run_together(&data, observer));
        let ended = panic::catch_unwind(run);
        if !matches!(ended, Ok(Ok(_))) {
            // The others would wait.
            self.workers.leave();
        }
        ended.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    fn run_together(&mut self, data: &Datasets, observer: &mut dyn Observer<B>) -> Result<Outcome> {
        let found = self.identified(data);
        self.datasets = self.workers.agree(found)?;
        self.check_same_data()?;
        self.follow()?;
        if let Some(folder) = &self.folder
            && self.rewound
        {
            folder.set_aside_after(self.iteration)?;
        }
        self.rewound = false;
        self.write_config()?;
        // Of an iteration that was the last anyway.
        self.asked.stop.set(false);
        let ended = loop {
            match self.train(data, observer) {
                Err(reason @ Error::NonFinite { .. }) => self.roll_back(reason, observer)?,
                ended => break ended,
            }
        };
        if let Ok(Outcome::Stopped { .. }) = ended {
            // Followed: the next run goes on.
            self.stop.store(false, Ordering::Relaxed);
        }
        ended
    }

    /// Trains until the run ends or diverges.
    fn train(&mut self, data: &Datasets, observer: &mut dyn Observer<B>) -> Result<Outcome> {
        let loader = LoaderConfig { share: self.workers.share(), ..self.config.loader() };
        let mut loader = Loader::new(data, loader, self.iteration + 1)?;
        self.waited = Duration::ZERO;
        observer.started(&Run::new(self))?;
        self.apply_requests()?;
        let begun = self.iteration;
        let ended = self.iterate(data.len(), &mut loader, observer);
        self.unreadable.extend(loader.unreadable());
        if let Err(error) = &ended {
            self.save_before(error, begun);
        }
        let checkpoint = ended?;
        observer.finished(&Run::new(self))?;
        if !self.workers.several() {
            self.apply_requests()?;
        }
        Ok(if self.iteration < self.config.run.iterations {
            Outcome::Stopped { checkpoint }
        } else {
            Outcome::Finished { checkpoint }
        })
    }

    /// The loop itself, up to the last checkpoint, which it gives back.
    fn iterate(
        &mut self,
        datasets: usize,
        loader: &mut Loader,
        observer: &mut dyn Observer<B>,
    ) -> Result<PathBuf> {
        let mut watch = Watch::default();
        let mut saved = None;
        while self.iteration < self.config.run.iterations && !self.stopping()? {
            let batches: Vec<Batch> =
                (0..datasets).map(|_| loader.next_batch()).collect::<Result<_>>()?;
            let losses = self.step(batches)?;
            watch.note(self.iteration, &losses);
            self.waited = loader.waited();
            self.observe(&losses, observer)?;
            let due = self.iteration.is_multiple_of(self.config.run.checkpoint_every);
            if due || self.iteration.is_multiple_of(LOOK_EVERY) {
                self.check_finite(watch.look())?;
            }
            saved = if due { Some(self.save(observer)?) } else { None };
        }
        match saved {
            Some(path) => Ok(path),
            None => {
                self.check_finite(watch.look())?;
                self.save(observer)
            }
        }
    }

    /// Tells the observer of this iteration, and does what it asks for.
    fn observe(
        &mut self,
        losses: &[StepLosses<B::InnerBackend>],
        observer: &mut dyn Observer<B>,
    ) -> Result<()> {
        let run = Run::new(self);
        let iteration = Iteration::new(self.iteration, self.learning_rate(), losses);
        observer.iteration(&run, &iteration)?;
        for grid in self.asked.grids.take() {
            observer.grid(&run, &grid)?;
        }
        for metric in self.asked.metrics.take() {
            observer.metric(&run, &metric)?;
        }
        // Several workers hear of it where all of them look.
        if self.workers.several() { Ok(()) } else { self.apply_requests() }
    }

    /// Sets the learning rate that an observer has asked for, at every worker alike.
    fn apply_requests(&mut self) -> Result<()> {
        let asked = self.asked.learning_rate.take();
        if !self.workers.several() {
            return asked.map_or(Ok(()), |rate| self.follow_observer(rate));
        }
        let rate = asked.unwrap_or(self.config.run.learning_rate);
        let first = self.workers.broadcast(rate.to_le_bytes().to_vec())?;
        let first = <[u8; 8]>::try_from(&first[..]).map_or(rate, f64::from_le_bytes);
        self.follow_observer(first)
    }

    /// Whether the run is to stop here, at every worker alike.
    fn stopping(&mut self) -> Result<bool> {
        let several = self.workers.several();
        if several && !self.iteration.is_multiple_of(LOOK_EVERY) {
            return Ok(false);
        }
        if several {
            self.apply_requests()?;
        }
        let raised = self.asked.stop.get() || self.stop.load(Ordering::Relaxed);
        if several { self.workers.any(raised) } else { Ok(raised) }
    }

    /// Writes a checkpoint before `error` ends the run, if the state is good and new since `begun`.
    fn save_before(&mut self, error: &Error, begun: u64) {
        let good = !matches!(error, Error::NonFinite { .. } | Error::Workers(_));
        let new = self.iteration > begun;
        // Several workers would have to agree on it.
        if !good || !new || self.workers.several() {
            return;
        }
        let (checkpoint, weights) = self.checkpoint();
        if weights::non_finite(&weights).is_none() {
            // What ends the run may be the disk; the first error is the one to tell of.
            let saved = self.write_config().and_then(|()| {
                let folder = self.folder.as_ref();
                folder.map_or(Ok(()), |folder| folder.save(&checkpoint, &weights).map(drop))
            });
            drop(saved);
        }
    }

    fn check_finite(&self, found: Option<NonFinite>) -> Result<()> {
        let Some(NonFinite { iteration, term, value }) = found else { return Ok(()) };
        // A folder that can't be read at the moment is no reason to hide this one.
        let checkpoints = self.folder.as_ref().and_then(|folder| folder.checkpoints().ok());
        let checkpoint = checkpoints.and_then(|all| all.newest().0.map(Path::to_owned));
        Err(Error::NonFinite { iteration, term, value, rollbacks: self.rollbacks, checkpoint })
    }

    /// Goes back to the last checkpoint with a smaller learning rate, where the policy allows it.
    ///
    /// # Errors
    /// With `reason` where it does not; when the checkpoint can't be read or written.
    fn roll_back(&mut self, reason: Error, observer: &mut dyn Observer<B>) -> Result<()> {
        let NonFinitePolicy::RollBack { factor, times } = self.config.run.on_non_finite else {
            return Err(reason);
        };
        if self.rollbacks >= times {
            return Err(reason);
        }
        // What is restored takes their place: there need not be memory for both.
        self.networks.free();
        if let Some(folder) = &self.folder {
            let restored = self.gone_back(folder.clone())?;
            let (rollbacks, scale) = (self.rollbacks + 1, self.learning_rate_scale * factor);
            self.go_on_as(restored);
            (self.rollbacks, self.learning_rate_scale) = (rollbacks, scale);
            let iteration = self.iteration;
            self.changes.retain(|change| change.iteration <= iteration);
        }
        self.follow()?;
        observer.rolled_back(&Run::new(self), &reason)?;
        // In place of the checkpoint, so that a resumed run knows of it too.
        self.save(observer).map(drop)
    }

    /// What a checkpoint says now, and its weights, all of which are finite.
    ///
    /// # Errors
    /// [`Error::NonFinite`] when one is not.
    pub(super) fn whole_checkpoint(&self) -> Result<(Checkpoint<R>, Weights)> {
        let (checkpoint, weights) = self.checkpoint();
        // A weight can leave the numbers where no loss and no gradient did.
        let found = weights::non_finite(&weights).map(|(term, value)| NonFinite {
            iteration: self.iteration,
            term,
            value,
        });
        self.check_finite(found)?;
        Ok((checkpoint, weights))
    }

    /// Writes a checkpoint, where this worker leads; the others wait for it.
    fn save(&mut self, observer: &mut dyn Observer<B>) -> Result<PathBuf> {
        self.apply_requests()?;
        let (checkpoint, weights) = self.whole_checkpoint()?;
        self.check_same_weights(&weights)?;
        // First, since a resumed run takes from it what may have changed.
        self.write_config()?;
        let written = self.folder.as_ref().map(|folder| folder.save(&checkpoint, &weights));
        drop(weights);
        let path = self.say_where(written)?;
        observer.checkpoint(&Run::new(self), &path)?;
        if !self.workers.several() {
            self.apply_requests()?;
        }
        Ok(path)
    }
}
