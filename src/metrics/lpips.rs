//! LPIPS (Zhang et al., 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual
//! Metric"), version 0.1, of AlexNet's features.

use std::fmt;
use std::path::Path;

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData, module};

use crate::error::{Error, Result};
use crate::metrics::public_file::PublicFile;
use crate::nn::ops;
use crate::nn::weights::Weights;
use crate::translate::images::host;

/// AlexNet's weights, of ImageNet.
const BACKBONE: PublicFile = PublicFile {
    name: "alexnet-owt-7be5be79.pth",
    what: "torchvision's weights of AlexNet",
    checksum: "7be5be79",
};

/// What every feature counts.
const HEADS: PublicFile = PublicFile {
    name: "weights/v0.1/alex.pth of the Python package lpips",
    what: "LPIPS's linear heads for AlexNet",
    checksum: "df73285e",
};

/// A convolution of AlexNet.
struct Size {
    /// In the backbone's file.
    name: &'static str,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    /// Whether the largest of every 3x3 pixels are taken before it, at half the size.
    halves: bool,
}

/// The convolutions, after each of which features are compared.
const SIZES: [Size; 5] = [
    Size { name: "features.0", outputs: 64, kernel: 11, stride: 4, padding: 2, halves: false },
    Size { name: "features.3", outputs: 192, kernel: 5, stride: 1, padding: 2, halves: true },
    Size { name: "features.6", outputs: 384, kernel: 3, stride: 1, padding: 1, halves: true },
    Size { name: "features.8", outputs: 256, kernel: 3, stride: 1, padding: 1, halves: false },
    Size { name: "features.10", outputs: 256, kernel: 3, stride: 1, padding: 1, halves: false },
];

/// Of red, green and blue in `[-1, 1]`, what is taken off and what is divided by.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];

/// Added to the length of a pixel's features before they are divided by it.
const EPSILON: f64 = 1e-10;

/// The smallest side of images that leaves a pixel to the last convolutions.
pub(super) const LEAST_SIDE: usize = 31;

/// How unlike two images look, by what AlexNet sees: 0 for equal images, and about 1 at most.
#[derive(Clone)]
pub struct Lpips<B: Backend> {
    layers: Vec<Layer<B>>,
    shift: Tensor<B, 4>,
    scale: Tensor<B, 4>,
}

/// What is compared of images: the features of every layer, of length 1 at each pixel.
pub(super) struct Features<B: Backend>(Vec<Tensor<B, 4>>);

impl<B: Backend> Features<B> {
    /// Those of some images.
    pub fn select(&self, images: Tensor<B, 1, Int>) -> Self {
        Self(self.0.iter().map(|of| of.clone().select(0, images.clone())).collect())
    }
}

#[derive(Clone)]
struct Layer<B: Backend> {
    size: &'static Size,
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    /// `[1, C, 1, 1]`.
    head: Tensor<B, 4>,
}

impl<B: Backend> fmt::Debug for Lpips<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lpips").finish_non_exhaustive()
    }
}

impl<B: Backend> Lpips<B> {
    /// Opens the two public files: torchvision's `alexnet-owt-7be5be79.pth`, and
    /// `weights/v0.1/alex.pth` of the Python package `lpips`, whatever they are called here.
    /// Nothing is downloaded.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when one can't be read or has another checksum, with the file that is
    /// meant and where to read of it.
    pub fn open(
        backbone: impl AsRef<Path>,
        heads: impl AsRef<Path>,
        device: &B::Device,
    ) -> Result<Self> {
        let heads = HEADS.read(heads.as_ref())?;
        let weights = BACKBONE.read(backbone.as_ref())?;
        let broken = |problem| Error::checkpoint(backbone.as_ref(), problem);
        Self::load(weights, heads, device).map_err(broken)
    }

    /// The same with other weights, under the names of the public files, such as
    /// `features.0.weight` and `lin0.model.1.weight`. What they measure is no LPIPS.
    ///
    /// # Errors
    /// [`Error::Config`] with the first that is missing or has another shape.
    pub fn from_weights(backbone: Weights, heads: Weights, device: &B::Device) -> Result<Self> {
        Self::load(backbone, heads, device).map_err(Error::Config)
    }

