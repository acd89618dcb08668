//! The sizes of StarGAN v2's networks, and the tables of their layers (paper, appendix, tables 5 to
//! 8).

use serde::{Deserialize, Serialize};

use crate::data::size::ImageSize;
use crate::error::{Error, Result};
use crate::nn::architecture::{Architecture, ConvolutionSize, Operation, Sequence, Window};
use crate::nn::limits::{check_channels, check_feasible, check_memory, check_positive, doubled};

/// The slope below 0 of LeakyReLU.
pub(super) const SLOPE: f64 = 0.2;

/// The sides of what the encoder and the discriminator make of an image before their last
/// convolution, which takes all of it.
pub(crate) const LAST: usize = 4;

/// The sides of the features that the generator changes without changing their size.
const BOTTLENECK: usize = 16;

/// Blocks of the generator that keep the size, before the style is told and after.
const KEEPING: usize = 2;

/// Linear layers of the mapping network that all domains share, and that each has besides the last.
const SHARED: usize = 4;
const OWN: usize = 3;

/// The sizes of the four networks of StarGAN v2: generator, mapping network, style encoder and
/// discriminator. The defaults are the paper's.
///
/// ```
/// use stargan::nn::StyleConfig;
///
/// let cats_and_dogs = StyleConfig::new(256, 2);
/// assert_eq!(cats_and_dogs.generator_params(), 33_892_995);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StyleConfig {
    /// The side of the images, squares, in pixels: a power of two from 16 on.
    pub image_size: usize,
    /// The channels of the images: 3.
    pub image_channels: usize,
    /// How many domains there are.
    pub domains: usize,
    /// Channels after the first convolution: `2^14 / image_size`, 64 at 256 pixels.
    pub base_channels: usize,
    /// The most channels of a layer: 512.
    pub most_channels: usize,
    /// The numbers of a style code: 64.
    pub style_width: usize,
    /// The numbers of the noise that the mapping network makes a style of: 16.
    pub latent_width: usize,
    /// The width of the mapping network's layers: 512.
    pub mapping_width: usize,
}

impl StyleConfig {
    /// The paper's sizes for images of `image_size` pixels a side and so many domains.
    pub fn new(image_size: usize, domains: usize) -> Self {
        Self {
            image_size,
            image_channels: 3,
            domains,
            base_channels: ((1 << 14) / image_size.max(1)).max(1),
            most_channels: 512,
            style_width: 64,
            latent_width: 16,
            mapping_width: 512,
        }
    }

    /// Sets the channels after the first convolution and the most of a layer.
    pub fn with_channels(mut self, base: usize, most: usize) -> Self {
        (self.base_channels, self.most_channels) = (base, most);
        self
    }

    /// Sets the channels of the images.
    pub fn with_image_channels(mut self, channels: usize) -> Self {
        self.image_channels = channels;
        self
    }

    /// Sets the numbers of a style code.
    pub fn with_style_width(mut self, width: usize) -> Self {
        self.style_width = width;
        self
    }

    /// Sets the numbers of noise and the width of the mapping network's layers.
    pub fn with_mapping(mut self, latent_width: usize, width: usize) -> Self {
        (self.latent_width, self.mapping_width) = (latent_width, width);
        self
    }

    /// Checks the sizes.
    ///
    /// # Errors
    /// [`Error::Config`] when one is 0, the image size is no power of two or below 16, or a network
    /// would be too large, saying what to change.
    pub fn check(&self) -> Result<()> {
        check_positive(
            "style network",
            &[
                ("image_channels", self.image_channels),
                ("domains", self.domains),
                ("base_channels", self.base_channels),
                ("most_channels", self.most_channels),
                ("style_width", self.style_width),
                ("latent_width", self.latent_width),
                ("mapping_width", self.mapping_width),
            ],
        )?;
        for (name, width) in [
            ("domains", self.domains),
            ("most_channels", self.most_channels),
            ("style_width", self.style_width),
            ("latent_width", self.latent_width),
            ("mapping_width", self.mapping_width),
        ] {
            check_channels(name, width)?;
        }
        let size = self.image_size;
        if size < BOTTLENECK || !size.is_power_of_two() {
            return Err(Error::Config(format!(
                "the image size is {size}; StarGAN v2 takes squares of 16, 32, 64, 128 ... pixels \
                 a side"
            )));
        }
        for (name, params, architecture) in [
            ("generator", self.generator_params(), Self::generator as fn(&Self) -> Architecture),
            ("style encoder", self.encoder_params(), Self::encoder),
            ("discriminator", self.discriminator_params(), Self::discriminator),
        ] {
            check_feasible(name, params)?;
            check_memory(name, size.into(), architecture(self).most_values(size.into()))?;
        }
        check_feasible("mapping network", self.mapping_params())
    }

