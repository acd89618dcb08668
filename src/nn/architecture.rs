//! The table of a network: its layers, each listed once, as data computed from its configuration.
//!
//! A fresh network takes its sizes from the table, and the number of its parameters, their names
//! and shapes in the public PyTorch code's files and what such a file's shapes say of its network
//! are derived from it. A spectral norm is no layer: it is another way to hold a weight.

use crate::data::size::ImageSize;

/// What instance norm adds to the variance (PyTorch's default).
pub(crate) const NORM_EPSILON: f64 = 1e-5;

/// The slope below 0 of StarGAN's LeakyReLU.
pub(crate) const NEGATIVE_SLOPE: f64 = 0.01;

/// The shape of a convolution: height and width of the kernel, stride and padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub kernel: [usize; 2],
    pub stride: usize,
    pub padding: usize,
}

impl Window {
    /// 7x7, size kept.
    pub const WIDE: Self = Self { kernel: [7; 2], stride: 1, padding: 3 };
    /// 3x3, size kept.
    pub const SAME: Self = Self { kernel: [3; 2], stride: 1, padding: 1 };
    /// 1x1.
    pub const POINT: Self = Self { kernel: [1; 2], stride: 1, padding: 0 };
    /// 4x4, size halved (doubled, transposed).
    pub const HALF: Self = Self { kernel: [4; 2], stride: 2, padding: 1 };
    /// The whole of an input at once, of these sides.
    pub const fn whole(sides: [usize; 2]) -> Self {
        Self { kernel: sides, stride: 1, padding: 0 }
    }

    /// The sides of what a convolution makes of an input of these sides.
    fn after(self, sides: [u128; 2]) -> [u128; 2] {
        let Self { kernel, stride, padding } = self;
        std::array::from_fn(|axis| {
            let steps = (sides[axis] + 2 * padding as u128).saturating_sub(kernel[axis] as u128);
            steps / stride.max(1) as u128 + 1
        })
    }

    /// The values of its kernel. [`usize::MAX`] stands for more.
    pub fn taps(self) -> usize {
        self.kernel[0].saturating_mul(self.kernel[1])
    }
}

/// The sizes of a convolution's weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConvolutionSize {
    pub inputs: usize,
    pub outputs: usize,
    pub window: Window,
}

impl ConvolutionSize {
    pub fn new(inputs: usize, outputs: usize, window: Window) -> Self {
        Self { inputs, outputs, window }
    }
}

/// What a layer computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    /// Zero-padded, without bias; the weight is `[outputs, inputs, kernel, kernel]`.
    Convolution(ConvolutionSize),
    /// The same with a bias.
    BiasedConvolution(ConvolutionSize),
    /// Transposed, without bias; the weight is `[inputs, outputs, kernel, kernel]`.
    TransposedConvolution(ConvolutionSize),
    /// Of the input at twice its size, each pixel four times, without bias; the weight is
    /// `[outputs, inputs, kernel, kernel]`.
    ResizeConvolution(ConvolutionSize),
    /// By each image's own statistics, then scaled and shifted.
    InstanceNorm {
        channels: usize,
    },
    /// By each image's own statistics, then scaled by `1 + gamma` and shifted by `beta`, both of
    /// which a linear layer makes of the image's style code, gamma first.
    AdaptiveNorm {
        channels: usize,
        style: usize,
    },
    /// Of vectors, with a bias; the weight is `[outputs, inputs]`.
    Linear {
        inputs: usize,
        outputs: usize,
    },
    /// The mean of every two by two pixels.
    MeanPool,
    /// Every pixel four times.
    NearestUp,
    Relu,
    LeakyRelu {
        /// Below 0.
        slope: f64,
    },
    Tanh,
    /// Tanh of the first `channels`, mixed with the network's first inputs, of the same number, by
    /// the sigmoid of the last: see [`Head::Mask`](crate::nn::head::Head::Mask).
    Mask {
        channels: usize,
    },
    /// `times` blocks one after the other, each `x + layers(x)`. The table holds the layers once,
    /// so that its length does not depend on a number that a file may declare.
    Residual {
        times: usize,
        layers: Sequence,
    },
    /// `(layers(x) + shortcut(x)) / sqrt(2)`, so that the sum has the variance of its parts.
    Block {
        layers: Sequence,
        shortcut: Sequence,
    },
}

