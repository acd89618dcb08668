//! StarGAN as a recipe: for every dataset in turn, D's update and, when due, G's.

use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use rand::Rng;

use crate::engine::learner::{Adversaries, Architecture};
use crate::recipes::stargan::config::TrainingConfig;
use crate::engine::recipe::{Moment, Recipe, StepTerms, plain};
use crate::recipes::recipe::Step;
use crate::recipes::stargan::step::{Label, StepBatch, discriminator_losses, generator_losses};
use crate::data::loader::Batch;
use crate::data::datasets::Datasets;
use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::recipes::losses::{DiscriminatorLosses, GeneratorLosses, LossWeights};
use crate::files::model::ModelConfig;
use crate::recipes::penalty::PenaltyDraw;
use crate::random::{Purpose, permutation, stream};

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

impl<B: AutodiffBackend> StepTerms<B> for StepLosses<B> {
    fn part(&self) -> usize {
        self.dataset
    }

    fn losses(&self) -> Vec<(&'static str, Tensor<B::InnerBackend, 1>)> {
        let generator = self.generator.iter().flat_map(|losses| plain(losses.terms()));
        plain(self.discriminator.terms()).chain(generator).collect()
    }

    fn terms(&self) -> Vec<(&'static str, Tensor<B::InnerBackend, 1>)> {
        let [d, g] = self.gradients.clone();
        let generator = self.generator.iter().flat_map(|losses| plain(losses.terms()));
        plain(self.discriminator.terms())
            .chain(d.map(|finite| ("d/gradient", finite)))
            .chain(generator)
            .chain(g.map(|finite| ("g/gradient", finite)))
            .collect()
    }
}

impl Recipe for TrainingConfig {
    fn training(&self) -> &TrainingConfig {
        self
    }

    fn training_mut(&mut self) -> &mut TrainingConfig {
        self
    }
}

impl Step for TrainingConfig {
    type Model = ModelConfig;
    type Losses<B: AutodiffBackend> = StepLosses<B>;

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn architectures(&self) -> Vec<Architecture> {
        vec![Architecture { generator: self.generator(), discriminator: self.discriminator() }]
    }

    fn model(&self, transform: Transform) -> ModelConfig {
        ModelConfig {
            spaces: self.spaces.clone(),
            transform,
            generator: self.generator(),
            discriminator: Some(self.discriminator()),
        }
    }

    fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
        let spaces = &self.spaces;
        if data.len() != spaces.len() {
            return Err(Error::Config(format!(
                "the configuration has the labels of {} dataset(s), the data are {}",
                spaces.len(),
                data.len()
            )));
        }
        let name = |(i, dataset): (usize, &dyn crate::data::Dataset)| {
            spaces.check_space(i, dataset.labels())?;
            Ok(spaces.name(i).to_owned())
        };
        data.iter().enumerate().map(name).collect()
    }

    fn part(&self, dataset: usize) -> &str {
        self.spaces.name(dataset)
    }

    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut [Adversaries<B>],
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<StepLosses<B>>> {
        let [networks] = networks else { panic!("one generator and one discriminator") };
        let generator_due = moment.iteration.is_multiple_of(self.critic_steps);
        batches
            .into_iter()
            .map(|batch| {
                let dataset = batch.dataset;
                let sample =
                    sample::<B::InnerBackend>(self, batch, moment.iteration, moment.device);
                let weights = self.weights_of(dataset);
                // D's update leaves G as it is, so both learn from the same translations.
                let tracked = generator_due.then(|| sample.tracked_fake(&networks.generator));
                let fake = match &tracked {
                    Some(fake) => fake.clone().inner(),
                    None => sample.fake(&networks.generator.valid()),
                };
                let discriminator =
                    discriminator_step(self, networks, fake, &sample, weights, moment)?;
                let generator = tracked
                    .map(|fake| generator_step(self, networks, fake, &sample, weights, moment))
                    .transpose()?;
                let gradients = networks.finite(generator.is_some());
                Ok(StepLosses { dataset, discriminator, generator, gradients })
            })
            .collect()
    }
}

