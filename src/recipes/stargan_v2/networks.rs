//! StarGAN v2's four networks as they learn.

use burn::tensor::backend::AutodiffBackend;

use crate::engine::learner::Learner;
use crate::engine::networks::{Networks, State};
use crate::engine::settings::RunSettings;
use crate::error::Result;
use crate::nn::style::config::StyleConfig;
use crate::nn::style::discriminator::StyleDiscriminator;
use crate::nn::style::encoder::StyleEncoder;
use crate::nn::style::generator::StyleGenerator;
use crate::nn::style::mapping::MappingNetwork;
use crate::random::{Purpose, stream};

/// G, F and E, with their moving averages where the run has such, and D.
#[derive(Clone, Debug)]
pub struct StyleNetworks<B: AutodiffBackend> {
    /// `generator` in files, its average `average`.
    pub generator: Learner<B, StyleGenerator<B>>,
    /// `mapping` in files, its average `average_mapping`.
    pub mapping: Learner<B, MappingNetwork<B>>,
    /// `encoder` in files, its average `average_encoder`.
    pub encoder: Learner<B, StyleEncoder<B>>,
    /// `discriminator` in files.
    pub discriminator: Learner<B, StyleDiscriminator<B>>,
}

impl<B: AutodiffBackend> StyleNetworks<B> {
    /// Fresh weights, which depend on the run's seed alone.
    ///
    /// # Errors
    /// As [`StyleConfig::check`].
    pub fn init(config: &StyleConfig, run: &RunSettings, device: &B::Device) -> Result<Self> {
        let rng = |purpose| stream(run.seed, purpose, 0, 0);
        let adam = || run.adam.clone();
        let generator = config
            .init_generator::<B>(&mut rng(Purpose::Generator), device)?
            .with_precision(run.precision);
        let mapping = config.init_mapping::<B>(&mut rng(Purpose::Mapping), device)?;
        let encoder = config
            .init_encoder::<B>(&mut rng(Purpose::Encoder), device)?
            .with_precision(run.precision);
        let discriminator = config
            .init_discriminator::<B>(&mut rng(Purpose::Discriminator), device)?
            .with_precision(run.precision);
        Ok(Self {
            // Updated twice an iteration, of which the decay is that of both.
            generator: Learner::new("generator", generator, adam())
                .with_average("average", run.ema.sqrt()),
            mapping: Learner::new("mapping", mapping, adam())
                .with_average("average_mapping", run.ema),
            encoder: Learner::new("encoder", encoder, adam())
                .with_average("average_encoder", run.ema),
            discriminator: Learner::new("discriminator", discriminator, adam()),
        })
    }
}

impl<B: AutodiffBackend> Networks<B> for StyleNetworks<B> {
    fn save(&self, state: &mut State) {
        self.generator.save(state);
        self.mapping.save(state);
        self.encoder.save(state);
        self.discriminator.save(state);
    }

    fn restore(self, state: &mut State, device: &B::Device) -> Result<Self, String> {
        Ok(Self {
            generator: self.generator.restore(state, device)?,
            mapping: self.mapping.restore(state, device)?,
            encoder: self.encoder.restore(state, device)?,
            discriminator: self.discriminator.restore(state, device)?,
        })
    }

    fn free(&mut self) {
        self.generator.free();
        self.mapping.free();
        self.encoder.free();
        self.discriminator.free();
    }
}
