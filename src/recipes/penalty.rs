//! Gradient penalties: what keeps D's slope in bounds.

use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::{Deserialize, Serialize};

use crate::nn::discriminator::Discriminator;

/// Added inside the norm's square root, whose derivative at 0 is infinite.
const NORM_EPSILON: f64 = 1e-12;

/// The gradient penalty of a run. `grad` is the gradient of D's realness, summed over patches, with
/// respect to an image; its norm is that over all channels and pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Penalty {
    /// No penalty.
    None,
    /// WGAN-GP: `E[(||grad|| - 1)^2]` at `a x + (1 - a) G(x, c)` with `a` in `[0, 1]` (eq. 8).
    #[default]
    WganGp,
    /// WGAN-LP: `E[max(0, ||grad|| - 1)^2]` at the same points; slopes below 1 are free.
    WganLp,
    /// DRAGAN: `E[(||grad|| - 1)^2]` around real images: at `x + a std(x) u / 2`, clipped to `[-1,
    /// 1]`, with one `a` in `[-1, 1]` per image, `u` in `[0, 1]` per element and one standard
    /// deviation over the batch.
    Dragan,
    /// R1: `E[||grad||^2] / 2` at real images. Its weight is the usual `gamma`.
    R1,
}

/// What is random about a penalty.
#[derive(Clone, Debug)]
pub struct PenaltyDraw<B: Backend> {
    /// One number in `[0, 1]` per image, `[N, 1, 1, 1]`.
    pub mixing: Tensor<B, 4>,
    /// One number in `[0, 1]` per element, `[N, C, H, W]`, for the penalty that
    /// [needs it](Penalty::needs_noise).
    pub noise: Option<Tensor<B, 4>>,
}

impl Penalty {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::WganGp, Self::WganLp, Self::Dragan, Self::R1];

    /// The weight it is used with when none is named: 10, as in the paper; of R1 1.
    pub fn usual_weight(self) -> f64 {
        match self {
            Self::R1 => 1.0,
            _ => 10.0,
        }
    }

    /// Whether it needs a random number per element of the images.
    pub fn needs_noise(self) -> bool {
        self == Self::Dragan
    }

    /// The penalty of `discriminator` for `real` and `fake` `[N, C, H, W]`, unweighted; a scalar
    /// `[1]`, or none.
    ///
    /// # Panics
    /// When the draw lacks noise that the penalty needs.
    pub fn forward<B: AutodiffBackend>(
        self,
        discriminator: &Discriminator<B>,
        real: Tensor<B::InnerBackend, 4>,
        fake: Tensor<B::InnerBackend, 4>,
        draw: PenaltyDraw<B::InnerBackend>,
    ) -> Option<Tensor<B, 1>> {
        let PenaltyDraw { mixing, noise } = draw;
        let points = match self {
            Self::None => return None,
            Self::WganGp | Self::WganLp => fake.clone() + (real - fake) * mixing,
            Self::Dragan => {
                let noise = noise.expect("this penalty needs noise");
                let centred = real.clone() - real.clone().mean().unsqueeze::<4>();
                let deviation = centred.square().mean().sqrt().unsqueeze::<4>();
                (real + (mixing * 2.0 - 1.0) * deviation * noise * 0.5).clamp(-1.0, 1.0)
            }
            Self::R1 => real,
        };
        let gradient = discriminator.input_gradient(points);
        Some(match self {
            Self::R1 => image_squares(gradient).mean() * 0.5,
            Self::WganLp => (image_norm(gradient) - 1.0).clamp_min(0.0).square().mean(),
            _ => (image_norm(gradient) - 1.0).square().mean(),
        })
    }
}

/// The L2 norm of each image's gradient over all its channels and pixels: `[N, C, H, W]` to `[N]`.
pub(crate) fn image_norm<B: Backend>(gradient: Tensor<B, 4>) -> Tensor<B, 1> {
    (image_squares(gradient) + NORM_EPSILON).sqrt()
}

/// The same, squared.
pub(crate) fn image_squares<B: Backend>(gradient: Tensor<B, 4>) -> Tensor<B, 1> {
    let squares: Tensor<B, 2> = gradient.square().flatten(1, 3);
    squares.sum_dim(1).squeeze_dim(1)
}
