//! pix2pix (Isola et al., CVPR 2017, arXiv:1611.07004): one direction, learnt from pairs of images.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use super::losses::GeneratorLosses;
use crate::discriminator::Discriminator;
use crate::losses::{Objective, reconstruction_loss};

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
