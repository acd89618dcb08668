//! The generator `G(x, c) -> y` (paper Table 4): one network for every target domain.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::data::size::ImageSize;
use crate::error::Result;
use crate::nn::architecture::{Architecture, ConvolutionSize, Operation, Sequence, Window};
use crate::nn::head::Head;
use crate::nn::layers::{ConvNorm, Convolution, Residual, UpNorm};
use crate::nn::limits::{
    MOST_HALVINGS, check_divisible, check_feasible, check_memory, check_positive, check_width,
    doubled,
};
use crate::nn::precision::Precision;
use crate::nn::upsampling::Upsampling;

/// The architecture of a [`Generator`]; the defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GeneratorConfig {
    /// Width of the condition vector that is concatenated to the image
    /// ([`LabelSpaces::condition_width`](crate::labels::spaces::LabelSpaces::condition_width)); 0
    /// for a generator that knows one target only, as those of pairwise models do.
    pub condition_width: usize,
    /// Channels of an image: 3 for RGB.
    pub image_channels: usize,
    /// Channels after the first convolution, 64 in the paper; doubled by every downsampling.
    pub base_channels: usize,
    /// Residual blocks of the bottleneck, 6 in the paper.
    pub residual_blocks: usize,
    /// Halvings of the image size before the bottleneck, 2 in the paper.
    pub downsamplings: usize,
    /// How the size is doubled after the bottleneck, as often as it was halved.
    #[serde(default)]
    pub upsampling: Upsampling,
    /// What it makes of its last features: an image, or an image and a mask.
    #[serde(default)]
    pub head: Head,
}

impl GeneratorConfig {
    /// The paper's generator for condition vectors of `condition_width` entries.
    pub fn new(condition_width: usize) -> Self {
        Self {
            condition_width,
            image_channels: 3,
            base_channels: 64,
            residual_blocks: 6,
            downsamplings: 2,
            upsampling: Upsampling::Transposed,
            head: Head::Plain,
        }
    }

    /// Sets the width of the condition vector.
    pub fn with_condition_width(mut self, width: usize) -> Self {
        self.condition_width = width;
        self
    }

    /// Sets the channels of an image.
    pub fn with_image_channels(mut self, channels: usize) -> Self {
        self.image_channels = channels;
        self
    }

    /// Sets the channels after the first convolution.
    pub fn with_base_channels(mut self, channels: usize) -> Self {
        self.base_channels = channels;
        self
    }

    /// Sets the number of residual blocks.
    pub fn with_residual_blocks(mut self, blocks: usize) -> Self {
        self.residual_blocks = blocks;
        self
    }

    /// Sets the number of halvings before the bottleneck.
    pub fn with_downsamplings(mut self, downsamplings: usize) -> Self {
        self.downsamplings = downsamplings;
        self
    }

    /// Sets how the size is doubled after the bottleneck.
    pub fn with_upsampling(mut self, upsampling: Upsampling) -> Self {
        self.upsampling = upsampling;
        self
    }

    /// Sets what it makes of its last features.
    pub fn with_head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// Checks the configuration for itself.
    ///
    /// # Errors
    /// [`Error::Config`](crate::error::Error::Config) when a width is 0 or the widest layer
    /// overflows, saying what to change.
    pub fn check(&self) -> Result<()> {
        let Self { image_channels, base_channels, downsamplings, .. } = *self;
        let positive = [("image_channels", image_channels), ("base_channels", base_channels)];
        check_positive("generator", &positive)?;
        check_width("generator", base_channels, downsamplings)?;
        check_feasible("generator", self.num_params())
    }

    /// The number of parameters: 8,430,528 with five labels and the defaults. [`u64::MAX`] stands
    /// for more.
    pub fn num_params(&self) -> u64 {
        match self.downsamplings {
            ..=MOST_HALVINGS => self.architecture().num_params(),
            _ => u64::MAX,
        }
    }

