//! CycleGAN (Zhu et al., ICCV 2017, arXiv:1703.10593): two domains, a direction each way, unpaired images.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::losses::GeneratorLosses;
use crate::discriminator::Discriminator;
use crate::generator::Generator;
use crate::losses::{Objective, reconstruction_loss};

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
