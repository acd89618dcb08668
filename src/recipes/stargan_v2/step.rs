//! StarGAN v2's equations on one batch.

use burn::module::{AutodiffModule, Module};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::nn::style::discriminator::StyleDiscriminator;
use crate::nn::style::encoder::StyleEncoder;
use crate::nn::style::generator::StyleGenerator;
use crate::recipes::losses::reconstruction_loss;
use crate::recipes::objective::Objective;
use crate::recipes::penalty::image_squares;
use crate::recipes::stargan_v2::batch::StyleBatch;
use crate::recipes::stargan_v2::losses::{StyleCriticLosses, StyleGeneratorLosses};

/// D's terms, given `fake`, the translations `G(x, s)` to the target domains, which carry no graph.
pub fn style_critic_losses<B: AutodiffBackend>(
    discriminator: &StyleDiscriminator<B>,
    fake: Tensor<B::InnerBackend, 4>,
    batch: &StyleBatch<B::InnerBackend>,
) -> StyleCriticLosses<B> {
    let StyleBatch { real, source, target, .. } = batch.clone();
    let [real, fake] = [real, fake].map(Tensor::from_inner);
    let [source, target] = [source, target].map(Tensor::from_inner);
    let (on_real, gradient) = discriminator.forward_with_gradient(real, source);
    StyleCriticLosses {
        real: Objective::Vanilla.real(on_real),
        fake: Objective::Vanilla.fake(discriminator.forward(fake, target)),
        penalty: image_squares(gradient).mean() * 0.5,
    }
}

/// The terms of G, F and E, given two styles `[N, style_width]` of every image: the first with its
/// graph, where there is one, the second without. D's weights get no gradient.
pub fn style_generator_losses<B: AutodiffBackend>(
    generator: &StyleGenerator<B>,
    encoder: &StyleEncoder<B>,
    discriminator: &StyleDiscriminator<B>,
    first: Tensor<B, 2>,
    second: Tensor<B::InnerBackend, 2>,
    batch: &StyleBatch<B::InnerBackend>,
) -> StyleGeneratorLosses<B> {
    let real: Tensor<B, 4> = Tensor::from_inner(batch.real.clone());
    let source: Tensor<B, 2> = Tensor::from_inner(batch.source.clone());
    let target: Tensor<B, 2> = Tensor::from_inner(batch.target.clone());

    let fake = generator.forward(real.clone(), first.clone());
    let other = generator.valid().forward(batch.real.clone(), second);
    let realness = discriminator.clone().no_grad().forward(fake.clone(), target.clone());
    let read = encoder.forward(fake.clone(), target);
    let own = encoder.forward(real.clone(), source);

    StyleGeneratorLosses {
        fake: Objective::Vanilla.generator(realness),
        style: (read - first).abs().mean(),
        diversity: reconstruction_loss(fake.clone(), Tensor::from_inner(other)),
        cycle: reconstruction_loss(real, generator.forward(fake, own)),
    }
}
