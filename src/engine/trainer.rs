//! The trainer: networks, where their run stands, and what it can be asked.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use burn::tensor::backend::AutodiffBackend;

use crate::data::datasets::Datasets;
use crate::data::loader::{Batch, Unreadable};
use crate::data::transform::Transform;
use crate::engine::checkpoint::{Change, Checkpoint, Progress, transform};
use crate::engine::config::TrainingConfig;
use crate::engine::dataset_identity::DatasetIdentity;
use crate::engine::loss_scale::LossScale;
use crate::engine::networks::{Networks, State};
use crate::engine::observe::metric::Metric;
use crate::engine::observe::observer::Source;
use crate::engine::recipe::{Moment, Recipe, StepLosses};
use crate::engine::run_folder::RunFolder;
use crate::engine::settings::RunSettings;
use crate::engine::workers::seam::Workers;
use crate::error::Result;
use crate::files::model;
use crate::nn::weights::Weights;
use crate::translate::grid::Grid;
use crate::translate::relabel::Translate;

mod changes;
mod resuming;
mod running;
mod together;

/// How a call of [`Trainer::run`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All iterations are done.
    Finished {
        /// The last checkpoint.
        checkpoint: PathBuf,
    },
    /// [`Trainer::stop_flag`] was raised, or an observer has [stopped](crate::Run::stop) the run;
    /// [`Trainer::resume`] goes on from the checkpoint.
    Stopped {
        /// The checkpoint written at the stop.
        checkpoint: PathBuf,
    },
}

/// Trains the networks of a [`Recipe`] on one or more datasets, in a run folder.
#[derive(Debug)]
pub struct Trainer<B: AutodiffBackend, R: Recipe> {
    /// None where another worker leads: it has the folder.
    folder: Option<RunFolder>,
    workers: Workers<B::InnerBackend>,
    config: TrainingConfig<R>,
    device: B::Device,
    networks: R::Networks<B>,
    iteration: u64,
    datasets: Vec<DatasetIdentity>,
    rollbacks: u32,
    learning_rate_scale: f64,
    loss_scale: Option<LossScale>,
    /// Of the settings, since the run began.
    changes: Vec<Change>,
    /// Whether `config.json` says other settings.
    config_is_stale: bool,
    /// Whether the folder may have checkpoints of later iterations.
    rewound: bool,
    unreadable: Unreadable,
    waited: Duration,
    stop: Arc<AtomicBool>,
    asked: Asked,
}

