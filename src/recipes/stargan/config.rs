//! The configuration of a training run, dumped into its folder as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::divergence::NonFinitePolicy;
use crate::optim::adam::AdamConfig;
use crate::data::loader::UnreadablePolicy;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::labels::spaces::LabelSpaces;
use crate::error::{Error, Result};
use crate::nn::generator::GeneratorConfig;
use crate::labels::space::LabelKind;
use crate::recipes::losses::{IdentityWarmup, LossWeights, Objective};
use crate::recipes::penalty::Penalty;
use crate::optim::schedule::Schedule;

/// A named set of defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// The paper to the letter: no identity warm-up, no moving average.
    Paper,
    /// What the public PyTorch code does by default: the paper, but for a learning rate that never decays.
    Pytorch,
    /// What the public TensorFlow code does by default: the paper, but for its domain loss, which is a mean over
    /// attributes of weight 10, here a sum of weight 10 / attributes.
    Tensorflow,
}

/// Everything that decides a run. The defaults are the paper's, with two additions that make
/// training dependable: the identity warm-up and the moving average of G ([`Preset::Paper`] turns
/// both off).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The label spaces of the datasets.
    pub spaces: LabelSpaces,
    /// Side of the square training images in pixels: 128.
    pub image_size: usize,
    /// Images per batch: 16.
    pub batch_size: usize,
    /// D updates of the whole run: 200,000.
    pub iterations: u64,
    /// Learning rate of both networks: 1e-4.
    pub learning_rate: f64,
    /// What becomes of it during the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// Adam's constants.
    pub adam: AdamConfig,
    /// D updates per G update, `n_critic`: 5.
    pub critic_steps: u64,
    /// The adversarial objective.
    pub objective: Objective,
    /// The gradient penalty.
    pub penalty: Penalty,
    /// The weights of the loss terms.
    pub weights: LossWeights,
    /// Other weights, all of them, for the datasets of these names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dataset_weights: BTreeMap<String, LossWeights>,
    /// Decay of the moving average of G, in `[0, 1)`; 0 keeps none: 0.999.
    pub ema: f64,
    /// Mirror training images with probability 1/2.
    pub flip: bool,
    /// Decides every random number of the run.
    pub seed: u64,
    /// Channels after G's first convolution: 64.
    pub base_channels: usize,
    /// Residual blocks of G: 6.
    pub residual_blocks: usize,
    /// Halvings in G: 2.
    pub downsamplings: usize,
    /// Channels after D's first convolution: 64.
    pub discriminator_channels: usize,
    /// Convolutions of D's trunk; by default 6, or fewer where the images are small, so that at
    /// least 2x2 patches are left.
    pub discriminator_downsamplings: Option<usize>,
    /// Spectral normalisation of D: none.
    #[serde(default)]
    pub spectral_norm: bool,
    /// A checkpoint is written every so many iterations, and at the end: 1,000.
    pub checkpoint_every: u64,
    /// Checkpoints kept, the newest ones: 3.
    pub keep: usize,
    /// Threads that load images.
    pub loader_threads: usize,
    /// What becomes of the run when an image can't be read: it ends.
    #[serde(default)]
    pub on_unreadable: UnreadablePolicy,
    /// What becomes of the run when a value is not finite: it ends.
    #[serde(default)]
    pub on_non_finite: NonFinitePolicy,
}

impl TrainingConfig {
    /// The default configuration for `spaces`.
    pub fn new(spaces: LabelSpaces) -> Self {
        Self {
            spaces,
            image_size: 128,
            batch_size: 16,
            iterations: 200_000,
            learning_rate: 1e-4,
            schedule: Schedule::default(),
            adam: AdamConfig::default(),
            critic_steps: 5,
            objective: Objective::default(),
            penalty: Penalty::default(),
            weights: LossWeights {
                identity: Some(IdentityWarmup::default()),
                ..LossWeights::default()
            },
            dataset_weights: BTreeMap::new(),
            ema: 0.999,
            flip: true,
            seed: 0,
            base_channels: 64,
            residual_blocks: 6,
            downsamplings: 2,
            discriminator_channels: 64,
            discriminator_downsamplings: None,
            spectral_norm: false,
            checkpoint_every: 1_000,
            keep: 3,
            loader_threads: 2,
            on_unreadable: UnreadablePolicy::default(),
            on_non_finite: NonFinitePolicy::default(),
        }
    }