    /// The table of the generator's layers, whose length does not depend on the number of blocks.
    pub(crate) fn architecture(&self) -> Architecture {
        let width = |level| doubled(self.base_channels, level);
        let mut trunk = Sequence::default();

        let inputs = self.image_channels.saturating_add(self.condition_width);
        let stem = ConvolutionSize::new(inputs, width(0), Window::WIDE);
        trunk.push_normed("stem", Operation::Convolution, stem);
        trunk.push_activation(Operation::Relu);
        for i in 0..self.downsamplings {
            let down = ConvolutionSize::new(width(i), width(i + 1), Window::HALF);
            trunk.push_normed(&format!("down.{i}"), Operation::Convolution, down);
            trunk.push_activation(Operation::Relu);
        }

        let bottleneck = width(self.downsamplings);
        let same = ConvolutionSize::new(bottleneck, bottleneck, Window::SAME);
        let mut block = Sequence::default();
        block.push_normed("first", Operation::Convolution, same);
        block.push_activation(Operation::Relu);
        block.push_normed("second", Operation::Convolution, same);
        trunk.push("blocks", Operation::Residual { times: self.residual_blocks, layers: block });

        for i in 0..self.downsamplings {
            let level = self.downsamplings - i;
            let up = |window| ConvolutionSize::new(width(level), width(level - 1), window);
            let path = format!("up.{i}");
            match self.upsampling {
                Upsampling::Transposed => {
                    trunk.push_normed(&path, Operation::TransposedConvolution, up(Window::HALF));
                }
                Upsampling::Resize => {
                    trunk.push_normed(&path, Operation::ResizeConvolution, up(Window::SAME));
                }
            }
            trunk.push_activation(Operation::Relu);
        }
        let outputs = self.head.outputs(self.image_channels);
        let head = ConvolutionSize::new(width(0), outputs, Window::WIDE);
        trunk.push("head", Operation::Convolution(head));
        trunk.push_activation(match self.head {
            Head::Plain => Operation::Tanh,
            Head::Mask => Operation::Mask { channels: self.image_channels },
        });
        Architecture { trunk, heads: Vec::new() }
    }

    /// Checks that images of this size keep it through the network.
    ///
    /// # Errors
    /// [`Error::Config`](crate::error::Error::Config) when a side is 0 or not divisible by
    /// `2^downsamplings`, or a layer of one such image would take more than 2 GiB.
    pub fn check_image_size(&self, size: impl Into<ImageSize>) -> Result<()> {
        self.check()?;
        let size = size.into();
        check_divisible("generator", size.sides(), self.downsamplings)?;
        check_memory("generator", size, self.architecture().most_values(size))
    }

    /// The smallest size that no side of `size` is beyond and that is kept through the network.
    pub(crate) fn next_size(&self, size: ImageSize) -> ImageSize {
        let next = |side: usize| side.next_multiple_of(1 << self.downsamplings);
        ImageSize::new(next(size.width), next(size.height))
    }

    /// A generator with fresh weights drawn from `rng` in a fixed order, the same on every backend.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init<B: Backend>(&self, rng: &mut impl Rng, device: &B::Device) -> Result<Generator<B>> {
        self.check()?;
        let architecture = self.architecture();
        let layers = &mut architecture.trunk.with_parameters();
        let levels = || 0..self.downsamplings;
        Ok(Generator {
            stem: ConvNorm::init(layers, rng, device),
            down: levels().map(|_| ConvNorm::init(layers, rng, device)).collect(),
            blocks: Residual::init_all(layers, rng, device),
            up: levels().map(|_| UpNorm::init(layers, rng, device)).collect(),
            head: Convolution::init(layers, rng, device),
            precision: Precision::Float32,
            config: self.clone(),
        })
    }
}

/// The generator. See [`GeneratorConfig`].
#[derive(Module, Debug)]
pub struct Generator<B: Backend> {
    stem: ConvNorm<B>,
    down: Vec<ConvNorm<B>>,
    blocks: Vec<Residual<B>>,
    up: Vec<UpNorm<B>>,
    head: Convolution<B>,
    #[module(skip)]
    precision: Precision,
    #[module(skip)]
    config: GeneratorConfig,
}

impl<B: Backend> Generator<B> {
    /// Sets what it computes in; its input and output keep their type.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// What it was made by.
    pub(crate) fn config(&self) -> &GeneratorConfig {
        &self.config
    }