/// What observers have asked for in an iteration.
#[derive(Debug, Default)]
struct Asked {
    stop: Cell<bool>,
    learning_rate: Cell<Option<f64>>,
    grids: RefCell<Vec<Grid>>,
    metrics: RefCell<Vec<Metric>>,
}

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// A new run in `folder`, which is made; the configuration is written into it. `config` is a
    /// [`TrainingConfig`], or a recipe to be trained with its usual run settings.
    ///
    /// # Errors
    /// When the configuration can't work, or the folder is not empty or can't be written.
    pub fn new(
        folder: impl AsRef<Path>,
        config: impl Into<TrainingConfig<R>>,
        device: &B::Device,
    ) -> Result<Self> {
        let config = config.into();
        Self::check(&config, device)?;
        let folder = RunFolder::create(folder.as_ref(), &config)?;
        Self::fresh(Some(folder), config, device)
    }

    /// Checks that `device` can train what `config` says.
    pub(crate) fn check(config: &TrainingConfig<R>, device: &B::Device) -> Result<()> {
        config.check()?;
        config.run.precision.check::<B::InnerBackend>(device)
    }

    /// A run at its beginning, of a checked configuration.
    fn fresh(
        folder: Option<RunFolder>,
        config: TrainingConfig<R>,
        device: &B::Device,
    ) -> Result<Self> {
        let networks = config.recipe.init::<B>(&config.run, device)?;
        Ok(Self::begun(folder, config, networks, device))
    }

    fn begun(
        folder: Option<RunFolder>,
        config: TrainingConfig<R>,
        networks: R::Networks<B>,
        device: &B::Device,
    ) -> Self {
        Self {
            folder,
            workers: Workers::Alone,
            loss_scale: LossScale::first(config.run.precision),
            config,
            device: device.clone(),
            networks,
            iteration: 0,
            datasets: Vec::new(),
            rollbacks: 0,
            learning_rate_scale: 1.0,
            changes: Vec::new(),
            config_is_stale: false,
            rewound: false,
            unreadable: Unreadable::new(),
            waited: Duration::ZERO,
            stop: Arc::default(),
            asked: Asked::default(),
        }
    }

    /// What is trained, and the settings of the run.
    pub fn config(&self) -> &TrainingConfig<R> {
        &self.config
    }

    /// The networks that are trained.
    pub fn networks(&self) -> &R::Networks<B> {
        &self.networks
    }

    /// What computes.
    pub fn device(&self) -> &B::Device {
        &self.device
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

    /// How often the run was rolled back after it had diverged.
    pub fn rollbacks(&self) -> u32 {
        self.rollbacks
    }

    /// What roll-backs have multiplied the schedule's learning rate by: 1 without any.
    pub fn learning_rate_scale(&self) -> f64 {
        self.learning_rate_scale
    }

    /// The updates of the run that were left out because float16 did not hold a gradient.
    pub fn updates_left_out(&self) -> u64 {
        self.loss_scale.as_ref().map_or(0, LossScale::left_out)
    }

    /// What losses are multiplied by before the backward pass, so that float16 holds their
    /// gradients; 1 in other [precisions](RunSettings::precision).
    pub fn loss_scale(&self) -> f64 {
        self.loss_scale.as_ref().map_or(1.0, LossScale::factor)
    }

    /// The images that this trainer (of several workers, this one) could not read and left out,
    /// with the reasons, up to the end of its last [`run`](Self::run), whatever ended that; those
    /// of an earlier process are not among them. Empty unless the policy is
    /// [`UnreadablePolicy::Skip`](crate::UnreadablePolicy::Skip).
    pub fn unreadable(&self) -> &Unreadable {
        &self.unreadable
    }

    /// Raise it from anywhere, such as a Ctrl-C handler, and [`run`](Self::run) finishes its
    /// iteration, with several workers those up to the next multiple of ten, writes a checkpoint,
    /// lowers the flag and returns.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Uses `flag` as the [stop flag](Self::stop_flag), so that one handler stops several trainers.
    pub fn set_stop_flag(&mut self, flag: Arc<AtomicBool>) {
        self.stop = flag;
    }

    /// Takes over networks and progress of `other`.
    fn go_on_as(&mut self, other: Self) {
        *self = Self {
            folder: self.folder.take(),
            workers: std::mem::take(&mut self.workers),
            config: self.config.clone(),
            datasets: std::mem::take(&mut self.datasets),
            changes: std::mem::take(&mut self.changes),
            config_is_stale: self.config_is_stale,
            rewound: self.rewound,
            unreadable: std::mem::take(&mut self.unreadable),
            stop: self.stop.clone(),
            asked: std::mem::take(&mut self.asked),
            waited: self.waited,
            ..other
        };
    }

    /// One iteration, given a batch of every dataset; see [`Recipe::step`].
    ///
    /// # Errors
    /// When there are several workers, and another one is gone.
    ///
    /// # Panics
    /// When a batch does not fit the configuration.
    pub fn step(&mut self, batches: Vec<Batch>) -> Result<Vec<StepLosses<B::InnerBackend>>> {
        self.iteration += 1;
        let mut moment = Moment {
            iteration: self.iteration,
            iterations: self.config.run.iterations,
            learning_rate: self.learning_rate(),
            discriminator_learning_rate: self.discriminator_learning_rate(),
            seed: self.config.run.seed,
            parts: self.config.run.accumulate,
            device: &self.device,
            loss_scale: &mut self.loss_scale,
            workers: &mut self.workers,
        };
        let losses = self.config.recipe.step(&mut self.networks, batches, &mut moment)?;
        if let Some(scale) = &mut self.loss_scale {
            scale.next_iteration();
        }
        Ok(losses)
    }

    /// The learning rate of the current iteration: the schedule's, times
    /// [`learning_rate_scale`](Self::learning_rate_scale).
    pub fn learning_rate(&self) -> f64 {
        self.scheduled(self.config.run.learning_rate)
    }

    /// As [`learning_rate`](Self::learning_rate), of discriminators.
    pub fn discriminator_learning_rate(&self) -> f64 {
        let RunSettings { learning_rate, discriminator_learning_rate, .. } = self.config.run;
        self.scheduled(discriminator_learning_rate.unwrap_or(learning_rate))
    }

    fn scheduled(&self, base: f64) -> f64 {
        let RunSettings { schedule, iterations, .. } = self.config.run;
        schedule.learning_rate(base, self.iteration, iterations) * self.learning_rate_scale
    }

    /// The networks as they are now, to translate with: moving averages where there are such.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when the recipe's networks don't translate.
    pub fn boxed_translator(&self) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        self.config.recipe.translator::<B>(&self.networks, self.transform(), &self.device)
    }

    /// What is done to an image before the networks see it.
    pub(crate) fn transform(&self) -> Transform {
        transform(&self.datasets, &self.config.recipe)
    }

    /// Checks that the run can be trained on `data`: they fit its configuration, and are those that
    /// it was trained on so far ([or has changed to](Self::change_data)), wherever their files are
    /// now.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) or [`Error::Label`](crate::Error::Label) with the
    /// first thing that differs.
    pub fn check_data(&self, data: &Datasets) -> Result<()> {
        self.identified(data).map(drop)
    }

    fn identified(&self, data: &Datasets) -> Result<Vec<DatasetIdentity>> {
        let found = DatasetIdentity::all(self.config.names_of(data)?, data);
        if self.iteration > 0 {
            DatasetIdentity::check_unchanged(&self.datasets, &found)?;
        }
        Ok(found)
    }

    /// What a checkpoint says now, and its weights.
    fn checkpoint(&self) -> (Checkpoint<R>, Weights) {
        let mut state = State::default();
        self.networks.save(&mut state);
        let State { weights, updates } = state;
        let training = Progress {
            config: self.config.clone(),
            iteration: self.iteration,
            updates,
            rollbacks: self.rollbacks,
            learning_rate_scale: self.learning_rate_scale,
            loss_scale: self.loss_scale.clone(),
            datasets: self.datasets.clone(),
            changes: self.changes.clone(),
        };
        (Checkpoint { model: self.config.recipe.model(self.transform()), training }, weights)
    }
}

