//! CycleGAN (Zhu et al., ICCV 2017, arXiv:1703.10593): two domains, a direction each way, unpaired
//! images.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::data::datasets::Datasets;
use crate::data::loader::Batch;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::data::unreadable::UnreadablePolicy;
use crate::engine::networks::{Networks, State};
use crate::engine::recipe::{Moment, Recipe, StepLosses};
use crate::engine::settings::RunSettings;
use crate::engine::trainer::Trainer;
use crate::error::Result;
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::nn::generator::{Generator, GeneratorConfig};
use crate::random::{Purpose, stream};
use crate::recipes::adversaries::Adversaries;
use crate::recipes::channels::channels;
use crate::recipes::losses::{OptionalTerm, reconstruction_loss};
use crate::recipes::objective::Objective;
use crate::recipes::pairwise::direction::{Direction, Pairwise};
use crate::recipes::pairwise::history;
use crate::recipes::pairwise::losses::{CriticLosses, DirectionLosses};
use crate::recipes::pairwise::settings::{self, PairModel};
use crate::translate::grid::GridImage;
use crate::translate::relabel::Translate;

/// The terms of both generators (eqs. 1 to 3), direction `i` being from domain `i` to the other:
/// given `real` images `[N, C, H, W]` of both domains, and `fake`, their translations with their
/// graph. The discriminators' weights get no gradient.
///
/// Either generator is a part of the other's cycle, so what both minimise is the sum of both
/// totals.
pub fn cycle_losses<B: AutodiffBackend>(
    generators: [&Generator<B>; 2],
    discriminators: [&Discriminator<B>; 2],
    real: &[Tensor<B::InnerBackend, 4>; 2],
    fake: &[Tensor<B, 4>; 2],
    objective: Objective,
    identity: OptionalTerm,
) -> [DirectionLosses<B>; 2] {
    [0, 1].map(|here| {
        let there = 1 - here;
        let real = |domain: usize| Tensor::from_inner(real[domain].clone());
        let translate = |from: usize, images| generators[from].forward_unconditional(images);
        let realness = discriminators[here].clone().no_grad().realness(fake[here].clone());
        DirectionLosses {
            fake: objective.generator(realness),
            reconstruction: reconstruction_loss(real(here), translate(there, fake[here].clone())),
            identity: identity
                .then(|| reconstruction_loss(real(there), translate(here, real(there)))),
        }
    })
}

/// How a CycleGAN of two domains is trained, without pairs of images: the recipe of a
/// [`Trainer`](crate::Trainer) that is given a dataset of each domain. The defaults are the
/// paper's.
///
/// ```
/// use stargan::CycleGan;
/// let recipe = CycleGan::new(["Black_Hair", "Blond_Hair"]).with_image_size(64);
/// assert_eq!((recipe.reconstruction, recipe.pool), (10.0, 50));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CycleGan {
    /// The names of both domains.
    pub domains: [String; 2],
    /// The architecture of either generator.
    pub generator: GeneratorConfig,
    /// The architecture of either discriminator, which says the image size.
    pub discriminator: DiscriminatorConfig,
    /// The adversarial objective: least squares.
    pub objective: Objective,
    /// The weight of the cycle's reconstruction, lambda: 10.
    pub reconstruction: f64,
    /// The weight of the identity terms, 0 for none; the paper has half of the cycle's where
    /// colours should stay.
    pub identity: f64,
    /// How many earlier translations either discriminator is shown again: 50; 0 for none.
    pub pool: usize,
}

impl CycleGan {
    /// The paper's settings for two `domains`.
    pub fn new(domains: [&str; 2]) -> Self {
        let (generator, discriminator) = settings::networks(1);
        Self {
            domains: domains.map(str::to_owned),
            generator,
            discriminator,
            objective: Objective::Lsgan,
            reconstruction: 10.0,
            identity: 0.0,
            pool: 50,
        }
    }

    /// Sets the channels of the images.
    pub fn with_channels(mut self, channels: Channels) -> Self {
        self.generator.image_channels = channels.count();
        self.discriminator.image_channels = channels.count();
        self
    }

    /// Sets the size of the training images, a number for squares, and the halvings of D that suit
    /// it.
    pub fn with_image_size(mut self, size: impl Into<ImageSize>) -> Self {
        self.discriminator = self.discriminator.with_image_size(size);
        self
    }

    /// Sets the weight of the identity terms.
    pub fn with_identity(mut self, weight: f64) -> Self {
        self.identity = weight;
        self
    }

    /// Sets how many earlier translations either discriminator is shown again.
    pub fn with_pool(mut self, pool: usize) -> Self {
        self.pool = pool;
        self
    }
}

/// Both directions, each with the translations that its discriminator is shown again.
#[derive(Clone, Debug)]
pub struct CycleNetworks<B: AutodiffBackend> {
    directions: [Adversaries<B>; 2],
    /// Of either direction, `[1, C, H, W]` each.
    histories: [Vec<Tensor<B::InnerBackend, 4>>; 2],
    /// Channels, height and width of an image.
    image: [usize; 3],
}

fn history_name(direction: usize) -> String {
    format!("{direction}.history")
}

impl<B: AutodiffBackend> Networks<B> for CycleNetworks<B> {
    fn save(&self, state: &mut State) {
        self.directions.iter().for_each(|networks| networks.save(state));
        for (direction, history) in self.histories.iter().enumerate() {
            if !history.is_empty() {
                let history = Tensor::cat(history.clone(), 0).into_data().convert::<f32>();
                state.weights.insert(history_name(direction), history);
            }
        }
    }