    fn load(mut backbone: Weights, mut heads: Weights, device: &B::Device) -> Result<Self, String> {
        let mut inputs = SHIFT.len();
        let mut layers = Vec::new();
        for (at, size) in SIZES.iter().enumerate() {
            let &Size { name, outputs, kernel, .. } = size;
            let weight = format!("{name}.weight");
            let weight = take(&mut backbone, &weight, [outputs, inputs, kernel, kernel])?;
            let bias = take(&mut backbone, &format!("{name}.bias"), [outputs])?;
            let head = take(&mut heads, &format!("lin{at}.model.1.weight"), [1, outputs, 1, 1])?;
            let [weight, head] = [weight, head].map(|data| Tensor::from_data(data, device));
            let bias = Tensor::from_data(bias, device);
            layers.push(Layer { size, weight, bias, head });
            inputs = outputs;
        }
        let colours = |values: [f32; 3]| {
            Tensor::<B, 1>::from_data(TensorData::from(values), device).reshape([1, 3, 1, 1])
        };
        Ok(Self { layers, shift: colours(SHIFT), scale: colours(SCALE) })
    }

    /// How unlike every image of `a` looks from that of `b`, both `[N, C, H, W]` in `[-1, 1]`:
    /// grey, RGB, or RGB and opacity, which is not looked at. Images of less than 31 pixels a side
    /// have no distance.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn distances(&self, a: Tensor<B, 4>, b: Tensor<B, 4>) -> Option<Vec<f64>> {
        assert_eq!(a.dims(), b.dims(), "images of one shape");
        Some(self.compare(&self.look(a)?, &self.look(b)?))
    }

    /// How unlike every image looks from that of the other.
    pub(super) fn compare(&self, a: &Features<B>, b: &Features<B>) -> Vec<f64> {
        let mut sums = vec![0.0; a.0[0].dims()[0]];
        for ((a, b), layer) in a.0.iter().zip(&b.0).zip(&self.layers) {
            let weighted = (a.clone() - b.clone()).square() * layer.head.clone();
            let means = weighted.sum_dim(1).flatten::<2>(1, 3).mean_dim(1);
            let means = host(means.into_data());
            sums.iter_mut().zip(means).for_each(|(sum, mean)| *sum += f64::from(mean));
        }
        sums
    }

    /// What is compared of `images` `[N, C, H, W]` in `[-1, 1]`, unless they are too small.
    pub(super) fn look(&self, images: Tensor<B, 4>) -> Option<Features<B>> {
        let [.., height, width] = images.dims();
        if height.min(width) < LEAST_SIDE {
            return None;
        }
        let mut x = self.scaled(images);
        let features = self.layers.iter().map(|layer| {
            x = layer.forward(x.clone());
            let length = x.clone().square().sum_dim(1).sqrt() + EPSILON;
            // Not `recip`, which one backend estimates.
            x.clone() / length
        });
        Some(Features(features.collect()))
    }

    /// In RGB, as AlexNet takes colours.
    fn scaled(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        let [n, channels, height, width] = images.dims();
        let colours = match channels {
            1 => images.repeat_dim(1, 3),
            _ => images.slice([0..n, 0..3, 0..height, 0..width]),
        };
        (colours - self.shift.clone()) / self.scale.clone()
    }
}

impl<B: Backend> Layer<B> {
    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let &Size { stride, padding, halves, .. } = self.size;
        let x = match halves {
            true => module::max_pool2d(x, [3; 2], [2; 2], [0; 2], [1; 2], false),
            false => x,
        };
        ops::conv2d_relu(x, self.weight.clone(), self.bias.clone(), stride, [padding; 2])
    }
}

/// The array of this name.
///
/// # Errors
/// When it is missing or has another shape.
fn take<const D: usize>(
    weights: &mut Weights,
    name: &str,
    shape: [usize; D],
) -> Result<TensorData, String> {
    match weights.remove(name) {
        Some(data) if data.shape.as_slice() == shape => Ok(data),
        Some(data) => {
            Err(format!("{name}: expected shape {shape:?}, found {:?}", data.shape.as_slice()))
        }
        None => Err(format!("{name} {shape:?} is missing")),
    }
}

