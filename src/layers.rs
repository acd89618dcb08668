//! The layers both networks are built from, initialised as PyTorch's are.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::Rng;

use crate::ops;

/// `shape`-many values, uniform in `[-1/sqrt(fan_in), 1/sqrt(fan_in))`: the default of PyTorch's layers.
fn uniform<B: Backend, const D: usize>(
    shape: [usize; D],
    fan_in: usize,
    rng: &mut impl Rng,
    device: &B::Device,
) -> Param<Tensor<B, D>> {
    let bound = 1.0 / (fan_in as f32).sqrt();
    let count = shape.iter().product();
    let values = (0..count).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)).collect();
    Param::from_data(TensorData::new::<f32, _>(values, shape), device)
}

/// A zero-padded square convolution without bias.
#[derive(Module, Debug)]
pub(crate) struct Convolution<B: Backend> {
    pub weight: Param<Tensor<B, 4>>,
    pub stride: usize,
    pub padding: usize,
}

/// The shape of a square convolution: kernel size, stride and padding.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Window {
    /// 7x7, size kept.
    pub const WIDE: Self = Self { kernel: 7, stride: 1, padding: 3 };
    /// 3x3, size kept.
    pub const SAME: Self = Self { kernel: 3, stride: 1, padding: 1 };
    /// 4x4, size halved (doubled, transposed).
    pub const HALF: Self = Self { kernel: 4, stride: 2, padding: 1 };
    /// The whole of a `size` x `size` input at once.
    pub const fn whole(size: usize) -> Self {
        Self { kernel: size, stride: 1, padding: 0 }
    }
}

impl<B: Backend> Convolution<B> {
    pub fn init(
        [inputs, outputs]: [usize; 2],
        window: Window,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let Window { kernel, stride, padding } = window;
        let fan_in = inputs * kernel * kernel;
        Self {
            weight: uniform([outputs, inputs, kernel, kernel], fan_in, rng, device),
            stride,
            padding,
        }
    }

    /// `[N, I, H, W]` to `[N, O, H / stride, W / stride]`.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::conv2d(x, self.weight.val(), self.stride, self.padding)
    }

    /// The input gradient, given the output's.
    pub fn input_gradient(&self, output_gradient: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::conv_transpose2d(output_gradient, self.weight.val(), self.stride, self.padding)
    }
}

/// A 4x4 convolution with bias that halves the size, then LeakyReLU.
#[derive(Module, Debug)]
pub(crate) struct LeakyConvolution<B: Backend> {
    pub weight: Param<Tensor<B, 4>>,
    pub bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> LeakyConvolution<B> {
    /// The slope of LeakyReLU below 0.
    const NEGATIVE_SLOPE: f64 = 0.01;

    pub fn init([inputs, outputs]: [usize; 2], rng: &mut impl Rng, device: &B::Device) -> Self {
        let kernel = Window::HALF.kernel;
        let fan_in = inputs * kernel * kernel;
        Self {
            weight: uniform([outputs, inputs, kernel, kernel], fan_in, rng, device),
            bias: uniform([outputs], fan_in, rng, device),
        }
    }

    /// `[N, I, 2 H, 2 W]` to `[N, O, H, W]`.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let Window { stride, padding, .. } = Window::HALF;
        let (weight, bias) = (self.weight.val(), self.bias.val());
        ops::conv2d_leaky_relu(x, weight, bias, [stride, padding], Self::NEGATIVE_SLOPE)
    }

    /// The derivative of the activation, told from the output of [`forward`](Self::forward).
    pub fn slope(y: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::leaky_relu_slope(y, Self::NEGATIVE_SLOPE)
    }

    /// The input gradient, given the gradient before the activation.
    pub fn input_gradient(&self, gradient: Tensor<B, 4>) -> Tensor<B, 4> {
        let Window { stride, padding, .. } = Window::HALF;
        ops::conv_transpose2d(gradient, self.weight.val(), stride, padding)
    }
}

/// A transposed 4x4 convolution that doubles the size.
#[derive(Module, Debug)]
pub(crate) struct TransposedConvolution<B: Backend> {
    pub weight: Param<Tensor<B, 4>>,
}

impl<B: Backend> TransposedConvolution<B> {
    pub fn init([inputs, outputs]: [usize; 2], rng: &mut impl Rng, device: &B::Device) -> Self {
        let kernel = Window::HALF.kernel;
        // PyTorch counts the fan-in of a transposed convolution on its output side.
        let fan_in = outputs * kernel * kernel;
        Self { weight: uniform([inputs, outputs, kernel, kernel], fan_in, rng, device) }
    }

    /// `[N, I, H, W]` to `[N, O, 2 H, 2 W]`.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::conv_transpose2d(x, self.weight.val(), Window::HALF.stride, Window::HALF.padding)
    }
}

/// Instance norm with affine parameters and no running statistics, and the ReLU after it.
#[derive(Module, Debug)]
pub(crate) struct InstanceNorm<B: Backend> {
    pub weight: Param<Tensor<B, 1>>,
    pub bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> InstanceNorm<B> {
    pub fn init(channels: usize, device: &B::Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::ones([channels], device)),
            bias: Param::from_tensor(Tensor::zeros([channels], device)),
        }
    }

    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::instance_norm(x, self.weight.val(), self.bias.val(), false)
    }

    pub fn forward_relu(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::instance_norm(x, self.weight.val(), self.bias.val(), true)
    }
}

/// Convolution, instance norm, ReLU.
#[derive(Module, Debug)]
pub(crate) struct ConvNorm<B: Backend> {
    pub conv: Convolution<B>,
    pub norm: InstanceNorm<B>,
}

impl<B: Backend> ConvNorm<B> {
    pub fn init(
        channels: [usize; 2],
        window: Window,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        Self {
            conv: Convolution::init(channels, window, rng, device),
            norm: InstanceNorm::init(channels[1], device),
        }
    }

    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        self.norm.forward_relu(self.conv.forward(x))
    }
}

/// Transposed convolution, instance norm, ReLU.
#[derive(Module, Debug)]
pub(crate) struct UpNorm<B: Backend> {
    pub conv: TransposedConvolution<B>,
    pub norm: InstanceNorm<B>,
}

impl<B: Backend> UpNorm<B> {
    pub fn init(channels: [usize; 2], rng: &mut impl Rng, device: &B::Device) -> Self {
        Self {
            conv: TransposedConvolution::init(channels, rng, device),
            norm: InstanceNorm::init(channels[1], device),
        }
    }

    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        self.norm.forward_relu(self.conv.forward(x))
    }
}

/// `x + norm(conv(relu(norm(conv(x)))))`.
#[derive(Module, Debug)]
pub(crate) struct Residual<B: Backend> {
    pub first: ConvNorm<B>,
    pub second: ConvNorm<B>,
}

impl<B: Backend> Residual<B> {
    pub fn init(channels: usize, rng: &mut impl Rng, device: &B::Device) -> Self {
        Self {
            first: ConvNorm::init([channels; 2], Window::SAME, rng, device),
            second: ConvNorm::init([channels; 2], Window::SAME, rng, device),
        }
    }

    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let inner = self.first.forward(x.clone());
        x + self.second.norm.forward(self.second.conv.forward(inner))
    }
}