    /// The size of the images.
    pub fn size(&self) -> ImageSize {
        self.image_size.into()
    }

    /// The generator's parameters. [`u64::MAX`] stands for more, here and below.
    pub fn generator_params(&self) -> u64 {
        self.generator().num_params()
    }

    /// The mapping network's parameters.
    pub fn mapping_params(&self) -> u64 {
        self.mapping().num_params()
    }

    /// The style encoder's parameters.
    pub fn encoder_params(&self) -> u64 {
        self.encoder().num_params()
    }

    /// The discriminator's parameters.
    pub fn discriminator_params(&self) -> u64 {
        self.discriminator().num_params()
    }

    /// The parameters of all four.
    pub fn num_params(&self) -> u64 {
        [
            self.generator_params(),
            self.mapping_params(),
            self.encoder_params(),
            self.discriminator_params(),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// How often the size is halved from the image's to `last`.
    fn halvings(&self, last: usize) -> usize {
        (self.image_size.max(last) / last).ilog2() as usize
    }

    /// What divides both sides of the images that the generator takes, which may have other sizes
    /// than the others'.
    pub(crate) fn divisor(&self) -> u64 {
        1 << self.halvings(BOTTLENECK)
    }

    fn width(&self, level: usize) -> usize {
        doubled(self.base_channels, level).min(self.most_channels)
    }

    fn first(&self) -> Operation {
        let size = ConvolutionSize::new(self.image_channels, self.width(0), Window::SAME);
        Operation::BiasedConvolution(size)
    }

    /// The table of the generator's layers.
    pub(crate) fn generator(&self) -> Architecture {
        let halvings = self.halvings(BOTTLENECK);
        let deepest = self.width(halvings);
        let mut trunk = Sequence::default();
        trunk.push("from_rgb", self.first());
        for level in 0..halvings {
            let channels = [self.width(level), self.width(level + 1)];
            trunk.push(format!("encode.{level}"), down(channels, Norm::Instance, Side::Halved));
        }
        for i in 0..KEEPING {
            let block = down([deepest; 2], Norm::Instance, Side::Kept);
            trunk.push(format!("encode.{}", halvings + i), block);
        }
        for i in 0..KEEPING {
            trunk.push(format!("decode.{i}"), up([deepest; 2], self.style_width, Side::Kept));
        }
        for level in (0..halvings).rev() {
            let channels = [self.width(level + 1), self.width(level)];
            let place = KEEPING + halvings - 1 - level;
            trunk.push(format!("decode.{place}"), up(channels, self.style_width, Side::Doubled));
        }
        let channels = self.width(0);
        trunk.push("to_rgb.norm", Operation::InstanceNorm { channels });
        trunk.push_activation(Operation::LeakyRelu { slope: SLOPE });
        let last = ConvolutionSize::new(channels, self.image_channels, Window::POINT);
        trunk.push("to_rgb.conv", Operation::BiasedConvolution(last));
        Architecture { trunk, heads: Vec::new() }
    }

    /// The table of the mapping network's layers; a head per domain.
    pub(crate) fn mapping(&self) -> Architecture {
        let width = self.mapping_width;
        let linear = |inputs, outputs| Operation::Linear { inputs, outputs };
        let mut trunk = Sequence::default();
        for i in 0..SHARED {
            let inputs = if i == 0 { self.latent_width } else { width };
            trunk.push(format!("shared.{i}"), linear(inputs, width));
            trunk.push_activation(Operation::Relu);
        }
        let head = |domain: usize| {
            let mut head = Sequence::default();
            for i in 0..OWN {
                head.push(format!("unshared.{domain}.{i}"), linear(width, width));
                head.push_activation(Operation::Relu);
            }
            head.push(format!("unshared.{domain}.{OWN}"), linear(width, self.style_width));
            head
        };
        Architecture { trunk, heads: (0..self.domains).map(head).collect() }
    }

    /// The layers that encoder and discriminator have alike, at paths after `prefix`, and the width
    /// of the vector that they make.
    fn judging(&self, prefix: &str) -> (Sequence, usize) {
        let halvings = self.halvings(LAST);
        let mut trunk = Sequence::default();
        trunk.push(format!("{prefix}.first"), self.first());
        for level in 0..halvings {
            let channels = [self.width(level), self.width(level + 1)];
            trunk
                .push(format!("{prefix}.blocks.{level}"), down(channels, Norm::None, Side::Halved));
        }
        let width = self.width(halvings);
        trunk.push_activation(Operation::LeakyRelu { slope: SLOPE });
        let whole = ConvolutionSize::new(width, width, Window::whole([LAST; 2]));
        trunk.push(format!("{prefix}.last"), Operation::BiasedConvolution(whole));
        trunk.push_activation(Operation::LeakyRelu { slope: SLOPE });
        (trunk, width)
    }

    /// The table of the style encoder's layers; a head per domain.
    pub(crate) fn encoder(&self) -> Architecture {
        let (trunk, inputs) = self.judging("shared");
        let head = |domain: usize| {
            let mut head = Sequence::default();
            let outputs = self.style_width;
            head.push(format!("unshared.{domain}"), Operation::Linear { inputs, outputs });
            head
        };
        Architecture { trunk, heads: (0..self.domains).map(head).collect() }
    }

    /// The table of the discriminator's layers.
    pub(crate) fn discriminator(&self) -> Architecture {
        let (mut trunk, inputs) = self.judging("trunk");
        let logits = ConvolutionSize::new(inputs, self.domains, Window::POINT);
        trunk.push("logits", Operation::BiasedConvolution(logits));
        Architecture { trunk, heads: Vec::new() }
    }
}

/// Whether the layers of a block are normed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Norm {
    None,
    Instance,
}

/// What a block does to the sides of what it is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Kept,
    Halved,
    Doubled,
}

