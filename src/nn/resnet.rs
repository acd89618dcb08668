//! ResNet-18 (He et al., 2016, arXiv:1512.03385), as torchvision has it, to classify images with.

use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData, activation, module};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::data::size::ImageSize;
use crate::error::{Error, Result};
use crate::nn::layers::Convolution;
use crate::random::normal;

/// Channels of the first convolution.
const FIRST: usize = 64;

/// Channels of the four stages, each of two blocks; all but the first halve the size.
const STAGES: [usize; 4] = [64, 128, 256, 512];

/// Channels of the last feature maps.
pub(crate) const FEATURES: usize = STAGES[3];

/// The shape of a [`ResNet18`]. Its layers are those of 224 x 224 pixels, whatever the size of the
/// images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResNet18Config {
    /// The size of the images. The last feature maps have a 32nd of it, rounded up.
    pub image_size: ImageSize,
    /// The channels of the images.
    pub image_channels: usize,
    /// Entries of the label.
    pub label_width: usize,
}

impl ResNet18Config {
    /// The network with first weights as torchvision draws them: of convolutions normal, with
    /// deviation `sqrt(2 / (outputs * kernel^2))`; of the last layer uniform.
    ///
    /// # Errors
    /// [`Error::Config`] when a number is 0.
    pub fn init<B: Backend>(&self, rng: &mut impl Rng, device: &B::Device) -> Result<ResNet18<B>> {
        let &Self { image_size, image_channels, label_width } = self;
        if [image_size.width, image_size.height, image_channels, label_width].contains(&0) {
            return Err(Error::Config(format!(
                "ResNet-18 needs at least one pixel, channel and label, found {image_size} \
                 pixels, {image_channels} channels and {label_width} labels"
            )));
        }
        let mut init = Init { rng, device };
        let conv1 = init.convolution([FIRST, image_channels], 7, 2);
        let bn1 = init.norm(FIRST);
        let mut inputs = FIRST;
        let mut stage = |outputs: usize| {
            let stride = if outputs == FIRST { 1 } else { 2 };
            let first = init.block([outputs, inputs], stride);
            inputs = outputs;
            vec![first, init.block([outputs, outputs], 1)]
        };
        let [layer1, layer2, layer3, layer4] = STAGES.map(&mut stage);
        let fc = Linear::init([label_width, FEATURES], init.rng, device);
        Ok(ResNet18 { conv1, bn1, layer1, layer2, layer3, layer4, fc })
    }

    /// The number of trained parameters: norms' running statistics are none.
    pub fn num_params(&self) -> u64 {
        let convolution = |outputs: usize, inputs: usize, side: usize| {
            // With the norm after it.
            outputs * inputs * side * side + 2 * outputs
        };
        let mut inputs = FIRST;
        let mut params = convolution(FIRST, self.image_channels, 7);
        for outputs in STAGES {
            params += convolution(outputs, inputs, 3) + 3 * convolution(outputs, outputs, 3);
            if outputs != inputs {
                params += convolution(outputs, inputs, 1);
            }
            inputs = outputs;
        }
        (params + (FEATURES + 1) * self.label_width) as u64
    }
}

/// What makes layers, one after the other.
struct Init<'a, R, D> {
    rng: &'a mut R,
    device: &'a D,
}

