//! Gradient penalties: what keeps the critic's slope near 1.

use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::{Deserialize, Serialize};

use crate::discriminator::Discriminator;

/// Added inside the norm's square root, whose derivative at 0 is infinite.
const NORM_EPSILON: f64 = 1e-12;

/// The gradient penalty of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Penalty {
    /// No penalty.
    None,
    /// WGAN-GP: `E[(||grad D_src(x_hat)||_2 - 1)^2]` between real and translated images (eq. 8).
    #[default]
    WganGp,
}

impl Penalty {
    /// The penalty of `discriminator` for `real` and `fake` `[N, C, S, S]`, with one mixing factor in
    /// `[0, 1]` per image `[N, 1, 1, 1]`; a scalar `[1]`, or none.
    pub fn forward<B: AutodiffBackend>(
        self,
        discriminator: &Discriminator<B>,
        real: Tensor<B::InnerBackend, 4>,
        fake: Tensor<B::InnerBackend, 4>,
        mixing: Tensor<B::InnerBackend, 4>,
    ) -> Option<Tensor<B, 1>> {
        match self {
            Self::None => None,
            Self::WganGp => {
                let mixed = fake.clone() + (real - fake) * mixing;
                let norm = image_norm(discriminator.input_gradient(mixed));
                Some((norm - 1.0).square().mean())
            }
        }
    }
}

/// The L2 norm of each image's gradient over all its channels and pixels: `[N, C, H, W]` to `[N]`.
pub(crate) fn image_norm<B: Backend>(gradient: Tensor<B, 4>) -> Tensor<B, 1> {
    let squares: Tensor<B, 2> = gradient.square().flatten(1, 3);
    (squares.sum_dim(1) + NORM_EPSILON).sqrt().squeeze_dim(1)
}
