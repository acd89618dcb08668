//! One batch of one dataset on the device, with everything that is random about its step.

use std::ops::Range;

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use rand::Rng;

use crate::data::loader::Batch;
use crate::labels::space::LabelKind;
use crate::nn::generator::Generator;
use crate::random::{Purpose, permutation, stream};
use crate::recipes::losses::domain_loss;
use crate::recipes::penalty::PenaltyDraw;
use crate::recipes::stargan::config::StarGan;

/// The labels of a batch, as the two networks see them.
#[derive(Clone, Debug)]
pub struct Label<B: Backend> {
    /// The dataset's own label, `[N, width]`: what D's domain head learns.
    pub label: Tensor<B, 2>,
    /// The unified condition vector, `[N, condition_width]`: what G is told.
    pub condition: Tensor<B, 2>,
}

/// One batch of one dataset with everything that is random about its step.
#[derive(Clone, Debug)]
pub struct StepBatch<B: Backend> {
    /// Attributes or classes: the domain loss.
    pub kind: LabelKind,
    /// The dataset's own entries among the domain logits; D learns no others from this batch.
    pub logits: Range<usize>,
    /// `x`, `[N, C, H, W]` in `[-1, 1]`.
    pub real: Tensor<B, 4>,
    /// `c'`, the images' own labels.
    pub source: Label<B>,
    /// `c`, the labels to translate to.
    pub target: Label<B>,
    /// What is random about the penalty.
    pub draw: PenaltyDraw<B>,
}

impl<B: Backend> StepBatch<B> {
    /// `G(x, c)` without a graph.
    pub fn fake(&self, generator: &Generator<B>) -> Tensor<B, 4> {
        generator.forward(self.real.clone(), self.target.condition.clone())
    }

    /// `G(x, c)` with its graph.
    pub fn tracked_fake<A>(&self, generator: &Generator<A>) -> Tensor<A, 4>
    where
        A: AutodiffBackend<InnerBackend = B>,
    {
        let target = Tensor::from_inner(self.target.condition.clone());
        generator.forward(Tensor::from_inner(self.real.clone()), target)
    }

    /// The domain loss of `logits` `[N, label_width]` for `label` `[N, width]`, over the dataset's
    /// own entries.
    pub(crate) fn domain_loss<T: Backend>(
        &self,
        logits: Tensor<T, 2>,
        label: Tensor<T, 2>,
    ) -> Tensor<T, 1> {
        let [n, _] = logits.dims();
        domain_loss(self.kind, logits.slice([0..n, self.logits.clone()]), label)
    }
}

/// The rows of `batch` that this worker has the images of, on the device, with their target labels
/// (a permutation of the whole batch's own) and the mixing factors of `iteration`.
pub(crate) fn sample<B: Backend>(
    recipe: &StarGan,
    batch: Batch,
    seed: u64,
    iteration: u64,
    device: &B::Device,
) -> StepBatch<B> {
    let spaces = &recipe.spaces;
    let dataset = batch.dataset;
    let width = spaces.space(dataset).width();
    let labels: Vec<&[f32]> = batch.labels.chunks_exact(width).collect();
    let (whole, rows) = (labels.len(), batch.rows.clone());
    let n = rows.len();

    let mut rng = stream(seed, Purpose::Step, dataset as u64, iteration);
    let targets: Vec<&[f32]> =
        permutation(whole, &mut rng).into_iter().map(|source| labels[source]).collect();
    // Of the whole batch too, so that any number of workers draw the same.
    let mixing: Vec<f32> = (0..whole).map(|_| rng.random()).collect();
    let shape = batch.shape();
    // A penalty that needs it is for one worker.
    let elements = batch.images.len();
    let noise: Option<Vec<f32>> =
        recipe.penalty.needs_noise().then(|| (0..elements).map(|_| rng.random()).collect());

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
