//! What a generator makes of its last features: an image, or an image and where it counts.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// What a [`Generator`](super::Generator) makes of what its last convolution says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Head {
    /// An image, `tanh` of it, as in the paper.
    #[default]
    Plain,
    /// An image `y` and a mask `m` in `[0, 1]`, the sigmoid of one more output, of which the result
    /// is `m y + (1 - m) x`, `x` being the image that is translated (GANimation: Pumarola et al.,
    /// ECCV 2018, section 3, whose mask `A` is `1 - m`). Where `m` is 0 every value of the image
    /// passes as it is. Modules of the public PyTorch code have no place for it.
    Mask,
}

impl Head {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Mask];

    /// The outputs of the last convolution, given the channels of an image.
    pub(crate) fn outputs(self, image_channels: usize) -> usize {
        match self {
            Self::Plain => image_channels,
            Self::Mask => image_channels.saturating_add(1),
        }
    }

    /// The result, in the shape and type of `images` `[N, C, H, W]`, and the mask `[N, 1, H, W]`
    /// where there is one, of the last convolution's outputs, in the type of `images`.
    pub(crate) fn forward<B: Backend>(
        self,
        outputs: Tensor<B, 4>,
        images: Tensor<B, 4>,
    ) -> (Tensor<B, 4>, Option<Tensor<B, 4>>) {
        match self {
            Self::Plain => (activation::tanh(outputs), None),
            Self::Mask => {
                let c = images.dims()[1];
                let parts = outputs.split_with_sizes(vec![c, 1], 1);
                let [painted, mask] = parts.try_into().expect("one part for each size");
                let (painted, mask) = (activation::tanh(painted), activation::sigmoid(mask));
                // Repeated: on a CPU a product that broadcasts takes fifty times one that doesn't.
                let of_channels = mask.clone().repeat_dim(1, c);
                // One product in place of two; it stays in [-1, 1], rounded as it may be.
                (images.clone() + of_channels * (painted - images), Some(mask))
            }
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::TensorData;

    use super::*;

    /// Two images of two values each, their painted values and the mask's, as the last layer says.
    fn mixed(images: [f32; 4], painted: [f32; 4], mask: [f32; 2]) -> Vec<f32> {
        let tensor = |values: Vec<f32>, channels| {
            let data = TensorData::new(values, [2, channels, 1, 1]);
            Tensor::<Flex, 4>::from_data(data, &Default::default())
        };
        let outputs = [&painted[..2], &mask[..1], &painted[2..], &mask[1..]].concat();
        let (result, mask) = Head::Mask.forward(tensor(outputs, 3), tensor(images.to_vec(), 2));
        assert_eq!(mask.unwrap().dims(), [2, 1, 1, 1]);
        result.into_data().iter().collect()
    }

    #[test]
    fn the_image_passes_where_the_mask_is_0_and_is_replaced_where_it_is_1() {
        let images = [0.1, -0.7, 1.0, -1.0];
        assert_eq!(mixed(images, [5.0, -5.0, 0.3, -9.0], [-200.0; 2]), images);
        // Half of each, and what no rounding takes beyond 1.
        let found = mixed(images, [0.0, 0.0, -99.0, 99.0], [0.0, 200.0]);
        for (found, expected) in found.iter().zip([0.05, -0.35, -1.0, 1.0]) {
            assert!((found - expected).abs() < 1e-6 && found.abs() <= 1.0, "{found} {expected}");
        }
    }
}
