//! The trainer: one loop, whatever it trains.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;

use super::adversaries::{Adversaries, Architecture};
use super::checkpoint::{Checkpoint, DatasetIdentity, Progress, RunFolder};
use super::config::TrainingConfig;
use super::divergence::{NonFinite, NonFinitePolicy, Watch};
use super::observer::{Iteration, Observer};
use super::recipe::{Moment, Recipe, Step};
use super::workers::Workers;
use crate::data::{Batch, Crop, Datasets, Loader, LoaderConfig, Transform, UnreadablePolicy};
use crate::error::{Error, Result};
use crate::model;
use crate::translator::Translator;
use crate::weights::{self, Weights};

/// How a call of [`Trainer::run`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All iterations are done.
    Finished {
        /// The last checkpoint.
        checkpoint: PathBuf,
    },
    /// [`Trainer::stop_flag`] was raised; [`Trainer::resume`] goes on from the checkpoint.
    Stopped {
        /// The checkpoint written at the stop.
        checkpoint: PathBuf,
    },
}

/// After so many iterations, and before every checkpoint, a run looks whether all was finite: each look waits for
/// the device.
const LOOK_EVERY: u64 = 10;

/// Trains a generator and a discriminator on one or more datasets; with another [`Recipe`] than StarGAN's, other
/// networks by other steps.
#[derive(Debug)]
pub struct Trainer<B: AutodiffBackend, R: Recipe = TrainingConfig> {
    /// None where another worker leads: it has the folder.
    folder: Option<RunFolder>,
    pub(super) workers: Workers<B::InnerBackend>,
    pub(super) config: R,
    device: B::Device,
    networks: Vec<Adversaries<B>>,
    iteration: u64,
    datasets: Vec<DatasetIdentity>,
    rollbacks: u32,
    learning_rate_scale: f64,
    unreadable: BTreeMap<PathBuf, String>,
    stop: Arc<AtomicBool>,
}

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// A new run in `folder`, which is made; the configuration is written into it.
    ///
    /// # Errors
    /// When the configuration is invalid, or the folder is not empty or can't be written.
    pub fn new(folder: impl AsRef<Path>, config: R, device: &B::Device) -> Result<Self> {
        config.check()?;
        let folder = RunFolder::create(folder.as_ref(), &config)?;
        Self::fresh(Some(folder), config, device)
    }

    /// Continues the run in `folder` from its newest checkpoint, exactly: on a CPU backend the result
    /// is that of the uninterrupted run, bit for bit. A run that was stopped before its first
    /// checkpoint starts again.
    ///
    /// # Errors
    /// When the folder holds no run, or its checkpoint is damaged or does not fit its configuration.
    pub fn resume(folder: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        Self::restore(RunFolder::open(folder.as_ref())?, device)
    }

    /// The run in `folder` at its newest checkpoint, or at its beginning where it has none.
    fn restore(folder: RunFolder, device: &B::Device) -> Result<Self> {
        let Some(path) = folder.newest_checkpoint()? else {
            let config: R = folder.config()?;
            config.check()?;
            return Self::fresh(Some(folder), config, device);
        };
        let (checkpoint, weights) = model::read::<Checkpoint<R>>(&path)?;
        Self::at(Some(folder), &path, checkpoint, weights, device)
    }

    /// A run where `checkpoint` and its weights, of `path`, say that it stands.
    pub(super) fn at(
        folder: Option<RunFolder>,
        path: &Path,
        checkpoint: Checkpoint<R>,
        mut weights: Weights,
        device: &B::Device,
    ) -> Result<Self> {
        let Progress {
            config,
            iteration,
            generator_updates,
            discriminator_updates,
            rollbacks,
            learning_rate_scale,
            datasets,
        } = checkpoint.training;
        config.check()?;
        let architectures = config.architectures();
        let params = architectures.iter().map(Architecture::num_params);
        let params = params.fold(0, u64::saturating_add);
        weights::expect_enough(&weights, params)
            .map_err(|problem| Error::checkpoint(path, problem))?;
        let trainer = Self::fresh(folder, config, device)?;
        let training = trainer.config.training();
        let updates = [generator_updates, discriminator_updates];
        let several = trainer.networks.len() > 1;
        let mut restore = |(number, networks): (usize, Adversaries<B>)| {
            let prefix = prefix(number, several);
            networks.restore(training, updates, &prefix, &mut weights, device)
        };
        let networks: Result<Vec<_>, String> =
            trainer.networks.into_iter().enumerate().map(&mut restore).collect();
        let networks = networks.and_then(|networks| {
            weights::expect_empty(&weights)?;
            Ok(networks)
        });
        Ok(Self {
            networks: networks.map_err(|problem| Error::checkpoint(path, problem))?,
            folder: trainer.folder,
            workers: Workers::Alone,
            config: trainer.config,
            device: trainer.device,
            iteration,
            datasets,
            rollbacks,
            learning_rate_scale,
            unreadable: BTreeMap::new(),
            stop: Arc::default(),
        })
    }

    /// A run at its beginning.
    pub(super) fn fresh(folder: Option<RunFolder>, config: R, device: &B::Device) -> Result<Self> {
        let networks = config.architectures();
        let networks = networks.iter().zip(0..).map(|(architecture, number)| {
            Adversaries::fresh(architecture, config.training(), number, device)
        });
        Ok(Self {
            networks: networks.collect::<Result<_>>()?,
            device: device.clone(),
            folder,
            workers: Workers::Alone,
            config,
            iteration: 0,
            datasets: Vec::new(),
            rollbacks: 0,
            learning_rate_scale: 1.0,
            unreadable: BTreeMap::new(),
            stop: Arc::default(),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &R {
        &self.config
    }

    /// The settings that every run has, whatever it trains.
    pub fn training(&self) -> &TrainingConfig {
        self.config.training()
    }

    /// The images of all datasets that an iteration takes, those of all workers together.
    pub(super) fn images_per_iteration(&self) -> u64 {
        (self.training().batch_size * self.datasets.len()) as u64
    }

    /// What computes.
    pub(crate) fn device(&self) -> &B::Device {
        &self.device
    }

    pub(crate) fn networks(&self) -> &[Adversaries<B>] {
        &self.networks
    }

    /// The run folder.
    pub fn folder(&self) -> &Path {
        // A follower's trainer is in nobody's hands.
        self.folder.as_ref().map_or(Path::new(""), RunFolder::path)
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// Changes how many iterations the run has, for example to go on after its end.
    pub fn set_iterations(&mut self, iterations: u64) {
        self.config.training_mut().iterations = iterations;
    }

    /// Changes what becomes of the run when a value is not finite, for example to go on with one that has ended so.
    ///
    /// # Errors
    /// As [`NonFinitePolicy::validate`].
    pub fn set_on_non_finite(&mut self, policy: NonFinitePolicy) -> Result<()> {
        policy.validate()?;
        self.config.training_mut().on_non_finite = policy;
        Ok(())
    }

    /// Changes what becomes of the run when an image can't be read.
    pub fn set_on_unreadable(&mut self, policy: UnreadablePolicy) {
        self.config.training_mut().on_unreadable = policy;
    }

    /// How often the run was rolled back after it had diverged.
    pub fn rollbacks(&self) -> u32 {
        self.rollbacks
    }

    /// What roll-backs have made of the schedule's learning rate: 1 without any.
    pub fn learning_rate_scale(&self) -> f64 {
        self.learning_rate_scale
    }

    /// The images that this trainer (of several workers, this one) could not read and left out, with the reasons, up to the end of its last
    /// [`run`](Self::run), whatever ended that; those of an earlier process are not among them.
    /// Empty unless the policy is [`UnreadablePolicy::Skip`].
    pub fn unreadable(&self) -> &BTreeMap<PathBuf, String> {
        &self.unreadable
    }

    /// Raise it from anywhere, such as a Ctrl-C handler, and [`run`](Self::run) finishes its
    /// iteration, with several workers those up to the next multiple of ten, writes a checkpoint and returns.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Uses `flag` as the [stop flag](Self::stop_flag), so that one handler stops several trainers.
    pub fn set_stop_flag(&mut self, flag: Arc<AtomicBool>) {
        self.stop = flag;
    }

    /// Trains until all iterations are done or the [stop flag](Self::stop_flag) is raised; ends with
    /// a checkpoint either way.
    ///
    /// # Errors
    /// When the datasets are not those of the configuration or of the checkpoint resumed from, an
    /// image can't be read ([`TrainingConfig::on_unreadable`]), the run folder can't be written, a value
    /// is not finite ([`TrainingConfig::on_non_finite`]), or another worker is gone or refuses.
    pub fn run(
        &mut self,
        data: impl Into<Datasets>,
        observer: &mut impl Observer<B, R>,
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

    fn run_together(
        &mut self,
        data: &Datasets,
        observer: &mut impl Observer<B, R>,
    ) -> Result<Outcome> {
        let accepted = self.accept(data);
        self.workers.agree(accepted)?;
        self.expect_same_data(data)?;
        self.follow()?;
        loop {
            match self.train(data, observer) {
                Err(reason @ Error::NonFinite { .. }) => self.roll_back(reason, observer)?,
                ended => return ended,
            }
        }
    }

    /// Trains until the run ends or diverges.
    fn train(&mut self, data: &Datasets, observer: &mut impl Observer<B, R>) -> Result<Outcome> {
        let training = self.config.training();
        let loader = LoaderConfig {
            batch_size: training.batch_size,
            image_size: training.image_size,
            flip: training.flip,
            seed: training.seed,
            threads: training.loader_threads,
            on_unreadable: training.on_unreadable,
            paired: self.config.paired(),
            share: self.workers.share(),
            ..LoaderConfig::default()
        };
        let mut loader = Loader::new(data, loader, self.iteration + 1)?;
        observer.started(self)?;
        let ended = self.iterate(data.len(), &mut loader, observer);
        self.unreadable.extend(loader.unreadable());
        let checkpoint = ended?;
        observer.finished(self)?;
        Ok(if self.iteration < self.training().iterations {
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
        observer: &mut impl Observer<B, R>,
    ) -> Result<PathBuf> {
        let mut watch = Watch::default();
        let mut saved = None;
        while self.iteration < self.training().iterations && !self.stopping()? {
            let batches: Vec<Batch> =
                (0..datasets).map(|_| loader.next_batch()).collect::<Result<_>>()?;
            let losses = self.step(batches)?;
            watch.note(self.iteration, &self.config, &losses);
            let iteration = Iteration::new(self, &losses, loader.waited());
            observer.iteration(self, &iteration)?;
            let due = self.iteration.is_multiple_of(self.training().checkpoint_every);
            if due || self.iteration.is_multiple_of(LOOK_EVERY) {
                self.expect_finite(watch.look())?;
            }
            saved = if due { Some(self.save(observer)?) } else { None };
        }
        match saved {
            Some(path) => Ok(path),
            None => {
                self.expect_finite(watch.look())?;
                self.save(observer)
            }
        }
    }

    /// Whether the run is to stop here, at every worker alike.
    fn stopping(&mut self) -> Result<bool> {
        let raised = self.stop.load(Ordering::Relaxed);
        if self.workers.several() {
            return Ok(self.iteration.is_multiple_of(LOOK_EVERY) && self.workers.any(raised)?);
        }
        Ok(raised)
    }

    fn expect_finite(&self, found: Option<NonFinite>) -> Result<()> {
        let Some(NonFinite { iteration, term, value }) = found else { return Ok(()) };
        // A folder that can't be read at the moment is no reason to hide this one.
        let folder = self.folder.as_ref();
        let checkpoint = folder.and_then(|folder| folder.newest_checkpoint().ok().flatten());
        Err(Error::NonFinite { iteration, term, value, rollbacks: self.rollbacks, checkpoint })
    }

    /// Goes back to the last checkpoint with a smaller learning rate, where the policy allows it.
    ///
    /// # Errors
    /// With `reason` where it does not; when the checkpoint can't be read or written.
    fn roll_back(&mut self, reason: Error, observer: &mut impl Observer<B, R>) -> Result<()> {
        let NonFinitePolicy::RollBack { factor, times } = self.training().on_non_finite else {
            return Err(reason);
        };
        if self.rollbacks >= times {
            return Err(reason);
        }
        // What is restored takes their place: there need not be memory for both.
        let adam = &self.config.training().adam;
        self.networks.iter_mut().for_each(|networks| networks.free(adam));
        if let Some(folder) = &self.folder {
            let restored = Self::restore(folder.clone(), &self.device)?;
            let (rollbacks, scale) = (self.rollbacks + 1, self.learning_rate_scale * factor);
            self.go_on_as(restored);
            (self.rollbacks, self.learning_rate_scale) = (rollbacks, scale);
        }
        self.follow()?;
        observer.rolled_back(self, &reason)?;
        // In place of the checkpoint, so that a resumed run knows of it too.
        self.save(observer).map(drop)
    }

    /// Takes over networks and progress of `other`.
    pub(super) fn go_on_as(&mut self, other: Self) {
        *self = Self {
            folder: self.folder.take(),
            workers: std::mem::take(&mut self.workers),
            config: self.config.clone(),
            datasets: std::mem::take(&mut self.datasets),
            unreadable: std::mem::take(&mut self.unreadable),
            stop: self.stop.clone(),
            ..other
        };
    }

    /// One iteration, given a batch of every dataset: for each in turn, D's update and, when due, G's.
    ///
    /// # Errors
    /// When there are several workers, and another one is gone.
    ///
    /// # Panics
    /// When a batch does not fit the configuration.
    pub fn step(&mut self, batches: Vec<Batch>) -> Result<Vec<R::Losses<B>>> {
        self.iteration += 1;
        let mut moment = Moment {
            iteration: self.iteration,
            learning_rate: self.learning_rate(),
            device: &self.device,
            workers: &mut self.workers,
        };
        self.config.step(&mut self.networks, batches, &mut moment)
    }

    /// The learning rate of the current iteration: the schedule's, times
    /// [`learning_rate_scale`](Self::learning_rate_scale).
    pub fn learning_rate(&self) -> f64 {
        let TrainingConfig { schedule, learning_rate, iterations, .. } = *self.training();
        schedule.learning_rate(learning_rate, self.iteration, iterations) * self.learning_rate_scale
    }

    /// Refuses datasets that do not fit the configuration, or are not those trained on so far.
    fn accept(&mut self, data: &Datasets) -> Result<()> {
        let names = self.config.accept(data)?.into_iter().zip(data.iter());
        let identities: Vec<_> = names
            .map(|(name, dataset)| DatasetIdentity {
                name,
                images: dataset.len(),
                crop: dataset.crop(),
            })
            .collect();
        if self.iteration > 0 && self.datasets != identities {
            return Err(Error::Config(format!(
                "the run was trained on {:?} so far and can't go on with {identities:?}; resume it \
                 with the data it began with",
                self.datasets
            )));
        }
        self.datasets = identities;
        Ok(())
    }

    /// What is done to an image before the networks see it.
    pub(crate) fn transform(&self) -> Transform {
        let mut crops = self.datasets.iter().map(|dataset| dataset.crop);
        let first = crops.next().unwrap_or(Crop::Square);
        // A photo from elsewhere belongs to no dataset: it is cropped as all of them are, or square.
        let crop = if crops.all(|crop| crop == first) { first } else { Crop::Square };
        Transform { crop, size: self.training().image_size as u32 }
    }

    /// What a checkpoint says now, beside its weights.
    pub(super) fn checkpoint(&self) -> Checkpoint<R> {
        // All are updated in the same iterations.
        let [generator_updates, discriminator_updates] = self.networks[0].updates();
        let training = Progress {
            config: self.config.clone(),
            iteration: self.iteration,
            generator_updates,
            discriminator_updates,
            rollbacks: self.rollbacks,
            learning_rate_scale: self.learning_rate_scale,
            datasets: self.datasets.clone(),
        };
        Checkpoint { model: self.config.model(self.transform()), training }
    }

    /// Every array of a checkpoint now.
    pub(super) fn weights(&self) -> Weights {
        let several = self.networks.len() > 1;
        let networks = self.networks.iter().enumerate();
        networks.flat_map(|(i, networks)| networks.state(&prefix(i, several))).collect()
    }

    /// Writes a checkpoint, where this worker leads; the others wait for it.
    fn save(&mut self, observer: &mut impl Observer<B, R>) -> Result<PathBuf> {
        let weights = self.weights();
        // A weight can leave the numbers where no loss and no gradient did.
        let found = weights::non_finite(&weights).map(|(term, value)| NonFinite {
            iteration: self.iteration,
            term,
            value,
        });
        self.expect_finite(found)?;
        self.expect_same_weights(&weights)?;
        let written = self.folder.as_ref().map(|folder| folder.save(&self.checkpoint(), &weights));
        drop(weights);
        let path = self.say_where(written)?;
        observer.checkpoint(self, &path)?;
        Ok(path)
    }
}

impl<B: AutodiffBackend> Trainer<B> {
    /// The networks as they are now, to translate with: the moving average of G where there is one.
    pub fn translator(&self) -> Translator<B::InnerBackend> {
        let [networks] = &self.networks[..] else { panic!("one generator and one discriminator") };
        Translator::new(
            self.config.model(self.transform()),
            networks.translating(),
            Some(networks.discriminator.valid()),
            self.device.clone(),
        )
    }
}

/// What the names of the `number`-th networks' arrays begin with in a checkpoint.
fn prefix(number: usize, several: bool) -> String {
    if several { format!("{number}.") } else { String::new() }
}

#[cfg(test)]
mod tests;
