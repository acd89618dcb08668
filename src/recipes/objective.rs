//! Adversarial objectives (paper Section 3.1, and others that people take).

use burn::tensor::Tensor;
use burn::tensor::activation;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::nn::ops;
use crate::recipes::penalty::Penalty;

/// The adversarial objective: what D and G make of the realness map. D's terms are `r` of real
/// images and `f` of translated ones.
///
/// Which [`Penalty`] goes with it is chosen independently; [`usual_penalty`](Self::usual_penalty)
/// says what people take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Objective {
    /// D minimises `-E[r] + E[f]`, G minimises `-E[f]` (eq. 8).
    #[default]
    Wasserstein,
    /// Binary cross-entropy with real 1 and fake 0 (eq. 1); G minimises `E[log(1 - sigmoid(f))]`,
    /// whose gradient vanishes where D is sure.
    Minimax,
    /// The same for D; G non-saturating: the binary cross-entropy of fake to 1.
    Vanilla,
    /// Least squares (LSGAN): `(r - 1)^2` and `f^2`; G minimises `(f - 1)^2`.
    Lsgan,
    /// `max(0, 1 - r)` and `max(0, 1 + f)`; G minimises `-f`.
    Hinge,
}

impl Objective {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Wasserstein, Self::Minimax, Self::Vanilla, Self::Lsgan, Self::Hinge];

    /// The penalty it is used with when none is named: WGAN-GP for Wasserstein, whose critic needs
    /// one, none for the others.
    pub fn usual_penalty(self) -> Penalty {
        match self {
            Self::Wasserstein => Penalty::WganGp,
            _ => Penalty::None,
        }
    }

    /// D's term on the realness of real images, such as `[N, 1, h, w]`; a scalar `[1]`.
    pub fn real<B: Backend, const D: usize>(self, realness: Tensor<B, D>) -> Tensor<B, 1> {
        let patches = match self {
            Self::Wasserstein => realness.neg(),
            Self::Minimax | Self::Vanilla => ops::log_sigmoid(realness).neg(),
            Self::Lsgan => (realness - 1.0).square(),
            Self::Hinge => activation::relu(realness.neg() + 1.0),
        };
        ops::mean_of_few(patches)
    }

    /// D's term on the realness of translated images, such as `[N, 1, h, w]`; a scalar `[1]`.
    pub fn fake<B: Backend, const D: usize>(self, realness: Tensor<B, D>) -> Tensor<B, 1> {
        let patches = match self {
            Self::Wasserstein => realness,
            Self::Minimax | Self::Vanilla => ops::log_sigmoid(realness.neg()).neg(),
            Self::Lsgan => realness.square(),
            Self::Hinge => activation::relu(realness + 1.0),
        };
        ops::mean_of_few(patches)
    }

    /// G's term on the realness of its translations, such as `[N, 1, h, w]`; a scalar `[1]`.
    pub fn generator<B: Backend, const D: usize>(self, realness: Tensor<B, D>) -> Tensor<B, 1> {
        let patches = match self {
            Self::Wasserstein | Self::Hinge => realness.neg(),
            Self::Minimax => ops::log_sigmoid(realness.neg()),
            Self::Vanilla => ops::log_sigmoid(realness).neg(),
            Self::Lsgan => (realness - 1.0).square(),
        };
        ops::mean_of_few(patches)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::ElementConversion;

    use super::*;

    /// float32 rounding of a handful of operations on values around 1.
    const TOLERANCE: f32 = 1e-6;

    fn close(found: Tensor<Flex, 1>, expected: f64) {
        let found: f32 = found.into_scalar().elem();
        let error = (found - expected as f32).abs();
        assert!(error <= TOLERANCE * (expected as f32).abs().max(1.0), "{found} is not {expected}");
    }

    fn softplus(x: f64) -> f64 {
        x.exp().ln_1p()
    }

    fn map(values: [f32; 4]) -> Tensor<Flex, 4> {
        Tensor::<Flex, 1>::from_floats(values, &Default::default()).reshape([1, 1, 2, 2])
    }

    #[test]
    fn confident_patches_do_not_overflow() {
        for (value, real, fake) in [(200.0, 0.0, 200.0), (-200.0, 200.0, 0.0)] {
            for objective in [Objective::Minimax, Objective::Vanilla] {
                close(objective.real(map([value; 4])), real);
                close(objective.fake(map([value; 4])), fake);
            }
            close(Objective::Vanilla.generator(map([value; 4])), real);
            close(Objective::Minimax.generator(map([value; 4])), -fake);
        }
    }

    #[test]
    fn objectives_are_means_over_patches() {
        let patches = [-2.0_f32, 0.5, 1.5, -0.25];
        let mean =
            |term: fn(f64) -> f64| patches.iter().map(|p| term(f64::from(*p))).sum::<f64>() / 4.0;
        type Term = fn(f64) -> f64;
        let expected: [(Objective, [Term; 3]); 5] = [
            (Objective::Wasserstein, [|r| -r, |f| f, |f| -f]),
            (Objective::Minimax, [|r| softplus(-r), softplus, |f| -softplus(f)]),
            (Objective::Vanilla, [|r| softplus(-r), softplus, |f| softplus(-f)]),
            (Objective::Lsgan, [|r| (r - 1.0).powi(2), |f| f * f, |f| (f - 1.0).powi(2)]),
            (Objective::Hinge, [|r| (1.0 - r).max(0.0), |f| (1.0 + f).max(0.0), |f| -f]),
        ];
        assert_eq!(expected.map(|(objective, _)| objective), Objective::ALL);
        for (objective, [real, fake, generator]) in expected {
            close(objective.real(map(patches)), mean(real));
            close(objective.fake(map(patches)), mean(fake));
            close(objective.generator(map(patches)), mean(generator));
        }
    }
}
