//! One training step: the paper's equations on one batch of one dataset.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::nn::discriminator::Discriminator;
use crate::nn::generator::Generator;
use crate::recipes::losses::{OptionalTerm, reconstruction_loss};
use crate::recipes::objective::Objective;
use crate::recipes::penalty::Penalty;
use crate::recipes::stargan::batch::StepBatch;
use crate::recipes::stargan::losses::{DiscriminatorLosses, GeneratorLosses};

/// The terms of `L_D` (eq. 5), given `fake`, the translations `G(x, c)` of the sample, which carry
/// no graph, and whether there is the [term](DiscriminatorLosses::fake_domain) on their labels.
pub fn discriminator_losses<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    fake: Tensor<B::InnerBackend, 4>,
    sample: &StepBatch<B::InnerBackend>,
    objective: Objective,
    penalty: Penalty,
    fake_domain: OptionalTerm,
) -> DiscriminatorLosses<B> {
    let real = sample.real.clone();

    let [real_images, fake_images] = [real.clone(), fake.clone()].map(Tensor::from_inner);
    let [on_real, on_fake] = discriminator.forward_both(real_images, fake_images);
    let source: Tensor<B, 2> = Tensor::from_inner(sample.source.label.clone());

    DiscriminatorLosses {
        real: objective.real(on_real.realness),
        fake: objective.fake(on_fake.realness),
        domain: sample.domain_loss(on_real.domain_logits, source.clone()),
        fake_domain: fake_domain.then(|| sample.domain_loss(on_fake.domain_logits, source)),
        penalty: penalty.forward(discriminator, real, fake, sample.draw.clone()),
    }
}

/// The terms of `L_G` (eq. 6), given `fake`, the translations `G(x, c)` of the sample with their
/// graph. The discriminator's weights get no gradient.
pub fn generator_losses<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    generator: &Generator<B>,
    fake: Tensor<B, 4>,
    sample: &StepBatch<B::InnerBackend>,
    objective: Objective,
    identity: OptionalTerm,
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