#[cfg(all(test, feature = "flex"))]
pub(super) mod tests {
    use burn::backend::Flex;

    use super::*;
    use crate::tests::fixture::Fixture;
    use crate::tests::numbers::Numbers;
    use crate::tests::relative_error;

    /// Relative: float32's rounding of sums in another order.
    const TOLERANCE: f64 = 1e-5;

    /// As `tests/fixtures/metrics/perceptual.py` draws them: the backbone, the heads and two pairs.
    pub fn drawn() -> ([Weights; 2], [Tensor<Flex, 4>; 2]) {
        let mut numbers = Numbers::default();
        let mut inputs = 3;
        let mut shapes = Weights::new();
        for Size { name, outputs, kernel, .. } in &SIZES {
            let zeros = TensorData::zeros::<f32, _>([*outputs, inputs, *kernel, *kernel]);
            shapes.insert(format!("{name}.weight"), zeros);
            shapes.insert(format!("{name}.bias"), TensorData::zeros::<f32, _>([*outputs]));
            inputs = *outputs;
        }
        let backbone = shapes.into_iter().map(|(name, data)| {
            let shape = data.shape.as_slice();
            let fan_in: usize = shape[1..].iter().product();
            let gain = if shape.len() == 4 { (6.0 / fan_in as f64).sqrt() as f32 } else { 0.1 };
            (name, numbers.tensor(shape, |n| n * gain))
        });
        let backbone = backbone.collect();
        let head = |(at, size): (usize, &Size)| {
            let data = numbers.tensor(&[1, size.outputs, 1, 1], f32::abs);
            (format!("lin{at}.model.1.weight"), data)
        };
        let heads = SIZES.iter().enumerate().map(head).collect();
        let images = numbers.tensor(&[4, 3, 64, 80], |n| n);
        let images = Tensor::<Flex, 4>::from_data(images, &Default::default());
        let [a, other] = [0..2, 2..4].map(|pair| images.clone().slice([pair]));
        let b = a.clone() * 0.6 + other * 0.4;
        ([backbone, heads], [a, b])
    }

    #[test]
    fn distances_are_the_packages() {
        let _turn = crate::tests::one_at_a_time();
        let (_, mut fixture) = Fixture::open::<serde_json::Value>("lpips");
        let ([backbone, heads], [a, b]) = drawn();
        let lpips = Lpips::from_weights(backbone, heads, &Default::default()).unwrap();
        let grey = [&a, &b].map(|images| images.clone().slice([0..2, 0..1]));
        let [grey_a, grey_b] = grey;
        for (name, found) in [
            ("distances", lpips.distances(a.clone(), b)),
            ("grey", lpips.distances(grey_a, grey_b)),
        ] {
            let found = TensorData::new(found.unwrap(), [2]);
            let error = relative_error(&found, &fixture.take(name));
            println!("{name}: {error:.1e}");
            assert!(error <= TOLERANCE, "{name}: {error:e}");
        }
        assert_eq!(lpips.distances(a.clone(), a.clone()), Some(vec![0.0; 2]));
        let small = |images: Tensor<Flex, 4>, side| images.slice([0..1, 0..3, 0..side, 0..40]);
        let of = |side| lpips.distances(small(a.clone(), side), small(a.clone(), side));
        assert_eq!((of(LEAST_SIDE), of(LEAST_SIDE - 1)), (Some(vec![0.0]), None));
    }

    #[test]
    fn weights_of_another_network_are_refused_by_name() {
        let ([backbone, heads], _) = drawn();
        let refused = |backbone: Weights, heads: Weights, expected: &str| {
            let error = Lpips::<Flex>::from_weights(backbone, heads, &Default::default());
            assert_eq!(error.unwrap_err().to_string(), expected);
        };
        refused(backbone.clone(), backbone.clone(), "lin0.model.1.weight [1, 64, 1, 1] is missing");
        refused(heads.clone(), heads.clone(), "features.0.weight [64, 3, 11, 11] is missing");
        let mut other = backbone;
        other.insert("features.3.bias".to_owned(), TensorData::zeros::<f32, _>([64]));
        refused(other, heads, "features.3.bias: expected shape [192], found [64]");
    }
}
