//! The trainer: two networks, two optimizers, one loop.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use rand::Rng;

use super::average;
use super::checkpoint::{Checkpoint, DatasetIdentity, Progress, RunFolder};
use super::config::TrainingConfig;
use super::divergence::{NonFinite, NonFinitePolicy, Watch};
use super::observer::{Iteration, Observer};
use super::step::{Label, Sample, discriminator_losses, generator_losses};
use crate::adam::Adam;
use crate::data::{Batch, Crop, Datasets, Loader, LoaderConfig, Transform, UnreadablePolicy};
use crate::discriminator::Discriminator;
use crate::error::{Error, Result};
use crate::generator::Generator;
use crate::losses::{DiscriminatorLosses, GeneratorLosses, LossWeights};
use crate::model;
use crate::penalty::PenaltyDraw;
use crate::random::{Purpose, permutation, stream};
use crate::translator::Translator;
use crate::weights;

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

/// The loss terms of one dataset in one iteration.
#[derive(Clone, Debug)]
pub struct StepLosses<B: AutodiffBackend> {
    /// Which dataset.
    pub dataset: usize,
    /// D's terms.
    pub discriminator: DiscriminatorLosses<B>,
    /// G's terms, at every `critic_steps`-th iteration.
    pub generator: Option<GeneratorLosses<B>>,
    /// For each network that was updated, D first, a `[1]` that is finite if its gradient is.
    gradients: [Option<Tensor<B::InnerBackend, 1>>; 2],
}

impl<B: AutodiffBackend> StepLosses<B> {
    /// All that the iteration has computed and that should be finite, by name, in the order of computation: what is
    /// not finite makes all that follows so.
    pub(super) fn terms(&self) -> Vec<(&'static str, Tensor<B::InnerBackend, 1>)> {
        let inner = |terms: Vec<(_, Tensor<B, 1>)>| {
            terms.into_iter().map(|(name, term)| (name, term.inner())).collect::<Vec<_>>()
        };
        let [d, g] = self.gradients.clone();
        let mut terms = inner(self.discriminator.terms());
        terms.extend(d.map(|finite| ("d/gradient", finite)));
        terms.extend(self.generator.iter().flat_map(|losses| inner(losses.terms())));
        terms.extend(g.map(|finite| ("g/gradient", finite)));
        terms
    }
}

/// After so many iterations, and before every checkpoint, a run looks whether all was finite: each look waits for
/// the device.
const LOOK_EVERY: u64 = 10;

/// Trains a generator and a discriminator on one or more datasets.
#[derive(Debug)]
pub struct Trainer<B: AutodiffBackend> {
    folder: RunFolder,
    config: TrainingConfig,
    device: B::Device,
    generator: Generator<B>,
    discriminator: Discriminator<B>,
    average: Option<Generator<B::InnerBackend>>,
    generator_adam: Adam<B::InnerBackend>,
    discriminator_adam: Adam<B::InnerBackend>,
    iteration: u64,
    datasets: Vec<DatasetIdentity>,
    rollbacks: u32,
    learning_rate_scale: f64,
    unreadable: BTreeMap<PathBuf, String>,
    stop: Arc<AtomicBool>,
}

