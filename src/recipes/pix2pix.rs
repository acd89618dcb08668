//! pix2pix (Isola et al., CVPR 2017, arXiv:1611.07004): one direction, learnt from pairs of images.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::data::datasets::Datasets;
use crate::data::loader::Batch;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::data::unreadable::UnreadablePolicy;
use crate::engine::recipe::{Moment, Recipe, StepLosses};
use crate::engine::settings::RunSettings;
use crate::engine::trainer::Trainer;
use crate::error::{Error, Result};
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::nn::generator::GeneratorConfig;
use crate::recipes::adversaries::Adversaries;
use crate::recipes::channels::channels;
use crate::recipes::losses::reconstruction_loss;
use crate::recipes::objective::Objective;
use crate::recipes::pairwise::direction::{Direction, Pairwise};
use crate::recipes::pairwise::losses::{CriticLosses, DirectionLosses};
use crate::recipes::pairwise::settings::{self, PairModel};
use crate::translate::grid::GridImage;
use crate::translate::relabel::Translate;

/// What the conditional discriminator sees: `source` and, real or translated, `target`, both `[N,
/// C, H, W]`, as `[N, 2 C, H, W]`.
pub fn under_condition<B: Backend>(source: Tensor<B, 4>, target: Tensor<B, 4>) -> Tensor<B, 4> {
    Tensor::cat(vec![source, target], 1)
}

/// The terms of the generator (eqs. 1 to 4), given pairs of a `source` and a `target` image `[N, C,
/// H, W]`, and `fake`, the sources' translations with their graph. The discriminator's weights get
/// no gradient.
pub fn paired_losses<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    source: Tensor<B::InnerBackend, 4>,
    target: Tensor<B::InnerBackend, 4>,
    fake: Tensor<B, 4>,
    objective: Objective,
) -> DirectionLosses<B> {
    let judged = under_condition(Tensor::from_inner(source), fake.clone());
    let realness = discriminator.clone().no_grad().realness(judged);
    DirectionLosses {
        fake: objective.generator(realness),
        reconstruction: reconstruction_loss(Tensor::from_inner(target), fake),
        identity: None,
    }
}

/// How a pix2pix model is trained, on pairs of images: the recipe of a [`Trainer`](crate::Trainer)
/// that is given two datasets of one length, the sources and, in the same order, their targets. The
/// defaults are the paper's.
///
/// ```
/// use stargan::Pix2Pix;
/// let recipe = Pix2Pix::new(["Black_Hair", "Blond_Hair"]).with_image_size(64);
/// assert_eq!(recipe.reconstruction, 100.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pix2Pix {
    /// The names of both domains, source and target.
    pub domains: [String; 2],
    /// The generator's architecture.
    pub generator: GeneratorConfig,
    /// The architecture of the discriminator, which sees two images at once; it says the image
    /// size.
    pub discriminator: DiscriminatorConfig,
    /// The adversarial objective: `vanilla`.
    pub objective: Objective,
    /// The weight of the distance from the truth, lambda: 100.
    pub reconstruction: f64,
}

impl Pix2Pix {
    /// The paper's settings for the translation from the first of two `domains` to the second.
    pub fn new(domains: [&str; 2]) -> Self {
        let (generator, discriminator) = settings::networks(2);
        Self {
            domains: domains.map(str::to_owned),
            generator,
            discriminator,
            objective: Objective::Vanilla,
            reconstruction: 100.0,
        }
    }

    /// Sets the channels of the images.
    pub fn with_channels(mut self, channels: Channels) -> Self {
        self.generator.image_channels = channels.count();
        self.discriminator.image_channels = 2 * channels.count();
        self
    }

    /// Sets the size of the training images, a number for squares, and the halvings of D that suit
    /// it.
    pub fn with_image_size(mut self, size: impl Into<ImageSize>) -> Self {
        self.discriminator = self.discriminator.with_image_size(size);
        self
    }
}