/// The way around a block's layers.
fn shortcut([inputs, outputs]: [usize; 2], side: Side) -> Sequence {
    let mut shortcut = Sequence::default();
    if side == Side::Doubled {
        shortcut.push_activation(Operation::NearestUp);
    }
    if inputs != outputs {
        let size = ConvolutionSize::new(inputs, outputs, Window::POINT);
        shortcut.push("conv1x1", Operation::Convolution(size));
    }
    if side == Side::Halved {
        shortcut.push_activation(Operation::MeanPool);
    }
    shortcut
}

fn conv(inputs: usize, outputs: usize) -> Operation {
    Operation::BiasedConvolution(ConvolutionSize::new(inputs, outputs, Window::SAME))
}

/// A residual block whose activations come first.
fn down([inputs, outputs]: [usize; 2], norm: Norm, side: Side) -> Operation {
    let mut layers = Sequence::default();
    let begin = |layers: &mut Sequence, path| {
        if norm == Norm::Instance {
            layers.push(path, Operation::InstanceNorm { channels: inputs });
        }
        layers.push_activation(Operation::LeakyRelu { slope: SLOPE });
    };
    begin(&mut layers, "norm1");
    layers.push("conv1", conv(inputs, inputs));
    if side == Side::Halved {
        layers.push_activation(Operation::MeanPool);
    }
    begin(&mut layers, "norm2");
    layers.push("conv2", conv(inputs, outputs));
    Operation::Block { layers, shortcut: shortcut([inputs, outputs], side) }
}

/// A residual block that is told the style.
fn up([inputs, outputs]: [usize; 2], style: usize, side: Side) -> Operation {
    let mut layers = Sequence::default();
    layers.push("norm1", Operation::AdaptiveNorm { channels: inputs, style });
    layers.push_activation(Operation::LeakyRelu { slope: SLOPE });
    if side == Side::Doubled {
        layers.push_activation(Operation::NearestUp);
    }
    layers.push("conv1", conv(inputs, outputs));
    layers.push("norm2", Operation::AdaptiveNorm { channels: outputs, style });
    layers.push_activation(Operation::LeakyRelu { slope: SLOPE });
    layers.push("conv2", conv(outputs, outputs));
    Operation::Block { layers, shortcut: shortcut([inputs, outputs], side) }
}