    /// Translates `images` `[N, C, H, W]` in `[-1, 1]` to the domains that `condition`
    /// `[N, condition_width]` names; the result has the images' shape and range.
    ///
    /// # Panics
    /// When the shapes do not fit the configuration
    /// ([`check_image_size`](GeneratorConfig::check_image_size) tells).
    pub fn forward(&self, images: Tensor<B, 4>, condition: Tensor<B, 2>) -> Tensor<B, 4> {
        self.forward_masked(images, condition).0
    }

    /// [`forward`](Self::forward), and the mask `[N, 1, H, W]` in `[0, 1]` of [`Head::Mask`]: 0
    /// where the result is the image that it was, 1 where it is painted anew.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_masked(
        &self,
        images: Tensor<B, 4>,
        condition: Tensor<B, 2>,
    ) -> (Tensor<B, 4>, Option<Tensor<B, 4>>) {
        assert_eq!(images.dims()[0], condition.dims()[0], "one condition vector per image");
        // Zero padding, not reflection, in every convolution: under reflection instance norm would
        // erase the constant planes of the condition.
        let cast = (self.precision.cast(images.clone()), self.precision.cast(condition));
        self.after_stem(self.stem.forward_conditioned(cast.0, cast.1), images)
    }

    /// [`forward`](Self::forward) of a generator of condition width 0.
    ///
    /// # Panics
    /// When the generator takes a condition, or the shapes do not fit the configuration.
    pub fn forward_unconditional(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        assert_eq!(
            self.stem.conv.weight.dims()[1],
            images.dims()[1],
            "image channels of another network, or one that takes a condition"
        );
        self.after_stem(self.stem.forward(self.precision.cast(images.clone())), images).0
    }

    /// The result and its mask, of the stem's features `x` and of the network's input.
    fn after_stem(
        &self,
        mut x: Tensor<B, 4>,
        images: Tensor<B, 4>,
    ) -> (Tensor<B, 4>, Option<Tensor<B, 4>>) {
        for down in &self.down {
            x = down.forward(x);
        }
        for block in &self.blocks {
            x = block.forward(x);
        }
        for up in &self.up {
            x = up.forward(x);
        }
        self.config.head.forward(self.head.forward(x).cast(images.dtype()), images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_configurations_say_what_to_change() {
        let base = GeneratorConfig::new(5);
        base.check().unwrap();
        GeneratorConfig::new(0).check().unwrap();
        base.clone().with_residual_blocks(0).with_downsamplings(0).check().unwrap();
        for (config, expected) in [
            (
                base.clone().with_image_channels(0),
                "generator's image_channels is 0; it must be at least 1",
            ),
            (base.clone().with_base_channels(0), "base_channels is 0"),
            (base.clone().with_residual_blocks(usize::MAX), "more than 68 billion parameters"),
            (GeneratorConfig::new(usize::MAX), "more than 68 billion parameters"),
            (base.clone().with_downsamplings(11), "lower base_channels or downsamplings"),
            (base.clone().with_downsamplings(usize::MAX), "lower base_channels or downsamplings"),
            (base.clone().with_base_channels(usize::MAX), "lower base_channels or downsamplings"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{config:?}: {error}");
        }
        assert_eq!(base.clone().with_downsamplings(usize::MAX).num_params(), u64::MAX);
        base.check_image_size(ImageSize::new(40, 24)).unwrap();
        for (height, width, expected) in [
            (
                126,
                128,
                "126 pixels is not divisible by 4, which the generator's 2 downsamplings need; \
                 use 124 or 128 pixels",
            ),
            (128, 3, "3 pixels is not divisible by 4"),
            (
                0,
                128,
                "0 pixels is not divisible by 4, which the generator's 2 downsamplings need; \
                 use 4",
            ),
            (1 << 30, 128, "128 x 1073741824 pixels would take the generator more than 2 GiB"),
            (1 << 30, 1 << 30, "1073741824 pixels a side would take the generator more than"),
            (usize::MAX - 3, 128, "more than 2 GiB of memory for one layer; lower the image size"),
        ] {
            let size = ImageSize::new(width, height);
            let error = base.check_image_size(size).unwrap_err().to_string();
            assert!(error.contains(expected), "{height} x {width}: {error}");
        }
    }

    #[cfg(feature = "flex")]
    mod on_flex {
        use burn::backend::Flex;
        use burn::tensor::TensorData;

        use super::*;
        use crate::random::{Purpose, stream};

        #[test]
        fn the_papers_generator_has_8430528_parameters() {
            for (labels, expected) in [(5, 8_430_528), (0, 8_414_848)] {
                let config = GeneratorConfig::new(labels);
                let mut rng = stream(0, Purpose::Generator, 0, 0);
                let generator = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
                assert_eq!(generator.num_params(), expected, "{labels} labels");
                assert_eq!(config.num_params(), expected as u64, "{labels} labels");
            }
        }

        #[test]
        fn parameters_are_counted_without_them() {
            let other = |config: GeneratorConfig| {
                config.with_upsampling(Upsampling::Resize).with_head(Head::Mask)
            };
            let cases = [(0, 0), (1, 0), (0, 1), (2, 3)].map(|(blocks, downsamplings)| {
                GeneratorConfig::new(3)
                    .with_base_channels(2)
                    .with_residual_blocks(blocks)
                    .with_downsamplings(downsamplings)
            });
            for config in cases.iter().cloned().map(other).chain(cases.clone()) {
                let mut rng = stream(0, Purpose::Generator, 0, 0);
                let generator = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
                assert_eq!(config.num_params(), generator.num_params() as u64, "{config:?}");
            }
        }

        #[test]
        fn a_generator_without_a_condition_takes_none() {
            let device = Default::default();
            let init = |width: usize| {
                let config = GeneratorConfig::new(width).with_base_channels(4);
                let mut rng = stream(0, Purpose::Generator, 0, 0);
                config.with_residual_blocks(0).init::<Flex>(&mut rng, &device).unwrap()
            };
            let images: Tensor<Flex, 4> = Tensor::ones([2, 3, 8, 12], &device);
            assert_eq!(init(0).forward_unconditional(images.clone()).dims(), [2, 3, 8, 12]);
            let conditional = init(2);
            let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                conditional.forward_unconditional(images)
            }));
            assert!(refused.is_err(), "a condition is missing");
        }

        #[test]
        #[should_panic(expected = "of another network")]
        fn a_condition_without_its_mask_is_refused() {
            let config = GeneratorConfig::new(4).with_base_channels(4).with_residual_blocks(0);
            let mut rng = stream(0, Purpose::Generator, 0, 0);
            let device = Default::default();
            let generator = config.init::<Flex>(&mut rng, &device).unwrap();
            generator.forward(Tensor::ones([1, 3, 8, 8], &device), Tensor::ones([1, 2], &device));
        }

        #[test]
        fn rectangles_keep_their_shape_and_every_label_changes_the_image() {
            let device = Default::default();
            let values = (0..3 * 8 * 20).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<_>>();
            let images: Tensor<Flex, 4> =
                Tensor::from_data(TensorData::new(values, [1, 3, 8, 20]), &device);
            for head in Head::ALL {
                let config = GeneratorConfig::new(2).with_base_channels(4).with_residual_blocks(1);
                let mut rng = stream(0, Purpose::Generator, 0, 0);
                let generator = config.with_head(head).init::<Flex>(&mut rng, &device).unwrap();
                let translate = |label: [f32; 2]| {
                    let condition = Tensor::from_data([label], &device);
                    let (y, mask) = generator.forward_masked(images.clone(), condition);
                    assert_eq!(y.dims(), [1, 3, 8, 20]);
                    let mask = mask.map(|mask| mask.into_data().iter::<f32>().collect::<Vec<_>>());
                    (y.into_data().iter::<f32>().collect::<Vec<_>>(), mask)
                };
                let (plain, mask) = translate([0.0, 0.0]);
                assert!(plain.iter().all(|value| (-1.0..=1.0).contains(value)));
                assert_eq!(mask.is_some(), head == Head::Mask);
                let values = mask.unwrap_or_else(|| vec![0.5; 8 * 20]);
                assert!(values.len() == 8 * 20 && values.iter().all(|m| (m - 0.5).abs() < 0.4));
                for label in [[1.0, 0.0], [0.0, 1.0]] {
                    let changed =
                        translate(label).0.iter().zip(&plain).any(|(a, b)| (a - b).abs() > 1e-3);
                    assert!(changed, "{label:?}");
                }
            }
        }
    }
}