impl<B: AutodiffBackend, R: Recipe> Source<B> for Trainer<B, R> {
    fn folder(&self) -> &Path {
        self.folder()
    }
    fn iteration(&self) -> u64 {
        self.iteration
    }
    fn iterations(&self) -> u64 {
        self.config.run.iterations
    }
    fn cycle(&self) -> u64 {
        self.config.recipe.cycle()
    }
    fn images_per_iteration(&self) -> u64 {
        (self.config.run.batch_size * self.datasets.len()) as u64
    }
    fn learning_rate(&self) -> f64 {
        self.learning_rate()
    }
    fn base_learning_rate(&self) -> f64 {
        self.config.run.learning_rate
    }
    fn learning_rate_scale(&self) -> f64 {
        self.learning_rate_scale
    }
    fn waited(&self) -> Duration {
        self.waited
    }
    fn unreadable(&self) -> &Unreadable {
        &self.unreadable
    }
    fn translator(&self) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        self.boxed_translator()
    }
    fn stop(&self) {
        self.asked.stop.set(true);
    }
    fn request_learning_rate(&self, rate: f64) {
        self.asked.learning_rate.set(Some(rate));
    }
    fn show(&self, grid: Grid) {
        self.asked.grids.borrow_mut().push(grid);
    }
    fn record(&self, metric: Metric) {
        self.asked.metrics.borrow_mut().push(metric);
    }
    fn save(&self, path: &Path) -> Result<()> {
        let (checkpoint, weights) = self.whole_checkpoint()?;
        model::write(path, &checkpoint, &weights)
    }
}