    /// Applies a preset: whatever decides what is learnt, but for domains, image size and seed.
    pub fn with_preset(mut self, preset: Preset) -> Self {
        let old = self;
        self = Self {
            image_size: old.image_size,
            seed: old.seed,
            checkpoint_every: old.checkpoint_every,
            keep: old.keep,
            loader_threads: old.loader_threads,
            on_unreadable: old.on_unreadable,
            on_non_finite: old.on_non_finite,
            ..Self::new(old.spaces)
        };
        self.weights = LossWeights::default();
        self.ema = 0.0;
        match preset {
            Preset::Paper => {}
            Preset::Pytorch => self.schedule = Schedule::Constant,
            Preset::Tensorflow => {
                for dataset in 0..self.spaces.len() {
                    let space = self.spaces.space(dataset);
                    let domain = match space.kind() {
                        LabelKind::Attributes => 10.0 / space.width() as f64,
                        LabelKind::Classes => 10.0,
                    };
                    let weights = LossWeights { domain, ..LossWeights::default() };
                    match self.spaces.len() {
                        1 => self.weights = weights,
                        _ => {
                            let name = self.spaces.name(dataset).to_owned();
                            self.dataset_weights.insert(name, weights);
                        }
                    }
                }
            }
        }
        self
    }

    /// Sets the side of the training images in pixels.
    pub fn with_image_size(mut self, pixels: usize) -> Self {
        self.image_size = pixels;
        self
    }

    /// Sets the number of images per batch.
    pub fn with_batch_size(mut self, images: usize) -> Self {
        self.batch_size = images;
        self
    }

    /// Sets the number of iterations (D updates).
    pub fn with_iterations(mut self, iterations: u64) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the learning rate of both networks.
    pub fn with_learning_rate(mut self, rate: f64) -> Self {
        self.learning_rate = rate;
        self
    }

    /// Sets the number of D updates per G update.
    pub fn with_critic_steps(mut self, steps: u64) -> Self {
        self.critic_steps = steps;
        self
    }

    /// Sets the channels after the first convolution of both networks.
    pub fn with_base_channels(mut self, channels: usize) -> Self {
        self.base_channels = channels;
        self.discriminator_channels = channels;
        self
    }

    /// Sets the residual blocks of G.
    pub fn with_residual_blocks(mut self, blocks: usize) -> Self {
        self.residual_blocks = blocks;
        self
    }

    /// Switches spectral normalisation of D on or off.
    pub fn with_spectral_norm(mut self, spectral_norm: bool) -> Self {
        self.spectral_norm = spectral_norm;
        self
    }

    /// Sets the seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets, or with `None` removes, the identity warm-up, of every dataset.
    pub fn with_identity(mut self, identity: Option<IdentityWarmup>) -> Self {
        self.each_weights(|weights| weights.identity = identity);
        self
    }

