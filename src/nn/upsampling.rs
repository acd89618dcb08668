//! How a generator doubles the size of its features after the bottleneck.

use serde::{Deserialize, Serialize};

/// How a [`Generator`](super::Generator) doubles the size of its features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Upsampling {
    /// By a transposed 4x4 convolution of stride 2, as the paper does.
    #[default]
    Transposed,
    /// Every pixel becomes four, which a 3x3 convolution then sees (Odena et al., 2016,
    /// doi:10.23915/distill.00003): a constant stays constant, where a transposed convolution may
    /// draw a checkerboard. Files of the public PyTorch code can't hold it.
    Resize,
}

impl Upsampling {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Transposed, Self::Resize];
}
