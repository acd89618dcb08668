//! One training step: the paper's equations on one batch of one dataset.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use crate::nn::discriminator::Discriminator;
use crate::nn::generator::Generator;
use crate::labels::space::LabelKind;
use crate::recipes::losses::{DiscriminatorLosses, GeneratorLosses, Objective, domain_loss, reconstruction_loss};
use crate::recipes::penalty::{Penalty, PenaltyDraw};

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
    /// `x`, `[N, C, S, S]` in `[-1, 1]`.
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
    fn domain_loss<T: Backend>(&self, logits: Tensor<T, 2>, label: Tensor<T, 2>) -> Tensor<T, 1> {
        let [n, _] = logits.dims();
        domain_loss(self.kind, logits.slice([0..n, self.logits.clone()]), label)
    }
}

/// The terms of `L_D` (eq. 5), given `fake`, the translations `G(x, c)` of the sample, which carry no graph.
pub fn discriminator_losses<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    fake: Tensor<B::InnerBackend, 4>,
    sample: &StepBatch<B::InnerBackend>,
    objective: Objective,
    penalty: Penalty,
) -> DiscriminatorLosses<B> {
    let real = sample.real.clone();

    let on_real = discriminator.forward(Tensor::from_inner(real.clone()));
    let on_fake = discriminator.forward(Tensor::from_inner(fake.clone()));
    let source = Tensor::from_inner(sample.source.label.clone());

    DiscriminatorLosses {
        real: objective.real(on_real.realness),
        fake: objective.fake(on_fake.realness),
        domain: sample.domain_loss(on_real.domain_logits, source),
        penalty: penalty.forward(discriminator, real, fake, sample.draw.clone()),
    }
}

/// The terms of `L_G` (eq. 6), given `fake`, the translations `G(x, c)` of the sample with their graph; with
/// the identity term when `identity`. The discriminator's weights get no gradient.
pub fn generator_losses<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    generator: &Generator<B>,
    fake: Tensor<B, 4>,
    sample: &StepBatch<B::InnerBackend>,
    objective: Objective,
    identity: bool,
) -> GeneratorLosses<B> {
    let discriminator = discriminator.clone().no_grad();
    let real: Tensor<B, 4> = Tensor::from_inner(sample.real.clone());
    let source: Tensor<B, 2> = Tensor::from_inner(sample.source.condition.clone());

    let on_fake = discriminator.forward(fake.clone());
    let reconstructed = generator.forward(fake, source.clone());
    let wanted = Tensor::from_inner(sample.target.label.clone());

    GeneratorLosses {
        fake: objective.generator(on_fake.realness),
        domain: sample.domain_loss(on_fake.domain_logits, wanted),
        reconstruction: reconstruction_loss(real.clone(), reconstructed),
        identity: identity
            .then(|| reconstruction_loss(real.clone(), generator.forward(real, source))),
    }
}
