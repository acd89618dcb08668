//! pix2pix (Isola et al., CVPR 2017, arXiv:1611.07004): one direction, learnt from pairs of images.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::{Deserialize, Serialize};

use crate::recipes::config;
use crate::recipes::pairwise::settings::PairModel;
use crate::recipes::images;
use crate::recipes::pairwise::losses::DirectionLosses;
use crate::recipes::losses::{DiscriminatorLosses, GeneratorLosses};
use crate::data::loader::{Batch, UnreadablePolicy};
use crate::data::datasets::Datasets;
use crate::data::transform::Transform;
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::error::{Error, Result};
use crate::nn::generator::GeneratorConfig;
use crate::recipes::losses::{Objective, reconstruction_loss};
use crate::engine::learner::{Adversaries, Architecture};
use crate::engine::recipe::{Moment, Recipe};
use crate::train::Step;
use crate::recipes::stargan::config::TrainingConfig;

/// What the conditional discriminator sees: `source` and, real or translated, `target`, both `[N, C, S, S]`,
/// as `[N, 2 C, S, S]`.
pub fn under_condition<B: Backend>(source: Tensor<B, 4>, target: Tensor<B, 4>) -> Tensor<B, 4> {
    Tensor::cat(vec![source, target], 1)
}

/// The terms of the generator (eqs. 1 to 4), given pairs of a `source` and a `target` image `[N, C, S, S]`, and
/// `fake`, the sources' translations with their graph. The discriminator's weights get no gradient.
pub fn paired_losses<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    source: Tensor<B::InnerBackend, 4>,
    target: Tensor<B::InnerBackend, 4>,
    fake: Tensor<B, 4>,
    objective: Objective,
) -> GeneratorLosses<B> {
    let judged = under_condition(Tensor::from_inner(source), fake.clone());
    let realness = discriminator.clone().no_grad().realness(judged);
    GeneratorLosses {
        fake: objective.generator(realness),
        reconstruction: reconstruction_loss(Tensor::from_inner(target), fake),
        identity: None,
    }
}

/// How a pix2pix model is trained, on pairs of images: the recipe of a [`Trainer`](crate::Trainer) that is given two
/// datasets of one length, the sources and, in the same order, their targets.
///
/// ```
/// use stargan::baselines::Pix2Pix;
/// let config = Pix2Pix::new(["Black_Hair", "Blond_Hair"]).with(|t| t.with_image_size(64).with_batch_size(16));
/// assert_eq!(config.training.weights.reconstruction, 100.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pix2Pix {
    /// The settings that every run has. Of the loss weights, `reconstruction` is that of the distance from the
    /// truth, lambda, 100; the others mean nothing. The objective is `vanilla`.
    pub training: TrainingConfig,
}

impl Pix2Pix {
    /// The paper's settings for the translation from the first of two `domains` to the second.
    pub fn new(domains: [&str; 2]) -> Self {
        Self { training: config::training(domains, Objective::Vanilla, 100.0) }
    }

    /// Changes the settings that every run has.
    pub fn with(mut self, change: impl FnOnce(TrainingConfig) -> TrainingConfig) -> Self {
        self.training = change(self.training);
        self
    }

    /// The generator.
    pub fn generator(&self) -> GeneratorConfig {
        config::architecture(&self.training, 2).generator
    }

    /// The discriminator, which sees two images at once.
    pub fn discriminator(&self) -> DiscriminatorConfig {
        config::architecture(&self.training, 2).discriminator
    }

    /// The parameters of the generator and the discriminator.
    pub fn num_params(&self) -> u64 {
        config::architecture(&self.training, 2).num_params()
    }
}

impl Recipe for Pix2Pix {
    fn training(&self) -> &TrainingConfig {
        &self.training
    }

    fn training_mut(&mut self) -> &mut TrainingConfig {
        &mut self.training
    }
}

impl Step for Pix2Pix {
    type Model = PairModel;
    type Losses<B: AutodiffBackend> = DirectionLosses<B>;

    fn check(&self) -> Result<()> {
        config::check(&self.training)?;
        if self.training.weights.identity.is_some() {
            return Err(Error::Config(
                "pix2pix has no identity term: it knows the truth; leave the identity out"
                    .to_owned(),
            ));
        }
        if self.training.on_unreadable == UnreadablePolicy::Skip {
            return Err(Error::Config(
                "on_unreadable is skip: another image in the place of one of a pair would not belong to \
                 the other; take fail"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn architectures(&self) -> Vec<Architecture> {
        vec![config::architecture(&self.training, 2)]
    }

    fn model(&self, transform: Transform) -> PairModel {
        PairModel { transform }
    }

    fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
        config::accept(&self.training, data)
    }

    fn paired(&self) -> bool {
        true
    }

    /// The direction is named after the domain that it leads to.
    fn part(&self, _direction: usize) -> &str {
        config::domains(&self.training)[1]
    }

    /// The discriminator's update and then the generator's against the result, on the same translations.
    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut [Adversaries<B>],
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<DirectionLosses<B>>> {
        let [networks] = networks else { panic!("one direction") };
        let TrainingConfig { objective, ref weights, .. } = self.training;
        let [source, target] = images::<B::InnerBackend>(batches, moment.device);
        let fake = networks.generator.forward_unconditional(Tensor::from_inner(source.clone()));

        let discriminator = DiscriminatorLosses::new(
            &networks.discriminator,
            under_condition(source.clone(), target.clone()),
            under_condition(source.clone(), fake.clone().inner()),
            objective,
        );
        let mut gradients = discriminator.total().backward();
        let gradients = networks.discriminator_gradients(&mut gradients);
        networks.update_discriminator(gradients, moment.learning_rate);

        let generator = paired_losses(&networks.discriminator, source, target, fake, objective);
        let mut gradients = generator.total(weights, None).backward();
        let gradients = networks.generator_gradients(&mut gradients);
        networks.update_generator(gradients, moment.learning_rate);

        let gradients = networks.finite(true);
        Ok(vec![DirectionLosses {
            direction: 0,
            discriminator,
            generator,
            gradients,
            generator_first: false,
        }])
    }
}