impl<R: Rng, D> Init<'_, R, D> {
    fn convolution<B: Backend<Device = D>>(
        &mut self,
        [outputs, inputs]: [usize; 2],
        side: usize,
        stride: usize,
    ) -> Convolution<B> {
        let deviation = (2.0 / (outputs * side * side) as f64).sqrt();
        let shape = [outputs, inputs, side, side];
        let count: usize = shape.iter().product();
        let values = (0..count).map(|_| (deviation * normal(self.rng)) as f32).collect();
        let weight = Param::from_data(TensorData::new::<f32, _>(values, shape), self.device);
        Convolution { weight, spectral: None, stride, padding: side / 2 }
    }

    fn norm<B: Backend<Device = D>>(&self, channels: usize) -> BatchNorm<B> {
        // PyTorch's constants are burn's.
        BatchNormConfig::new(channels).init(self.device)
    }

    fn block<B: Backend<Device = D>>(&mut self, sides: [usize; 2], stride: usize) -> Block<B> {
        let [outputs, inputs] = sides;
        let conv1 = self.convolution(sides, 3, stride);
        let conv2 = self.convolution([outputs, outputs], 3, 1);
        let downsample = (inputs != outputs)
            .then(|| Shortcut { conv: self.convolution(sides, 1, stride), bn: self.norm(outputs) });
        Block { conv1, bn1: self.norm(outputs), conv2, bn2: self.norm(outputs), downsample }
    }
}

/// The network. Its parameters have torchvision's names, but for `gamma` and `beta` of norms, and
/// for `downsample.conv` and `downsample.bn`, which are numbers there.
#[derive(Module, Debug)]
pub(crate) struct ResNet18<B: Backend> {
    conv1: Convolution<B>,
    bn1: BatchNorm<B>,
    layer1: Vec<Block<B>>,
    layer2: Vec<Block<B>>,
    layer3: Vec<Block<B>>,
    layer4: Vec<Block<B>>,
    fc: Linear<B>,
}

/// Two convolutions, whose input is added to what they make of it.
#[derive(Module, Debug)]
struct Block<B: Backend> {
    conv1: Convolution<B>,
    bn1: BatchNorm<B>,
    conv2: Convolution<B>,
    bn2: BatchNorm<B>,
    downsample: Option<Shortcut<B>>,
}

/// Makes an input of a block its output's shape.
#[derive(Module, Debug)]
struct Shortcut<B: Backend> {
    conv: Convolution<B>,
    bn: BatchNorm<B>,
}

#[derive(Module, Debug)]
struct Linear<B: Backend> {
    /// `[outputs, inputs]`.
    weight: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> ResNet18<B> {
    /// The last feature maps of `images` `[N, C, H, W]`: `[N, 512, h, w]`. Norms use the batch's
    /// statistics where the backend tracks gradients, and else those of training.
    pub fn features(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        let x = activation::relu(self.bn1.forward(self.conv1.forward(images)));
        let x = module::max_pool2d(x, [3; 2], [2; 2], [1; 2], [1; 2], false);
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        stages.into_iter().flatten().fold(x, |x, block| block.forward(x))
    }

    /// The logits `[N, L]` of [`features`](Self::features).
    pub fn logits(&self, features: Tensor<B, 4>) -> Tensor<B, 2> {
        let means = features.flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2);
        means.matmul(self.fc.weight.val().transpose()) + self.fc.bias.val().unsqueeze()
    }
}

impl<B: Backend> Block<B> {
    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let shortcut = match &self.downsample {
            Some(Shortcut { conv, bn }) => bn.forward(conv.forward(x.clone())),
            None => x.clone(),
        };
        let x = activation::relu(self.bn1.forward(self.conv1.forward(x)));
        activation::relu(self.bn2.forward(self.conv2.forward(x)) + shortcut)
    }
}