impl<B: AutodiffBackend> Trainer<B> {
    /// A new run in `folder`, which is made; the configuration is written into it.
    ///
    /// # Errors
    /// When the configuration is invalid, or the folder is not empty or can't be written.
    pub fn new(
        folder: impl AsRef<Path>,
        config: TrainingConfig,
        device: &B::Device,
    ) -> Result<Self> {
        config.validate()?;
        let folder = RunFolder::create(folder.as_ref(), &config)?;
        Self::fresh(folder, config, device)
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
            let config = folder.config()?;
            config.validate()?;
            return Self::fresh(folder, config, device);
        };
        let (checkpoint, mut weights) = model::read::<Checkpoint>(&path)?;
        let Progress {
            config,
            iteration,
            generator_updates,
            discriminator_updates,
            rollbacks,
            learning_rate_scale,
            datasets,
        } = checkpoint.training;
        config.validate()?;
        let params =
            config.generator().num_params().saturating_add(config.discriminator().num_params());
        weights::expect_enough(&weights, params)
            .map_err(|problem| Error::checkpoint(&path, problem))?;
        let trainer = Self::fresh(folder, config, device)?;
        let Self { folder, config, device, generator, discriminator, average, .. } = trainer;
        let restore = || -> Result<Self, String> {
            let weights = &mut weights;
            let generator = weights::apply(generator, "generator", weights)?;
            let discriminator = weights::apply(discriminator, "discriminator", weights)?;
            let average =
                average.map(|average| weights::apply(average, "average", weights)).transpose()?;
            let adam = config.adam.clone();
            let generator_adam = Adam::restore(
                adam.clone(),
                generator_updates,
                &generator.valid(),
                "adam.generator",
                weights,
                &device,
            )?;
            let discriminator_adam = Adam::restore(
                adam,
                discriminator_updates,
                &discriminator.valid(),
                "adam.discriminator",
                weights,
                &device,
            )?;
            weights::expect_empty(weights)?;
            Ok(Self {
                generator_adam,
                discriminator_adam,
                generator,
                discriminator,
                average,
                folder,
                config: config.clone(),
                device: device.clone(),
                iteration,
                datasets,
                rollbacks,
                learning_rate_scale,
                unreadable: BTreeMap::new(),
                stop: Arc::default(),
            })
        };
        restore().map_err(|problem| Error::checkpoint(&path, problem))
    }

    fn fresh(folder: RunFolder, config: TrainingConfig, device: &B::Device) -> Result<Self> {
        let generator = config
            .generator()
            .init::<B>(&mut stream(config.seed, Purpose::Generator, 0, 0), device)?;
        let discriminator = config
            .discriminator()
            .init::<B>(&mut stream(config.seed, Purpose::Discriminator, 0, 0), device)?;
        Ok(Self {
            average: (config.ema > 0.0).then(|| generator.valid()),
            generator,
            discriminator,
            generator_adam: Adam::new(config.adam.clone()),
            discriminator_adam: Adam::new(config.adam.clone()),
            device: device.clone(),
            folder,
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
    pub fn config(&self) -> &TrainingConfig {
        &self.config
    }

    /// The run folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// Changes how many iterations the run has, for example to go on after its end.
    pub fn set_iterations(&mut self, iterations: u64) {
        self.config.iterations = iterations;
    }

    /// Changes what becomes of the run when a value is not finite, for example to go on with one that has ended so.
    ///
    /// # Errors
    /// As [`NonFinitePolicy::validate`].
    pub fn set_on_non_finite(&mut self, policy: NonFinitePolicy) -> Result<()> {
        policy.validate()?;
        self.config.on_non_finite = policy;
        Ok(())
    }

    /// Changes what becomes of the run when an image can't be read.
    pub fn set_on_unreadable(&mut self, policy: UnreadablePolicy) {
        self.config.on_unreadable = policy;
    }

    /// How often the run was rolled back after it had diverged.
    pub fn rollbacks(&self) -> u32 {
        self.rollbacks
    }

    /// What roll-backs have made of the schedule's learning rate: 1 without any.
    pub fn learning_rate_scale(&self) -> f64 {
        self.learning_rate_scale
    }

    /// The images that this trainer could not read and left out, with the reasons, up to the end of its last
    /// [`run`](Self::run), whatever ended that; those of an earlier process are not among them. Empty unless the policy is [`UnreadablePolicy::Skip`].
    pub fn unreadable(&self) -> &BTreeMap<PathBuf, String> {
        &self.unreadable
    }

    /// Raise it from anywhere, such as a Ctrl-C handler, and [`run`](Self::run) finishes its
    /// iteration, writes a checkpoint and returns.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Uses `flag` as the [stop flag](Self::stop_flag), so that one handler stops several trainers.
    pub fn set_stop_flag(&mut self, flag: Arc<AtomicBool>) {
        self.stop = flag;
    }

    /// The networks as they are now, to translate with: the moving average of G where there is one.
    pub fn translator(&self) -> Translator<B::InnerBackend> {
        let generator = self.average.clone().unwrap_or_else(|| self.generator.valid());
        Translator::new(
            self.checkpoint().model,
            generator,
            Some(self.discriminator.valid()),
            self.device.clone(),
        )
    }

    /// Trains until all iterations are done or the [stop flag](Self::stop_flag) is raised; ends with
    /// a checkpoint either way.
    ///
    /// # Errors
    /// When the datasets are not those of the configuration or of the checkpoint resumed from, an
    /// image can't be read ([`TrainingConfig::on_unreadable`]), the run folder can't be written, or a value
    /// is not finite ([`TrainingConfig::on_non_finite`]).
    pub fn run(
        &mut self,
        data: impl Into<Datasets>,
        observer: &mut impl Observer<B>,
    ) -> Result<Outcome> {
        let data = data.into();
        self.accept(&data)?;
        loop {
            match self.train(&data, observer) {
                Err(reason @ Error::NonFinite { .. }) => self.roll_back(reason, observer)?,
                ended => return ended,
            }
        }
    }

    /// Trains until the run ends or diverges.
    fn train(&mut self, data: &Datasets, observer: &mut impl Observer<B>) -> Result<Outcome> {
        let loader = LoaderConfig {
            batch_size: self.config.batch_size,
            image_size: self.config.image_size,
            flip: self.config.flip,
            seed: self.config.seed,
            threads: self.config.loader_threads,
            on_unreadable: self.config.on_unreadable,
            ..LoaderConfig::default()
        };
        let mut loader = Loader::new(data, loader, self.iteration + 1)?;
        observer.started(self)?;
        let ended = self.iterate(data.len(), &mut loader, observer);
        self.unreadable.extend(loader.unreadable());
        let checkpoint = ended?;
        observer.finished(self)?;
        Ok(if self.iteration < self.config.iterations {
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
        observer: &mut impl Observer<B>,
    ) -> Result<PathBuf> {
        let mut watch = Watch::default();
        let mut saved = None;
        while self.iteration < self.config.iterations && !self.stop.load(Ordering::Relaxed) {
            let batches: Vec<Batch> =
                (0..datasets).map(|_| loader.next_batch()).collect::<Result<_>>()?;
            let losses = self.step(batches);
            watch.note(self.iteration, &self.config.domains, &losses);
            let iteration = Iteration::new(self, &losses, loader.waited());
            observer.iteration(self, &iteration)?;
            saved = None;
            if self.iteration.is_multiple_of(self.config.checkpoint_every) {
                self.expect_finite(watch.look())?;
                saved = Some(self.save(observer)?);
            } else if self.iteration.is_multiple_of(LOOK_EVERY) {
                self.expect_finite(watch.look())?;
            }
        }
        match saved {
            Some(path) => Ok(path),
            None => {
                self.expect_finite(watch.look())?;
                self.save(observer)
            }
        }
    }

    fn expect_finite(&self, found: Option<NonFinite>) -> Result<()> {
        let Some(NonFinite { iteration, term, value }) = found else { return Ok(()) };
        // A folder that can't be read at the moment is no reason to hide this one.
        let checkpoint = self.folder.newest_checkpoint().ok().flatten();
        Err(Error::NonFinite { iteration, term, value, rollbacks: self.rollbacks, checkpoint })
    }

    /// Goes back to the last checkpoint with a smaller learning rate, where the policy allows it.
    ///
    /// # Errors
    /// With `reason` where it does not; when the checkpoint can't be read or written.
    fn roll_back(&mut self, reason: Error, observer: &mut impl Observer<B>) -> Result<()> {
        let NonFinitePolicy::RollBack { factor, times } = self.config.on_non_finite else {
            return Err(reason);
        };
        if self.rollbacks >= times {
            return Err(reason);
        }
        // What is restored takes their place: there need not be memory for both.
        self.generator_adam = Adam::new(self.config.adam.clone());
        self.discriminator_adam = Adam::new(self.config.adam.clone());
        self.average = None;
        let restored = Self::restore(self.folder.clone(), &self.device)?;
        *self = Self {
            config: self.config.clone(),
            datasets: std::mem::take(&mut self.datasets),
            rollbacks: self.rollbacks + 1,
            learning_rate_scale: self.learning_rate_scale * factor,
            unreadable: std::mem::take(&mut self.unreadable),
            stop: self.stop.clone(),
            ..restored
        };
        observer.rolled_back(self, &reason)?;
        // In place of the checkpoint, so that a resumed run knows of it too.
        self.save(observer).map(drop)
    }

    /// One iteration: for every dataset in turn, given a batch of each, D's update and, when due,
    /// G's.
    ///
    /// # Panics
    /// When a batch does not fit the configuration.
    pub fn step(&mut self, batches: Vec<Batch>) -> Vec<StepLosses<B>> {
        self.iteration += 1;
        let iteration = self.iteration;
        let generator_due = iteration.is_multiple_of(self.config.critic_steps);
        batches
            .into_iter()
            .map(|batch| {
                let dataset = batch.dataset;
                let sample = self.sample(batch);
                let weights = self.config.weights_of(dataset).clone();
                // D's update leaves G as it is, so both learn from the same translations.
                let tracked = generator_due.then(|| sample.tracked_fake(&self.generator));
                let fake = match &tracked {
                    Some(fake) => fake.clone().inner(),
                    None => sample.fake(&self.generator.valid()),
                };
                let discriminator = self.discriminator_step(fake, &sample, &weights);
                let generator = tracked.map(|fake| self.generator_step(fake, &sample, &weights));
                let gradients = [
                    self.discriminator_adam.finite(),
                    generator.as_ref().and(self.generator_adam.finite()),
                ];
                StepLosses { dataset, discriminator, generator, gradients }
            })
            .collect()
    }

    fn discriminator_step(
        &mut self,
        fake: Tensor<B::InnerBackend, 4>,
        sample: &Sample<B::InnerBackend>,
        weights: &LossWeights,
    ) -> DiscriminatorLosses<B> {
        let TrainingConfig { objective, penalty, .. } = self.config;
        let losses = discriminator_losses(&self.discriminator, fake, sample, objective, penalty);
        let mut gradients = losses.total(weights).backward();
        let rate = self.learning_rate();
        let discriminator = self.discriminator.clone();
        self.discriminator = self
            .discriminator_adam
            .step(discriminator, &mut gradients, rate)
            .follow_spectral_norms();
        losses
    }

    fn generator_step(
        &mut self,
        fake: Tensor<B, 4>,
        sample: &Sample<B::InnerBackend>,
        weights: &LossWeights,
    ) -> GeneratorLosses<B> {
        let objective = self.config.objective;
        let identity = weights.identity_at(self.iteration);
        let losses = generator_losses(
            &self.discriminator,
            &self.generator,
            fake,
            sample,
            objective,
            identity.is_some(),
        );
        let mut gradients = losses.total(weights, identity).backward();
        let rate = self.learning_rate();
        self.generator = self.generator_adam.step(self.generator.clone(), &mut gradients, rate);
        if let Some(average) = self.average.take() {
            let decay = average::warmed_up(self.config.ema, self.generator_adam.steps());
            self.average = Some(average::update(average, &self.generator.valid(), decay));
        }
        losses
    }

    /// The learning rate of the current iteration: the schedule's, times
    /// [`learning_rate_scale`](Self::learning_rate_scale).
    pub fn learning_rate(&self) -> f64 {
        let TrainingConfig { schedule, learning_rate, iterations, .. } = self.config;
        schedule.learning_rate(learning_rate, self.iteration, iterations) * self.learning_rate_scale
    }

    /// `batch` on the device, with the target labels (a permutation of the batch's own) and the
    /// mixing factors of the current iteration.
    fn sample(&self, batch: Batch) -> Sample<B::InnerBackend> {
        let domains = &self.config.domains;
        let dataset = batch.dataset;
        let width = domains.space(dataset).width();
        let labels: Vec<&[f32]> = batch.labels.chunks_exact(width).collect();
        let n = labels.len();

        let mut rng = stream(self.config.seed, Purpose::Step, dataset as u64, self.iteration);
        let targets: Vec<&[f32]> =
            permutation(n, &mut rng).into_iter().map(|source| labels[source]).collect();
        let mixing: Vec<f32> = (0..n).map(|_| rng.random()).collect();
        let elements = batch.images.len();
        let noise: Option<Vec<f32>> = self
            .config
            .penalty
            .needs_noise()
            .then(|| (0..elements).map(|_| rng.random()).collect());

        let size = batch.image_size;
        let shape = [n, elements / (n * size * size), size, size];
        let device = &self.device;
        let label = |labels: &[&[f32]]| Label {
            label: Tensor::from_data(TensorData::new(labels.concat(), [n, width]), device),
            condition: Tensor::from_data(
                TensorData::new(
                    labels.iter().flat_map(|label| domains.condition(dataset, label)).collect(),
                    [n, domains.condition_width()],
                ),
                device,
            ),
        };
        Sample {
            kind: domains.space(dataset).kind(),
            logits: domains.logit_range(dataset),
            real: Tensor::from_data(TensorData::new(batch.images, shape), device),
            source: label(&labels),
            target: label(&targets),
            draw: PenaltyDraw {
                mixing: Tensor::from_data(TensorData::new(mixing, [n, 1, 1, 1]), device),
                noise: noise.map(|noise| Tensor::from_data(TensorData::new(noise, shape), device)),
            },
        }
    }

    /// Refuses datasets that do not fit the configuration, or are not those trained on so far.
    fn accept(&mut self, data: &Datasets) -> Result<()> {
        let domains = &self.config.domains;
        if data.len() != domains.len() {
            return Err(Error::Config(format!(
                "the configuration has the labels of {} dataset(s), the data are {}",
                domains.len(),
                data.len()
            )));
        }
        let mut identities = Vec::new();
        for (i, dataset) in data.iter().enumerate() {
            domains.check_space(i, dataset.labels())?;
            identities.push(DatasetIdentity {
                name: domains.name(i).to_owned(),
                images: dataset.len(),
                crop: dataset.crop(),
            });
        }
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

    fn checkpoint(&self) -> Checkpoint {
        let mut crops = self.datasets.iter().map(|dataset| dataset.crop);
        let first = crops.next().unwrap_or(Crop::Square);
        // A photo from elsewhere belongs to no dataset: it is cropped as all of them are, or square.
        let crop = if crops.all(|crop| crop == first) { first } else { Crop::Square };
        let transform = Transform { crop, size: self.config.image_size as u32 };
        let progress = Progress {
            config: self.config.clone(),
            iteration: self.iteration,
            generator_updates: self.generator_adam.steps(),
            discriminator_updates: self.discriminator_adam.steps(),
            rollbacks: self.rollbacks,
            learning_rate_scale: self.learning_rate_scale,
            datasets: self.datasets.clone(),
        };
        Checkpoint::new(&self.config, transform, progress)
    }

    fn save(&self, observer: &mut impl Observer<B>) -> Result<PathBuf> {
        let mut weights = weights::collect(&self.generator, "generator");
        weights.extend(weights::collect(&self.discriminator, "discriminator"));
        if let Some(average) = &self.average {
            weights.extend(weights::collect(average, "average"));
        }
        weights.extend(self.generator_adam.state(&self.generator.valid(), "adam.generator"));
        weights.extend(
            self.discriminator_adam.state(&self.discriminator.valid(), "adam.discriminator"),
        );
        // A weight can leave the numbers where no loss and no gradient did.
        let found = weights::non_finite(&weights).map(|(term, value)| NonFinite {
            iteration: self.iteration,
            term,
            value,
        });
        self.expect_finite(found)?;
        let path = self.folder.save(&self.checkpoint(), &weights)?;
        observer.checkpoint(self, &path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests;