pub(super) fn discriminator_step<B: AutodiffBackend>(
    config: &TrainingConfig,
    networks: &mut Adversaries<B>,
    fake: Tensor<B::InnerBackend, 4>,
    sample: &StepBatch<B::InnerBackend>,
    weights: &LossWeights,
    moment: &mut Moment<'_, B>,
) -> Result<DiscriminatorLosses<B>> {
    let TrainingConfig { objective, penalty, .. } = *config;
    let mut losses =
        discriminator_losses(&networks.discriminator, fake, sample, objective, penalty);
    let mut gradients = networks.discriminator_gradients(&mut losses.total(weights).backward());
    moment.workers.average(&mut gradients, losses.terms_mut())?;
    networks.update_discriminator(gradients, moment.learning_rate);
    Ok(losses)
}

pub(super) fn generator_step<B: AutodiffBackend>(
    config: &TrainingConfig,
    networks: &mut Adversaries<B>,
    fake: Tensor<B, 4>,
    sample: &StepBatch<B::InnerBackend>,
    weights: &LossWeights,
    moment: &mut Moment<'_, B>,
) -> Result<GeneratorLosses<B>> {
    let identity = weights.identity_at(moment.iteration);
    let mut losses = generator_losses(
        &networks.discriminator,
        &networks.generator,
        fake,
        sample,
        config.objective,
        identity.is_some(),
    );
    let mut gradients =
        networks.generator_gradients(&mut losses.total(weights, identity).backward());
    moment.workers.average(&mut gradients, losses.terms_mut())?;
    networks.update_generator(gradients, moment.learning_rate);
    Ok(losses)
}

/// The rows of `batch` that this worker has the images of, on the device, with their target labels (a permutation of the
/// whole batch's own) and the mixing factors of `iteration`.
fn sample<B: Backend>(
    config: &TrainingConfig,
    batch: Batch,
    iteration: u64,
    device: &B::Device,
) -> StepBatch<B> {
    let spaces = &config.spaces;
    let dataset = batch.dataset;
    let width = spaces.space(dataset).width();
    let labels: Vec<&[f32]> = batch.labels.chunks_exact(width).collect();
    let (whole, rows) = (labels.len(), batch.rows.clone());
    let n = rows.len();

    let mut rng = stream(config.seed, Purpose::Step, dataset as u64, iteration);
    let targets: Vec<&[f32]> =
        permutation(whole, &mut rng).into_iter().map(|source| labels[source]).collect();
    // Of the whole batch too, so that any number of workers draw the same.
    let mixing: Vec<f32> = (0..whole).map(|_| rng.random()).collect();
    let shape = batch.shape();
    // A penalty that needs it is for one worker.
    let elements = batch.images.len();
    let noise: Option<Vec<f32>> =
        config.penalty.needs_noise().then(|| (0..elements).map(|_| rng.random()).collect());

    let label = |labels: &[&[f32]]| Label {
        label: Tensor::from_data(TensorData::new(labels.concat(), [n, width]), device),
        condition: Tensor::from_data(
            TensorData::new(
                labels.iter().flat_map(|label| spaces.condition(dataset, label)).collect(),
                [n, spaces.condition_width()],
            ),
            device,
        ),
    };
    StepBatch {
        kind: spaces.space(dataset).kind(),
        logits: spaces.logit_range(dataset),
        real: Tensor::from_data(TensorData::new(batch.images, shape), device),
        source: label(&labels[rows.clone()]),
        target: label(&targets[rows.clone()]),
        draw: PenaltyDraw {
            mixing: Tensor::from_data(TensorData::new(mixing[rows].to_vec(), [n, 1, 1, 1]), device),
            noise: noise.map(|noise| Tensor::from_data(TensorData::new(noise, shape), device)),
        },
    }
}