impl<B: Backend> Linear<B> {
    fn init([outputs, inputs]: [usize; 2], rng: &mut impl Rng, device: &B::Device) -> Self {
        let bound = 1.0 / (inputs as f32).sqrt();
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)).collect()
        };
        let weight = TensorData::new(draw(outputs * inputs), [outputs, inputs]);
        let bias = TensorData::new(draw(outputs), [outputs]);
        Self { weight: Param::from_data(weight, device), bias: Param::from_data(bias, device) }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::backend::AutodiffBackend;

    use super::*;
    use crate::nn::weights::{Weights, apply, paths};
    use crate::random::{Purpose, stream};
    use crate::tests::fixture::Fixture;
    use crate::tests::numbers::Numbers;
    use crate::tests::{backend_name, relative_error};

    /// Of the largest value: float32's rounding through 18 layers, of sums in another order.
    const TOLERANCE: f64 = 1e-5;

    /// The same of a batch's own statistics, of which the last are of few pixels.
    const TRAINING_TOLERANCE: f64 = 1e-4;

    fn config(image_channels: usize, label_width: usize) -> ResNet18Config {
        ResNet18Config { image_size: ImageSize::square(64), image_channels, label_width }
    }

    #[test]
    fn it_has_torchvisions_number_of_parameters() {
        assert_eq!(config(3, 1000).num_params(), 11_689_512);
        assert_eq!(config(3, 5).num_params(), 11_179_077);
        assert_eq!(config(1, 5).num_params(), 11_179_077 - 2 * 64 * 49);
    }

    /// torchvision's name of a parameter of ours.
    fn public(name: &str) -> String {
        let name = name.replace("gamma", "weight").replace("beta", "bias");
        name.replace("downsample.conv", "downsample.0").replace("downsample.bn", "downsample.1")
    }

    /// The network with weights as `tests/fixtures/metrics/resnet.py` draws them, and its images.
    fn drawn<B: Backend>() -> (ResNet18<B>, Tensor<B, 4>) {
        let device = Default::default();
        let mut rng = stream(0, Purpose::Judge, 0, 0);
        let network = config(3, 5).init::<B>(&mut rng, &device).unwrap();
        let mut shapes = paths(&network);
        shapes.sort_by_key(|(name, _)| public(name));
        let trained = shapes.iter().filter(|(name, _)| !name.contains("running"));
        let count: usize = trained.map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(count as u64, config(3, 5).num_params());
        let mut numbers = Numbers::default();
        let drawn = shapes.into_iter().map(|(name, shape)| {
            let public = public(&name);
            let fan_in: usize = shape[1..].iter().product();
            let bound = (6.0 / fan_in as f64).sqrt() as f32;
            let data = match shape.len() {
                1 if public.ends_with("running_var") => numbers.tensor(&shape, |n| n * 0.5 + 1.0),
                1 if public.ends_with("weight") => numbers.tensor(&shape, |n| n * 0.1 + 0.7),
                1 => numbers.tensor(&shape, |n| n * 0.1),
                _ => numbers.tensor(&shape, |n| n * bound),
            };
            (format!("n.{name}"), data)
        });
        let mut drawn: Weights = drawn.collect();
        let images = numbers.tensor(&[4, 3, 64, 64], |n| n);
        let network = apply(network, "n", &mut drawn).unwrap();
        assert!(drawn.is_empty());
        (network, Tensor::from_data(images, &device))
    }

    fn its_logits_are_torchvisions<B: AutodiffBackend>() {
        let _turn = crate::tests::one_at_a_time();
        let (_, mut fixture) = Fixture::open::<serde_json::Value>("resnet");
        let (network, images) = drawn::<B::InnerBackend>();
        let logits = network.logits(network.features(images)).into_data();
        let error = relative_error(&logits, &fixture.take("logits"));
        println!("{}: {error:.1e}", backend_name::<B>());
        assert!(error <= TOLERANCE, "{error:e}");
        let (network, images) = drawn::<B>();
        let logits = network.logits(network.features(images)).into_data();
        let error = relative_error(&logits, &fixture.take("training"));
        println!("{}, training: {error:.1e}", backend_name::<B>());
        assert!(error <= TRAINING_TOLERANCE, "{error:e}");
    }

    #[cfg(feature = "flex")]
    #[test]
    fn on_flex() {
        its_logits_are_torchvisions::<burn::backend::Autodiff<burn::backend::Flex>>();
    }

    #[cfg(feature = "ndarray")]
    #[test]
    fn on_ndarray() {
        its_logits_are_torchvisions::<burn::backend::Autodiff<burn::backend::NdArray>>();
    }
}
