//! A generator and a discriminator that learn against each other, with what their learning needs.

use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::engine::average;
use crate::recipes::stargan::config::TrainingConfig;
use crate::optim::adam::{self, Adam, AdamConfig};
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::error::Result;
use crate::nn::generator::{Generator, GeneratorConfig};
use crate::random::{Purpose, stream};
use crate::nn::weights::{self, Weights};

/// What a checkpoint calls earlier translations.
const HISTORY: &str = "history";

/// A network's gradients, one flat array per parameter in the network's own order.
pub type Gradients<B> = Vec<Tensor<<B as AutodiffBackend>::InnerBackend, 1>>;

/// The shapes of two adversaries.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    pub generator: GeneratorConfig,
    pub discriminator: DiscriminatorConfig,
}

impl Architecture {
    /// The parameters of both, the discriminator's directions of spectral norms aside.
    pub fn num_params(&self) -> u64 {
        self.generator.num_params().saturating_add(self.discriminator.num_params())
    }
}

/// Two networks, their optimizers, and the generator's moving average where there is one.
#[derive(Clone, Debug)]
pub struct Adversaries<B: AutodiffBackend> {
    pub generator: Generator<B>,
    pub discriminator: Discriminator<B>,
    pub average: Option<Generator<B::InnerBackend>>,
    pub(crate) generator_adam: Adam<B::InnerBackend>,
    pub(crate) discriminator_adam: Adam<B::InnerBackend>,
    /// Earlier translations `[1, C, S, S]` that a recipe keeps to show them to the discriminator again; none by
    /// default.
    pub history: Vec<Tensor<B::InnerBackend, 4>>,
    /// Decay of the moving average.
    ema: f64,
}

impl<B: AutodiffBackend> Adversaries<B> {
    /// With fresh weights: those of the `number`-th adversaries of a run.
    ///
    /// # Errors
    /// When the architecture can't be.
    pub fn fresh(
        architecture: &Architecture,
        config: &TrainingConfig,
        number: u64,
        device: &B::Device,
    ) -> Result<Self> {
        let Architecture { generator, discriminator } = architecture;
        let rng = |purpose| stream(config.seed, purpose, number, 0);
        let generator = generator.init::<B>(&mut rng(Purpose::Generator), device)?;
        let discriminator = discriminator.init::<B>(&mut rng(Purpose::Discriminator), device)?;
        Ok(Self {
            average: (config.ema > 0.0).then(|| generator.valid()),
            generator,
            discriminator,
            generator_adam: Adam::new(config.adam.clone()),
            discriminator_adam: Adam::new(config.adam.clone()),
            history: Vec::new(),
            ema: config.ema,
        })
    }

    /// Those that [`state`](Self::state) described after so many `updates` of the generator and of the
    /// discriminator, given fresh ones of their architecture; their entries are taken out of `weights`.
    ///
    /// # Errors
    /// What is missing or mis-shaped, by name.
    pub fn restore(
        self,
        config: &TrainingConfig,
        updates: [u64; 2],
        prefix: &str,
        weights: &mut Weights,
        device: &B::Device,
    ) -> Result<Self, String> {
        let name = |part: &str| format!("{prefix}{part}");
        let Self { generator, discriminator, average, ema, .. } = self;
        let generator = weights::apply(generator, &name("generator"), weights)?;
        let discriminator = weights::apply(discriminator, &name("discriminator"), weights)?;
        let average = average
            .map(|average| weights::apply(average, &name("average"), weights))
            .transpose()?;
        let [generator_updates, discriminator_updates] = updates;
        let generator_adam = Adam::restore(
            config.adam.clone(),
            generator_updates,
            &generator.valid(),
            &name("adam.generator"),
            weights,
            device,
        )?;
        let discriminator_adam = Adam::restore(
            config.adam.clone(),
            discriminator_updates,
            &discriminator.valid(),
            &name("adam.discriminator"),
            weights,
            device,
        )?;
        let image = [config.generator().image_channels, config.image_size, config.image_size];
        let history = match weights.remove(&name(HISTORY)) {
            None => Vec::new(),
            Some(data) => match data.shape.as_slice() {
                [_, sides @ ..] if *sides == image => Tensor::from_data(data, device).split(1, 0),
                found => {
                    let name = name(HISTORY);
                    return Err(format!("{name}: expected images {image:?}, found {found:?}"));
                }
            },
        };
        Ok(Self {
            generator,
            discriminator,
            average,
            generator_adam,
            discriminator_adam,
            history,
            ema,
        })
    }

    /// Every array of theirs, its name after `prefix`.
    pub fn state(&self, prefix: &str) -> Weights {
        let name = |part: &str| format!("{prefix}{part}");
        let (generator, discriminator) = (self.generator.valid(), self.discriminator.valid());
        let mut weights = weights::collect(&generator, &name("generator"));
        weights.extend(weights::collect(&discriminator, &name("discriminator")));
        if let Some(average) = &self.average {
            weights.extend(weights::collect(average, &name("average")));
        }
        weights.extend(self.generator_adam.state(&generator, &name("adam.generator")));
        weights.extend(self.discriminator_adam.state(&discriminator, &name("adam.discriminator")));
        if !self.history.is_empty() {
            let history = Tensor::cat(self.history.clone(), 0).into_data().convert::<f32>();
            weights.insert(name(HISTORY), history);
        }
        weights
    }

    /// How often the generator and the discriminator were updated.
    pub fn updates(&self) -> [u64; 2] {
        [self.generator_adam.steps(), self.discriminator_adam.steps()]
    }

    /// The generator to translate with: the moving average where there is one.
    pub fn translating(&self) -> Generator<B::InnerBackend> {
        self.average.clone().unwrap_or_else(|| self.generator.valid())
    }

    /// The discriminator's gradients among `gradients`, for its update.
    pub fn discriminator_gradients(&self, gradients: &mut B::Gradients) -> Gradients<B> {
        adam::gradients(&self.discriminator, gradients)
    }

    /// The generator's gradients among `gradients`, for its update.
    pub fn generator_gradients(&self, gradients: &mut B::Gradients) -> Gradients<B> {
        adam::gradients(&self.generator, gradients)
    }

    /// One update of the discriminator.
    pub fn update_discriminator(&mut self, gradients: Gradients<B>, learning_rate: f64) {
        let discriminator = self.discriminator.clone();
        self.discriminator = self
            .discriminator_adam
            .step(discriminator, gradients, learning_rate)
            .follow_spectral_norms();
    }

    /// One update of the generator and its average.
    pub fn update_generator(&mut self, gradients: Gradients<B>, learning_rate: f64) {
        self.generator = self.generator_adam.step(self.generator.clone(), gradients, learning_rate);
        if let Some(average) = self.average.take() {
            let decay = average::warmed_up(self.ema, self.generator_adam.steps());
            self.average = Some(average::update(average, &self.generator.valid(), decay));
        }
    }

    /// For each network that an iteration updated, D first and the generator `if generator`: a `[1]` that is finite if
    /// its gradients were.
    pub fn finite(&self, generator: bool) -> [Option<Tensor<B::InnerBackend, 1>>; 2] {
        [self.discriminator_adam.finite(), self.generator_adam.finite().filter(|_| generator)]
    }

    /// Drops what a restored state replaces.
    pub fn free(&mut self, adam: &AdamConfig) {
        self.generator_adam = Adam::new(adam.clone());
        self.discriminator_adam = Adam::new(adam.clone());
        self.average = None;
    }
}