    fn restore(self, state: &mut State, device: &B::Device) -> Result<Self, String> {
        let [first, second] = self.directions;
        let directions = [first.restore(state, device)?, second.restore(state, device)?];
        let image = self.image;
        let mut histories = [Vec::new(), Vec::new()];
        for (direction, history) in histories.iter_mut().enumerate() {
            let name = history_name(direction);
            let Some(data) = state.weights.remove(&name) else { continue };
            *history = match data.shape.as_slice() {
                [_, sides @ ..] if *sides == image => Tensor::from_data(data, device).split(1, 0),
                found => return Err(format!("{name}: expected images {image:?}, found {found:?}")),
            };
        }
        Ok(Self { directions, histories, image })
    }

    fn free(&mut self) {
        self.directions.iter_mut().for_each(Networks::free);
    }
}

impl Recipe for CycleGan {
    const NAME: &'static str = "cyclegan";
    const CHANGEABLE: &'static [&'static str] = &["reconstruction", "identity"];
    type Networks<B: AutodiffBackend> = CycleNetworks<B>;
    type Model = PairModel;

    fn usual_run(&self) -> RunSettings {
        settings::usual_run()
    }

    fn check(&self, _run: &RunSettings) -> Result<()> {
        let weights = [("reconstruction", self.reconstruction), ("identity", self.identity)];
        settings::check(&self.domains, &self.generator, &self.discriminator, 1, &weights)
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

    fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
        settings::accept(&self.domains, data)
    }

    /// Those of both generators and both discriminators.
    fn num_params(&self) -> u64 {
        let direction = self.generator.num_params().saturating_add(self.discriminator.num_params());
        direction.saturating_mul(2)
    }

    fn init<B: AutodiffBackend>(
        &self,
        run: &RunSettings,
        device: &B::Device,
    ) -> Result<CycleNetworks<B>> {
        let init = |number| {
            let (generator, discriminator) = (&self.generator, &self.discriminator);
            let networks = Adversaries::init(generator, discriminator, run, number, device)?;
            Ok(networks.with_prefix(&format!("{number}.")))
        };
        let [height, width] = self.discriminator.image_size.sides();
        Ok(CycleNetworks {
            directions: [init(0)?, init(1)?],
            histories: [Vec::new(), Vec::new()],
            image: [self.generator.image_channels, height, width],
        })
    }

    /// Both generators' update and then both discriminators', on the same translations. A part is
    /// named after the domain that its direction leads to.
    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut CycleNetworks<B>,
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<StepLosses<B::InnerBackend>>> {
        let CycleNetworks { directions, histories, .. } = networks;
        let real = settings::images(batches, moment.device);
        let generators = directions.each_ref().map(|networks| networks.generator.module());
        let fake: [Tensor<B, 4>; 2] = std::array::from_fn(|from| {
            generators[from].forward_unconditional(Tensor::from_inner(real[from].clone()))
        });
        let losses = cycle_losses(
            generators,
            directions.each_ref().map(|networks| networks.discriminator.module()),
            &real,
            &fake,
            self.objective,
            OptionalTerm::when(self.identity > 0.0),
        );
        let [there, back] = losses.each_ref().map(|l| l.total(self.reconstruction, self.identity));
        let mut backward = moment.backward(there + back);
        let gradients = directions.each_ref().map(|networks| backward.of(&networks.generator));

        let mut parts = Vec::new();
        let computed = losses.into_iter().zip(fake).zip(gradients);
        let steps = directions.iter_mut().zip(histories).zip(computed);
        for (direction, ((networks, history), ((losses, fake), gradients))) in steps.enumerate() {
            moment.update(&mut networks.generator, gradients);
            let mut rng = stream(moment.seed, Purpose::Pool, direction as u64, moment.iteration);
            let shown = history::draw(history, self.pool, fake.inner(), &mut rng);
            let real = real[1 - direction].clone();
            let critic = networks.discriminator.module();
            let critic = CriticLosses::new(critic, real, shown, self.objective);
            let gradients = moment.backward(critic.total()).of(&networks.discriminator);
            networks.update_discriminator(gradients, moment);
            parts.push(
                StepLosses::new(&self.domains[1 - direction])
                    .with_losses(losses.terms())
                    .with_check("g/update", networks.generator.finite())
                    .with_losses(critic.terms())
                    .with_check("d/update", networks.discriminator.finite()),
            );
        }
        Ok(parts)
    }

    fn model(&self, transform: Transform) -> PairModel {
        PairModel { transform }
    }

    fn translator<B: AutodiffBackend>(
        &self,
        networks: &CycleNetworks<B>,
        transform: Transform,
        device: &B::Device,
    ) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        let [there, back] = directions(networks, transform, device);
        let spaces = settings::spaces(&self.domains);
        let model = Pairwise::new(spaces, transform, device.clone());
        Ok(Box::new(model.with(0, 1, there).with(1, 0, back)))
    }

    fn grid_images(
        &self,
        data: &Datasets,
        count: usize,
        policy: UnreadablePolicy,
    ) -> Result<Vec<GridImage>> {
        settings::grid_images(data, 2, self.image_size(), count, policy)
    }
}

impl<B: AutodiffBackend> Trainer<B, CycleGan> {
    /// Both generators as they are now, from the first domain to the second and back: their moving
    /// averages where there are such.
    pub fn directions(&self) -> [Direction<B::InnerBackend>; 2] {
        directions(self.networks(), self.transform(), self.device())
    }
}

fn directions<B: AutodiffBackend>(
    networks: &CycleNetworks<B>,
    transform: Transform,
    device: &B::Device,
) -> [Direction<B::InnerBackend>; 2] {
    let generators = networks.directions.each_ref().map(Adversaries::translating);
    generators.map(|generator| Direction::new(generator, transform, device.clone()))
}