impl Operation {
    /// The name and the shape of each parameter, in visiting order; blocks have theirs in their
    /// layers.
    pub fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        let weight = |first, second, window: &Window| {
            ("weight", vec![first, second, window.kernel[0], window.kernel[1]])
        };
        match self {
            Self::Convolution(ConvolutionSize { inputs, outputs, window })
            | Self::ResizeConvolution(ConvolutionSize { inputs, outputs, window }) => {
                vec![weight(*outputs, *inputs, window)]
            }
            Self::BiasedConvolution(ConvolutionSize { inputs, outputs, window }) => {
                vec![weight(*outputs, *inputs, window), ("bias", vec![*outputs])]
            }
            Self::TransposedConvolution(ConvolutionSize { inputs, outputs, window }) => {
                vec![weight(*inputs, *outputs, window)]
            }
            Self::InstanceNorm { channels } => {
                vec![("weight", vec![*channels]), ("bias", vec![*channels])]
            }
            Self::AdaptiveNorm { channels, style } => {
                let outputs = channels.saturating_mul(2);
                vec![("fc.weight", vec![outputs, *style]), ("fc.bias", vec![outputs])]
            }
            Self::Linear { inputs, outputs } => {
                vec![("weight", vec![*outputs, *inputs]), ("bias", vec![*outputs])]
            }
            Self::MeanPool
            | Self::NearestUp
            | Self::Relu
            | Self::LeakyRelu { .. }
            | Self::Tanh
            | Self::Mask { .. }
            | Self::Residual { .. }
            | Self::Block { .. } => Vec::new(),
        }
    }

    /// Whether it is made of other layers.
    pub fn is_block(&self) -> bool {
        matches!(self, Self::Residual { .. } | Self::Block { .. })
    }

    /// The values that it takes and makes at most at a time, blocks what they add to as well, given
    /// an input of these sides, and the sides of its output.
    fn values(&self, sides: [u128; 2]) -> (u128, [u128; 2]) {
        let area = |channels: usize, [height, width]: [u128; 2]| {
            (channels as u128).saturating_mul(height.saturating_mul(width))
        };
        let (inputs, outputs, after) = match self {
            Self::Convolution(size) | Self::BiasedConvolution(size) => {
                (size.inputs, size.outputs, size.window.after(sides))
            }
            Self::TransposedConvolution(size) => {
                (size.inputs, size.outputs, sides.map(|side| side * size.window.stride as u128))
            }
            // The enlarged input is never made: see `ops::resize_kernel`.
            Self::ResizeConvolution(size) => {
                (size.inputs, size.outputs, sides.map(|side| 2 * side))
            }
            Self::InstanceNorm { channels } | Self::AdaptiveNorm { channels, .. } => {
                (*channels, *channels, sides)
            }
            Self::Linear { inputs, outputs } => (*inputs, *outputs, [1, 1]),
            // Never made: the convolution before or after takes it in.
            Self::MeanPool => (0, 0, sides.map(|side| side / 2)),
            Self::NearestUp => (0, 0, sides.map(|side| 2 * side)),
            // The network's inputs are taken too.
            Self::Mask { channels } => {
                (channels.saturating_mul(2).saturating_add(1), *channels, sides)
            }
            Self::Relu | Self::LeakyRelu { .. } | Self::Tanh => (0, 0, sides),
            Self::Residual { times: 0, .. } => (0, 0, sides),
            Self::Residual { layers, .. } | Self::Block { layers, .. } => {
                let (most, after) = layers.values(sides);
                return (most.saturating_add(most / 2), after);
            }
        };
        (area(inputs, sides).saturating_add(area(outputs, after)), after)
    }

    /// The number of parameters. [`u128::MAX`] stands for more.
    fn num_params(&self) -> u128 {
        match self {
            Self::Residual { times, layers } => layers.num_params().saturating_mul(*times as u128),
            Self::Block { layers, shortcut } => {
                layers.num_params().saturating_add(shortcut.num_params())
            }
            _ => self
                .parameters()
                .iter()
                .map(|(_, shape)| product(shape))
                .fold(0, u128::saturating_add),
        }
    }
}

/// The product of the sizes of an array.
fn product(shape: &[usize]) -> u128 {
    shape.iter().fold(1, |product: u128, &size| product.saturating_mul(size as u128))
}

/// One layer, or one entry for equal blocks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// Where the module holds it, such as `down.0.conv`; block `i` of `blocks` is `blocks.i`. Empty
    /// where there is nothing to hold.
    pub path: String,
    pub operation: Operation,
}

/// Layers of which each takes what the one before it makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sequence(Vec<Layer>);

impl Sequence {
    /// Adds a layer with parameters, or blocks.
    pub fn push(&mut self, path: impl Into<String>, operation: Operation) {
        self.0.push(Layer { path: path.into(), operation });
    }

    /// Adds a layer without parameters.
    pub fn push_activation(&mut self, operation: Operation) {
        self.push("", operation);
    }

    /// Adds a convolution of this `kind` and the instance norm after it.
    pub fn push_normed(
        &mut self,
        path: &str,
        kind: fn(ConvolutionSize) -> Operation,
        size: ConvolutionSize,
    ) {
        self.push(format!("{path}.conv"), kind(size));
        let norm = Operation::InstanceNorm { channels: size.outputs };
        self.push(format!("{path}.norm"), norm);
    }

