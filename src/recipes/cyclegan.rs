//! CycleGAN (Zhu et al., ICCV 2017, arXiv:1703.10593): two domains, a direction each way, unpaired images.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};

use crate::recipes::config;
use crate::recipes::pairwise::settings::PairModel;
use crate::recipes::pairwise::losses::DirectionLosses;
use crate::recipes::losses::{DiscriminatorLosses, GeneratorLosses};
use crate::recipes::{images, pool};
use crate::data::loader::Batch;
use crate::data::datasets::Datasets;
use crate::data::transform::Transform;
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::error::Result;
use crate::nn::generator::{Generator, GeneratorConfig};
use crate::recipes::losses::{IdentityWarmup, Objective, reconstruction_loss};
use crate::random::{Purpose, stream};
use crate::engine::learner::{Adversaries, Architecture};
use crate::engine::recipe::{Moment, Recipe};
use crate::train::Step;
use crate::recipes::stargan::config::TrainingConfig;

/// The terms of both generators (eqs. 1 to 3), direction `i` being from domain `i` to the other: given `real`
/// images `[N, C, S, S]` of both domains, and `fake`, their translations with their graph; with the identity terms
/// when `identity`. The discriminators' weights get no gradient.
///
/// Either generator is a part of the other's cycle, so what both minimise is the sum of both totals.
pub fn cycle_losses<B: AutodiffBackend>(
    generators: [&Generator<B>; 2],
    discriminators: [&Discriminator<B>; 2],
    real: &[Tensor<B::InnerBackend, 4>; 2],
    fake: &[Tensor<B, 4>; 2],
    objective: Objective,
    identity: bool,
) -> [GeneratorLosses<B>; 2] {
    [0, 1].map(|here| {
        let there = 1 - here;
        let real = |domain: usize| Tensor::from_inner(real[domain].clone());
        let translate = |from: usize, images| generators[from].forward_unconditional(images);
        let realness = discriminators[here].clone().no_grad().realness(fake[here].clone());
        GeneratorLosses {
            fake: objective.generator(realness),
            reconstruction: reconstruction_loss(real(here), translate(there, fake[here].clone())),
            identity: identity
                .then(|| reconstruction_loss(real(there), translate(here, real(there)))),
        }
    })
}

/// How a CycleGAN of two domains is trained, without pairs of images: the recipe of a
/// [`Trainer`](crate::Trainer) that is given a dataset of each domain.
///
/// ```
/// use stargan::baselines::CycleGan;
/// let config = CycleGan::new(["Black_Hair", "Blond_Hair"]).with(|t| t.with_image_size(64).with_batch_size(16));
/// assert_eq!((config.training.weights.reconstruction, config.pool), (10.0, 50));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleGan {
    /// The settings that every run has. Of the loss weights, `reconstruction` is the cycle's, lambda, 10;
    /// `identity` is that of the identity terms, none; the domain's and the penalty's mean nothing. The objective
    /// is least squares.
    pub training: TrainingConfig,
    /// How many earlier translations either discriminator is shown again: 50; 0 for none.
    pub pool: usize,
}

impl CycleGan {
    /// The paper's settings for two `domains`.
    pub fn new(domains: [&str; 2]) -> Self {
        Self { training: config::training(domains, Objective::Lsgan, 10.0), pool: 50 }
    }

    /// Changes the settings that every run has.
    pub fn with(mut self, change: impl FnOnce(TrainingConfig) -> TrainingConfig) -> Self {
        self.training = change(self.training);
        self
    }

    /// Sets the weight of the identity terms for the whole run; the paper has half of the cycle's, 5, where
    /// colours should stay.
    pub fn with_identity(mut self, weight: f64) -> Self {
        let identity = IdentityWarmup { weight, last_iteration: u64::MAX };
        self.training = self.training.with_identity(Some(identity));
        self
    }

    /// The generator of either direction.
    pub fn generator(&self) -> GeneratorConfig {
        config::architecture(&self.training, 1).generator
    }

    /// The discriminator of either domain.
    pub fn discriminator(&self) -> DiscriminatorConfig {
        config::architecture(&self.training, 1).discriminator
    }

    /// The parameters of both generators and both discriminators.
    pub fn num_params(&self) -> u64 {
        2 * config::architecture(&self.training, 1).num_params()
    }

    /// Sets how many earlier translations either discriminator is shown again.
    pub fn with_pool(mut self, pool: usize) -> Self {
        self.pool = pool;
        self
    }
}

impl Recipe for CycleGan {
    fn training(&self) -> &TrainingConfig {
        &self.training
    }

    fn training_mut(&mut self) -> &mut TrainingConfig {
        &mut self.training
    }
}

impl Step for CycleGan {
    type Model = PairModel;
    type Losses<B: AutodiffBackend> = DirectionLosses<B>;

    fn check(&self) -> Result<()> {
        config::check(&self.training)
    }

    fn architectures(&self) -> Vec<Architecture> {
        vec![config::architecture(&self.training, 1); 2]
    }

    fn model(&self, transform: Transform) -> PairModel {
        PairModel { transform }
    }

    fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
        config::accept(&self.training, data)
    }

    /// A direction is named after the domain that it leads to.
    fn part(&self, direction: usize) -> &str {
        config::domains(&self.training)[1 - direction]
    }

    /// Both generators' update and then both discriminators', on the same translations.
    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut [Adversaries<B>],
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<DirectionLosses<B>>> {
        let [first, second] = networks else { panic!("two directions") };
        let real = images(batches, moment.device);
        let translate = |networks: &Adversaries<B>, real: &Tensor<B::InnerBackend, 4>| {
            networks.generator.forward_unconditional(Tensor::from_inner(real.clone()))
        };
        let fake = [translate(first, &real[0]), translate(second, &real[1])];

        let TrainingConfig { objective, ref weights, seed, .. } = self.training;
        let identity = weights.identity_at(moment.iteration);
        let generators = cycle_losses(
            [&first.generator, &second.generator],
            [&first.discriminator, &second.discriminator],
            &real,
            &fake,
            objective,
            identity.is_some(),
        );
        let [there, back] = generators.each_ref().map(|losses| losses.total(weights, identity));
        let mut gradients = (there + back).backward();
        let fake = fake.map(Tensor::inner);

        let directions = [first, second].into_iter().zip(generators).zip(fake).enumerate();
        directions
            .map(|(direction, ((networks, generator), fake))| {
                let gradients = networks.generator_gradients(&mut gradients);
                networks.update_generator(gradients, moment.learning_rate);
                let mut rng = stream(seed, Purpose::Pool, direction as u64, moment.iteration);
                let shown = pool::draw(&mut networks.history, self.pool, fake, &mut rng);
                let real = real[1 - direction].clone();
                let judge = &networks.discriminator;
                let discriminator = DiscriminatorLosses::new(judge, real, shown, objective);
                let mut gradients = discriminator.total().backward();
                let gradients = networks.discriminator_gradients(&mut gradients);
                networks.update_discriminator(gradients, moment.learning_rate);
                let gradients = networks.finite(true);
                Ok(DirectionLosses {
                    direction,
                    discriminator,
                    generator,
                    gradients,
                    generator_first: true,
                })
            })
            .collect()
    }
}
