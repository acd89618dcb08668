//! A generator and a discriminator that learn against each other.

use burn::tensor::backend::AutodiffBackend;

use crate::engine::learner::{Gradients, Learner};
use crate::engine::networks::{Networks, State};
use crate::engine::recipe::Moment;
use crate::engine::settings::RunSettings;
use crate::error::Result;
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::nn::generator::{Generator, GeneratorConfig};
use crate::nn::precision::Precision;
use crate::random::{Purpose, stream};

/// A generator, with its moving average where the run has one, and a discriminator.
#[derive(Clone, Debug)]
pub struct Adversaries<B: AutodiffBackend> {
    /// `generator` in files, its average `average`.
    pub generator: Learner<B, Generator<B>>,
    /// `discriminator` in files.
    pub discriminator: Learner<B, Discriminator<B>>,
}

impl<B: AutodiffBackend> Adversaries<B> {
    /// Fresh weights: those of the `number`-th adversaries of a run.
    ///
    /// # Errors
    /// When an architecture can't be.
    pub fn init(
        generator: &GeneratorConfig,
        discriminator: &DiscriminatorConfig,
        run: &RunSettings,
        number: u64,
        device: &B::Device,
    ) -> Result<Self> {
        let rng = |purpose| stream(run.seed, purpose, number, 0);
        let generator = generator
            .init::<B>(&mut rng(Purpose::Generator), device)?
            .with_precision(run.precision);
        let discriminator = discriminator
            .init::<B>(&mut rng(Purpose::Discriminator), device)?
            .with_precision(run.precision);
        let adam = || run.adam.clone();
        Ok(Self {
            generator: Learner::new("generator", generator, adam())
                .with_average("average", run.ema),
            discriminator: Learner::new("discriminator", discriminator, adam()),
        })
    }

    /// Puts `prefix` before the names of both in files, to tell several such pairs apart.
    pub fn with_prefix(self, prefix: &str) -> Self {
        Self {
            generator: self.generator.with_prefix(prefix),
            discriminator: self.discriminator.with_prefix(prefix),
        }
    }

    /// One update of the discriminator, and of its spectral norms.
    pub fn update_discriminator(&mut self, gradients: Gradients<B>, moment: &mut Moment<'_, B>) {
        if moment.update_discriminator(&mut self.discriminator, gradients) {
            self.discriminator.change(Discriminator::follow_spectral_norms);
        }
    }

    /// The generator to translate with, in float32: its moving average where there is one.
    pub fn translating(&self) -> Generator<B::InnerBackend> {
        self.generator.averaged().with_precision(Precision::Float32)
    }
}

impl<B: AutodiffBackend> Networks<B> for Adversaries<B> {
    fn save(&self, state: &mut State) {
        self.generator.save(state);
        self.discriminator.save(state);
    }

    fn restore(self, state: &mut State, device: &B::Device) -> Result<Self, String> {
        Ok(Self {
            generator: self.generator.restore(state, device)?,
            discriminator: self.discriminator.restore(state, device)?,
        })
    }

    fn free(&mut self) {
        self.generator.free();
        self.discriminator.free();
    }
}