    /// Sets the adversarial objective and the penalty it is [usually](Objective::usual_penalty) used with.
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self.with_penalty(objective.usual_penalty())
    }

    /// Sets the gradient penalty and, where it is another one than before, its
    /// [usual weight](Penalty::usual_weight), of every dataset.
    pub fn with_penalty(mut self, penalty: Penalty) -> Self {
        if self.penalty != penalty {
            self.penalty = penalty;
            self.each_weights(|weights| weights.penalty = penalty.usual_weight());
        }
        self
    }

    fn each_weights(&mut self, change: impl Fn(&mut LossWeights)) {
        std::iter::once(&mut self.weights)
            .chain(self.dataset_weights.values_mut())
            .for_each(change);
    }

    /// Sets other loss weights for the dataset of that name.
    pub fn with_weights_of(mut self, dataset: impl Into<String>, weights: LossWeights) -> Self {
        self.dataset_weights.insert(dataset.into(), weights);
        self
    }

    /// The weights of the loss terms on a dataset.
    ///
    /// # Panics
    /// When there is no such dataset.
    pub fn weights_of(&self, dataset: usize) -> &LossWeights {
        self.dataset_weights.get(self.spaces.name(dataset)).unwrap_or(&self.weights)
    }

    /// Sets how often a checkpoint is written, in iterations.
    pub fn with_checkpoint_every(mut self, iterations: u64) -> Self {
        self.checkpoint_every = iterations;
        self
    }

    /// Sets what becomes of the run when an image can't be read.
    pub fn with_on_unreadable(mut self, policy: UnreadablePolicy) -> Self {
        self.on_unreadable = policy;
        self
    }

    /// Sets what becomes of the run when a value is not finite.
    pub fn with_on_non_finite(mut self, policy: NonFinitePolicy) -> Self {
        self.on_non_finite = policy;
        self
    }

    /// The generator's architecture.
    pub fn generator(&self) -> GeneratorConfig {
        GeneratorConfig::new(self.spaces.condition_width())
            .with_base_channels(self.base_channels)
            .with_residual_blocks(self.residual_blocks)
            .with_downsamplings(self.downsamplings)
    }

    /// The discriminator's architecture.
    pub fn discriminator(&self) -> DiscriminatorConfig {
        let config = DiscriminatorConfig::fitting(self.image_size, self.spaces.label_width())
            .with_base_channels(self.discriminator_channels)
            .with_spectral_norm(self.spectral_norm);
        match self.discriminator_downsamplings {
            Some(downsamplings) => config.with_downsamplings(downsamplings),
            None => config,
        }
    }

    /// Checks that `workers` workers can share this run, which one worker always can.
    ///
    /// # Errors
    /// [`Error::Config`] when a batch has no equal part for each of them, or the penalty is [`Penalty::Dragan`], which
    /// takes a standard deviation over the whole batch.
    pub fn check_workers(&self, workers: usize) -> Result<()> {
        let batch = self.batch_size;
        if workers == 0 || !batch.is_multiple_of(workers) {
            return Err(Error::Config(format!(
                "a batch of {batch} has no equal part for each of {workers} workers: make the batch size a multiple \
                 of {workers}"
            )));
        }
        if workers > 1 && self.penalty == Penalty::Dragan {
            return Err(Error::Config(
                "the penalty dragan takes a standard deviation over the whole batch, which no worker has: choose \
                 another penalty, or one worker"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Checks the whole configuration.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] for the first thing that cannot work, saying what to
    /// change.
    pub fn check(&self) -> Result<()> {
        self.spaces.check()?;
        self.generator().check_image_size(self.image_size, self.image_size)?;
        self.discriminator().check()?;
        self.weights.check()?;
        self.on_non_finite.check()?;
        for (name, weights) in &self.dataset_weights {
            let of = |error: Error| Error::Config(format!("dataset_weights: {name}: {error}"));
            self.spaces.index_of(name).map_err(of)?;
            weights.check().map_err(of)?;
        }
        let unbounded = self.penalty == Penalty::None && !self.spectral_norm;
        if self.objective == Objective::Wasserstein && unbounded {
            return Err(Error::Config(
                "the wasserstein objective needs a penalty, such as wgan-gp, or spectral normalisation: without \
                 either nothing bounds the discriminator and its loss falls for ever; or take another objective"
                    .to_owned(),
            ));
        }
        let weighed = |dataset| self.weights_of(dataset).penalty > 0.0;
        if self.penalty != Penalty::None && !(0..self.spaces.len()).all(weighed) {
            return Err(Error::Config(
                "the penalty has weight 0: it would be computed in vain; take the penalty none"
                    .to_owned(),
            ));
        }
        for (name, value) in [
            ("batch_size", self.batch_size as u64),
            ("iterations", self.iterations),
            ("critic_steps", self.critic_steps),
            ("checkpoint_every", self.checkpoint_every),
            ("keep", self.keep as u64),
            ("loader_threads", self.loader_threads as u64),
        ] {
            if value == 0 {
                return Err(Error::Config(format!("{name} is 0; it must be at least 1")));
            }
        }
        let AdamConfig { beta1, beta2, epsilon } = self.adam;
        for (name, value, range) in [
            ("learning_rate", self.learning_rate, f64::MIN_POSITIVE..=1.0),
            ("beta1", beta1, 0.0..=0.999_999),
            ("beta2", beta2, 0.0..=0.999_999_9),
            ("epsilon", epsilon, f64::MIN_POSITIVE..=1.0),
            ("ema", self.ema, 0.0..=0.999_999_9),
        ] {
            if !range.contains(&value) {
                return Err(Error::Config(format!(
                    "{name} is {value}; it must be between {} and {}",
                    range.start(),
                    range.end()
                )));
            }
        }
        Ok(())
    }

    /// What deserves a warning before a long run, as sentences.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.batch_size == 1 {
            warnings.push(
                "with a batch of one the target label is always the image's own, so nothing is \
                 learnt about other spaces; use a batch of at least 2"
                    .to_owned(),
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::space::LabelSpace;

    fn config() -> TrainingConfig {
        TrainingConfig::new(LabelSpaces::single(LabelSpace::attributes(["Male", "Young"])))
    }

    #[test]
    fn bad_configurations_say_what_to_change() {
        config().check().unwrap();
        config().with_preset(Preset::Paper).check().unwrap();
        type Change = fn(&mut TrainingConfig);
        let cases: [(Change, &str); 20] = [
            (|c| c.spaces = LabelSpaces::single(LabelSpace::classes(["only"])), "at least two"),
            (|c| c.image_size = 0, "0 pixels is not divisible by 4"),
            (|c| c.image_size = 130, "130 pixels is not divisible by 4"),
            (|c| c.discriminator_downsamplings = Some(0), "downsamplings is 0"),
            (|c| c.discriminator_downsamplings = Some(8), "128 pixels is not divisible by 256"),
            (|c| c.base_channels = 0, "generator's base_channels is 0"),
            (|c| c.discriminator_channels = 0, "discriminator's base_channels is 0"),
            (|c| c.batch_size = 0, "batch_size is 0; it must be at least 1"),
            (|c| c.iterations = 0, "iterations is 0"),
            (|c| c.critic_steps = 0, "critic_steps is 0"),
            (|c| c.checkpoint_every = 0, "checkpoint_every is 0"),
            (|c| c.keep = 0, "keep is 0"),
            (|c| c.loader_threads = 0, "loader_threads is 0"),
            (|c| c.learning_rate = f64::NAN, "learning_rate is NaN; it must be between"),
            (|c| c.learning_rate = 0.0, "learning_rate is 0"),
            (|c| c.adam.beta1 = 1.0, "beta1 is 1"),
            (|c| c.adam.epsilon = 0.0, "epsilon is 0"),
            (|c| c.ema = 1.0, "ema is 1"),
            (
                |c| c.weights.domain = -1.0,
                "domain loss weight is -1; it must be finite and at least 0",
            ),
            (
                |c| c.weights.identity.as_mut().unwrap().weight = f64::INFINITY,
                "identity loss weight is inf",
            ),
        ];
        for (change, expected) in cases {
            let mut config = config();
            change(&mut config);
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn a_dataset_has_weights_of_its_own_where_it_is_named() {
        let heavy = LossWeights { domain: 3.0, ..LossWeights::default() };
        let named = config().with_weights_of("data", heavy.clone());
        assert_eq!((named.weights_of(0), config().weights_of(0)), (&heavy, &config().weights));
        named.check().unwrap();
        let bad = LossWeights { domain: -1.0, ..LossWeights::default() };
        for (name, weights, expected) in [
            (
                "dato",
                heavy,
                "dataset_weights: dato: unknown dataset \"dato\", did you mean \"data\"?",
            ),
            ("data", bad, "dataset_weights: data: the domain loss weight is -1"),
        ] {
            let error = config().with_weights_of(name, weights).check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let json = serde_json::to_string(&named).unwrap();
        assert_eq!(serde_json::from_str::<TrainingConfig>(&json).unwrap(), named);
    }

    #[test]
    fn a_batch_of_one_is_warned_of() {
        assert!(config().warnings().is_empty());
        let warnings = config().with_batch_size(1).warnings();
        assert!(matches!(&warnings[..], [only] if only.contains("at least 2")), "{warnings:?}");
    }

    #[test]
    fn the_discriminator_is_as_deep_as_the_images_allow() {
        for (size, expected) in [(256, 6), (128, 6), (64, 5), (32, 4), (48, 4), (20, 2), (4, 1)] {
            let config = config().with_image_size(size);
            assert_eq!(config.discriminator().downsamplings, expected, "{size} pixels");
            config.check().unwrap();
        }
    }

    #[test]
    fn the_file_reads_as_it_is_written_and_unknown_fields_are_named() {
        let config = config().with_seed(7).with_learning_rate(3e-4);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TrainingConfig>(&json).unwrap(), config);
        let misspelt = json.replace("batch_size", "batchsize");
        let error = serde_json::from_str::<TrainingConfig>(&misspelt).unwrap_err().to_string();
        assert!(error.contains("batchsize"), "{error}");
    }

    #[test]
    fn an_objective_brings_its_usual_penalty_and_a_penalty_its_usual_weight() {
        let lsgan = config().with_objective(Objective::Lsgan);
        assert_eq!((lsgan.objective, lsgan.penalty), (Objective::Lsgan, Penalty::None));
        let r1 = lsgan.with_penalty(Penalty::R1);
        assert_eq!((r1.penalty, r1.weights.penalty), (Penalty::R1, 1.0));
        r1.check().unwrap();
        let mut weighed = config();
        weighed.weights.penalty = 5.0;
        assert_eq!(
            weighed.with_penalty(Penalty::WganGp).weights.penalty,
            5.0,
            "it is no other one"
        );
        for objective in Objective::ALL {
            config().with_objective(objective).check().unwrap();
        }
    }

    #[test]
    fn combinations_without_sense_are_refused_with_the_reason() {
        let unbounded = config().with_penalty(Penalty::None).check().unwrap_err().to_string();
        assert!(unbounded.contains("nothing bounds the discriminator"), "{unbounded}");
        let normalised = config().with_penalty(Penalty::None).with_spectral_norm(true);
        normalised.check().unwrap();
        let mut vain = config();
        vain.weights.penalty = 0.0;
        let vain = vain.check().unwrap_err().to_string();
        assert!(vain.contains("take the penalty none"), "{vain}");
    }

    #[test]
    fn the_other_presets_are_the_public_codes() {
        let paper = config().with_preset(Preset::Paper);
        let pytorch = config().with_preset(Preset::Pytorch);
        assert_eq!(pytorch.schedule, Schedule::Constant);
        assert_eq!(TrainingConfig { schedule: paper.schedule, ..pytorch }, paper);

        let faces = LabelSpace::attributes(["a", "b", "c", "d", "e"]);
        let single = TrainingConfig::new(LabelSpaces::single(faces.clone()));
        assert_eq!(single.with_preset(Preset::Tensorflow).weights.domain, 2.0);
        let moods = LabelSpace::classes(["angry", "happy"]);
        let joint = LabelSpaces::joint([("faces", faces), ("moods", moods)]).unwrap();
        let joint = TrainingConfig::new(joint).with_preset(Preset::Tensorflow);
        assert_eq!([joint.weights_of(0).domain, joint.weights_of(1).domain], [2.0, 10.0]);
        joint.check().unwrap();

        let changed = config().with_learning_rate(1.0).with_image_size(64).with_seed(3);
        let expected = config().with_preset(Preset::Paper).with_image_size(64).with_seed(3);
        assert_eq!(changed.with_preset(Preset::Paper), expected);
    }

    #[test]
    fn the_paper_preset_is_the_paper() {
        let config = config().with_preset(Preset::Paper);
        assert_eq!((config.ema, config.weights.identity), (0.0, None));
        let LossWeights { domain, reconstruction, penalty, .. } = config.weights;
        assert_eq!((domain, reconstruction, penalty), (1.0, 10.0, 10.0));
        assert_eq!((config.learning_rate, config.critic_steps, config.batch_size), (1e-4, 5, 16));
    }
}