    /// Every entry, in order.
    pub fn layers(&self) -> &[Layer] {
        &self.0
    }

    /// What has parameters, in order: modules take their layers from here, each the next ones.
    pub fn with_parameters(&self) -> impl Iterator<Item = &Operation> + Clone {
        let operations = self.0.iter().map(|layer| &layer.operation);
        operations.filter(|operation| operation.is_block() || !operation.parameters().is_empty())
    }

    /// The most values of a layer, and the sides of the last one's output.
    fn values(&self, sides: [u128; 2]) -> (u128, [u128; 2]) {
        self.0.iter().fold((0, sides), |(most, sides), layer| {
            let (values, after) = layer.operation.values(sides);
            (most.max(values), after)
        })
    }

    fn num_params(&self) -> u128 {
        self.0.iter().map(|layer| layer.operation.num_params()).fold(0, u128::saturating_add)
    }
}

/// A network: a trunk, and heads of which each takes what the trunk makes. Without heads the
/// trunk's output is the network's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Architecture {
    pub trunk: Sequence,
    pub heads: Vec<Sequence>,
}

impl Architecture {
    /// The number of parameters. [`u64::MAX`] stands for more.
    pub fn num_params(&self) -> u64 {
        let sequences = std::iter::once(&self.trunk).chain(&self.heads);
        let count = sequences.map(Sequence::num_params).fold(0, u128::saturating_add);
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// The values that a layer takes and makes, of the layer with the most of them, given one image
    /// of this size. [`u128::MAX`] stands for more.
    pub fn most_values(&self, size: ImageSize) -> u128 {
        let (trunk, after) = self.trunk.values(size.sides().map(|side| side as u128));
        self.heads.iter().map(|head| head.values(after).0).fold(trunk, u128::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_with_the_most_values_is_found() {
        let size = |inputs, outputs, window| ConvolutionSize::new(inputs, outputs, window);
        let mut block = Sequence::default();
        block.push_normed("first", Operation::Convolution, size(5, 5, Window::SAME));
        let mut trunk = Sequence::default();
        trunk.push_normed("stem", Operation::Convolution, size(3, 4, Window::WIDE));
        let most = |trunk: &Sequence| {
            Architecture { trunk: trunk.clone(), heads: Vec::new() }.most_values(8.into())
        };
        assert_eq!(most(&trunk), (4 + 4) * 64, "the norm's");
        trunk.push("down", Operation::Convolution(size(4, 40, Window::HALF)));
        assert_eq!(most(&trunk), 4 * 64 + 40 * 16);
        trunk.push("blocks", Operation::Residual { times: 3, layers: block });
        assert_eq!(most(&trunk), 4 * 64 + 40 * 16, "3 * 5 * 16 are fewer");
        trunk.push("up", Operation::TransposedConvolution(size(40, 9, Window::HALF)));
        assert_eq!(most(&trunk), 40 * 16 + 9 * 64);
        trunk.push("resized", Operation::ResizeConvolution(size(9, 8, Window::SAME)));
        assert_eq!(most(&trunk), 9 * 64 + 8 * 256);
        trunk.push_activation(Operation::Mask { channels: 7 });
        assert_eq!(most(&trunk), (8 + 7 + 7) * 256, "the image's too");
        trunk.push("halved", Operation::Convolution(size(8, 9, Window::HALF)));
        let mut head = Sequence::default();
        head.push("head", Operation::Convolution(size(9, 1000, Window::SAME)));
        let heads = vec![Sequence::default(), head];
        let whole = Architecture { trunk, heads };
        assert_eq!(whole.most_values(8.into()), (9 + 1000) * 64);
        assert_eq!(whole.most_values(ImageSize::new(24, 8)), 3 * (9 + 1000) * 64);
    }

    #[test]
    fn any_size_and_any_number_of_blocks_is_counted_at_once() {
        let count = |side: usize, times: usize| {
            let size = ConvolutionSize::new(side, side, Window::whole([side; 2]));
            let mut block = Sequence::default();
            block.push_normed("first", Operation::TransposedConvolution, size);
            block.push_activation(Operation::Relu);
            let mut trunk = Sequence::default();
            trunk.push("trunk.0", Operation::BiasedConvolution(size));
            trunk.push("blocks", Operation::Residual { times, layers: block });
            Architecture { heads: vec![trunk.clone(), Sequence::default()], trunk }.num_params()
        };
        assert_eq!(count(3, 0), 2 * (81 + 3));
        assert_eq!(count(3, 5), 2 * (81 + 3 + 5 * (81 + 6)));
        assert_eq!(count(1, 1 << 60), 2 * (2 + (3 << 60)));
        for (side, times) in [(usize::MAX, 0), (1, usize::MAX), (usize::MAX, usize::MAX)] {
            assert_eq!(count(side, times), u64::MAX, "{side} {times}");
        }
    }
}