impl Recipe for Pix2Pix {
    const NAME: &'static str = "pix2pix";
    const CHANGEABLE: &'static [&'static str] = &["reconstruction"];
    type Networks<B: AutodiffBackend> = Adversaries<B>;
    type Model = PairModel;

    fn usual_run(&self) -> RunSettings {
        settings::usual_run()
    }

    fn check(&self, run: &RunSettings) -> Result<()> {
        let weights = [("reconstruction", self.reconstruction)];
        settings::check(&self.domains, &self.generator, &self.discriminator, 2, &weights)?;
        if run.on_unreadable == UnreadablePolicy::Skip {
            return Err(Error::Config(
                "on_unreadable is skip: another image in the place of one of a pair would not \
                 belong to the other; take fail"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn check_precision(&self) -> Result<()> {
        Ok(())
    }

    fn image_size(&self) -> ImageSize {
        self.discriminator.image_size
    }

    fn channels(&self) -> Channels {
        channels(&self.generator)
    }

    fn paired(&self) -> bool {
        true
    }

    fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
        settings::accept(&self.domains, data)
    }

    fn num_params(&self) -> u64 {
        self.generator.num_params().saturating_add(self.discriminator.num_params())
    }

    fn init<B: AutodiffBackend>(
        &self,
        run: &RunSettings,
        device: &B::Device,
    ) -> Result<Adversaries<B>> {
        Adversaries::init(&self.generator, &self.discriminator, run, 0, device)
    }

    /// The discriminator's update and then the generator's against the result, on the same
    /// translations. The part is named after the target domain.
    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut Adversaries<B>,
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<StepLosses<B::InnerBackend>>> {
        let [source, target] = settings::images::<B::InnerBackend>(batches, moment.device);
        let generator = networks.generator.module();
        let fake = generator.forward_unconditional(Tensor::from_inner(source.clone()));

        let critic = CriticLosses::new(
            networks.discriminator.module(),
            under_condition(source.clone(), target.clone()),
            under_condition(source.clone(), fake.clone().inner()),
            self.objective,
        );
        let gradients = moment.backward(critic.total()).of(&networks.discriminator);
        networks.update_discriminator(gradients, moment);

        let discriminator = networks.discriminator.module();
        let losses = paired_losses(discriminator, source, target, fake, self.objective);
        let total = losses.total(self.reconstruction, 0.0);
        let gradients = moment.backward(total).of(&networks.generator);
        moment.update(&mut networks.generator, gradients);

        Ok(vec![
            StepLosses::new(&self.domains[1])
                .with_losses(critic.terms())
                .with_check("d/update", networks.discriminator.finite())
                .with_losses(losses.terms())
                .with_check("g/update", networks.generator.finite()),
        ])
    }

    fn model(&self, transform: Transform) -> PairModel {
        PairModel { transform }
    }

    fn translator<B: AutodiffBackend>(
        &self,
        networks: &Adversaries<B>,
        transform: Transform,
        device: &B::Device,
    ) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        let spaces = settings::spaces(&self.domains);
        let model = Pairwise::new(spaces, transform, device.clone());
        Ok(Box::new(model.with(0, 1, direction(networks, transform, device))))
    }

    /// Of the sources only.
    fn grid_images(
        &self,
        data: &Datasets,
        count: usize,
        policy: UnreadablePolicy,
    ) -> Result<Vec<GridImage>> {
        settings::grid_images(data, 1, self.image_size(), count, policy)
    }
}

impl<B: AutodiffBackend> Trainer<B, Pix2Pix> {
    /// The generator as it is now: its moving average where there is one.
    pub fn direction(&self) -> Direction<B::InnerBackend> {
        direction(self.networks(), self.transform(), self.device())
    }
}

fn direction<B: AutodiffBackend>(
    networks: &Adversaries<B>,
    transform: Transform,
    device: &B::Device,
) -> Direction<B::InnerBackend> {
    Direction::new(networks.translating(), transform, device.clone())
}
