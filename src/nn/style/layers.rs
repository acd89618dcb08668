//! The layers of StarGAN v2's networks: weights are normal with variance 2 over the fan-in (He et
//! al., ICCV 2015), biases 0. Convolutions compute in the type of float of their input.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use rand::Rng;

use crate::nn::architecture::{ConvolutionSize, Operation};
use crate::nn::{flat, ops};
use crate::random::normal;

fn he<B: Backend, const D: usize>(
    shape: [usize; D],
    rng: &mut impl Rng,
    device: &B::Device,
) -> Param<Tensor<B, D>> {
    let fan_in: usize = shape[1..].iter().product();
    let deviation = (2.0 / fan_in as f64).sqrt();
    let count = shape.iter().product();
    let values = (0..count).map(|_| (deviation * normal(rng)) as f32).collect();
    Param::from_data(TensorData::new::<f32, _>(values, shape), device)
}

fn zeros<B: Backend>(len: usize, device: &B::Device) -> Param<Tensor<B, 1>> {
    Param::from_tensor(Tensor::zeros([len], device))
}

/// A zero-padded convolution of stride 1 with a bias.
#[derive(Module, Debug)]
pub(super) struct BiasedConvolution<B: Backend> {
    pub weight: Param<Tensor<B, 4>>,
    pub bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> BiasedConvolution<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    ///
    /// # Panics
    /// When that is a layer of another kind.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let Some(&Operation::BiasedConvolution(ConvolutionSize { inputs, outputs, window })) =
            layers.next()
        else {
            panic!("the table has no convolution with bias here");
        };
        let [height, width] = window.kernel;
        Self {
            weight: he([outputs, inputs, height, width], rng, device),
            bias: zeros(outputs, device),
        }
    }

    /// In the type that is computed in.
    fn weight(&self, dtype: DType) -> Tensor<B, 4> {
        flat::cast(self.weight.val(), dtype)
    }

    /// The [`pool_kernel`](ops::pool_kernel) of the weight, in the type that is computed in.
    fn pool_kernel(&self, dtype: DType) -> Tensor<B, 4> {
        flat::cast(ops::pool_kernel(self.weight.val()), dtype)
    }

    /// What is added on each side so that sizes are kept.
    fn padding(&self) -> usize {
        self.weight.dims()[2] / 2
    }

    /// `[N, I, H, W]` to `[N, O, H, W]`, of a kernel with odd sides.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = self.weight(x.dtype());
        ops::conv2d_bias(x, weight, self.bias.val(), 1, self.padding())
    }

    /// [`forward`](Self::forward) without the bias: where an instance norm follows, which takes a
    /// constant away, there is none to add.
    pub fn forward_unbiased(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = self.weight(x.dtype());
        ops::conv2d(x, weight, 1, self.padding())
    }

    /// The same of a kernel of 3x3, then the mean of every two by two pixels: `[N, I, 2 H, 2 W]` to
    /// `[N, O, H, W]`.
    pub fn pooled_unbiased(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = self.pool_kernel(x.dtype());
        ops::conv2d(x, weight, 2, 1)
    }

    /// That with the bias, then LeakyReLU.
    pub fn pooled_leaky(&self, x: Tensor<B, 4>, slope: f64) -> Tensor<B, 4> {
        let weight = self.pool_kernel(x.dtype());
        ops::conv2d_leaky_relu(x, weight, self.bias.val(), [2, 1], slope)
    }

    /// Of `x` at twice its size, each pixel four times, without the bias: `[N, I, H, W]` to
    /// `[N, O, 2 H, 2 W]`.
    pub fn doubled_unbiased(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = flat::cast(ops::resize_kernel(self.weight.val()), x.dtype());
        ops::conv_transpose2d(x, weight, 2, 1)
    }

    /// The input gradient of [`forward`](Self::forward), given the output's.
    pub fn input_gradient(&self, gradient: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = self.weight(gradient.dtype());
        ops::conv_transpose2d(gradient, weight, 1, self.padding())
    }

    /// The input gradient of [`pooled_leaky`](Self::pooled_leaky) before LeakyReLU.
    pub fn pooled_input_gradient(&self, gradient: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = self.pool_kernel(gradient.dtype());
        ops::conv_transpose2d(gradient, weight, 2, 1)
    }

    /// The convolution of an input of the kernel's own sides, `[N, I, h, w]` to `[N, O]`.
    pub fn whole(&self, x: Tensor<B, 4>) -> Tensor<B, 2> {
        let (columns, bias) = (self.columns(x.dtype()), self.bias.val().cast(x.dtype()));
        x.flatten::<2>(1, 3).matmul(columns) + bias.unsqueeze()
    }

    /// The input gradient of [`whole`](Self::whole), `[N, O]` to `[N, I, h, w]`.
    pub fn whole_input_gradient(&self, gradient: Tensor<B, 2>) -> Tensor<B, 4> {
        let [n, _] = gradient.dims();
        let [_, i, h, w] = self.weight.dims();
        let columns = self.columns(gradient.dtype());
        gradient.matmul(columns.transpose()).reshape([n, i, h, w])
    }

    fn columns(&self, dtype: DType) -> Tensor<B, 2> {
        self.weight(dtype).flatten::<2>(1, 3).transpose()
    }
}

/// A 1x1 convolution without bias.
#[derive(Module, Debug)]
pub(super) struct Point<B: Backend> {
    pub weight: Param<Tensor<B, 4>>,
}

impl<B: Backend> Point<B> {
    /// Fresh parameters of the sizes that the next of `layers` has, if there is one.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Option<Self> {
        let Operation::Convolution(ConvolutionSize { inputs, outputs, .. }) = layers.next()? else {
            panic!("the table has no convolution here");
        };
        Some(Self { weight: he([*outputs, *inputs, 1, 1], rng, device) })
    }

    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = flat::cast(self.weight.val(), x.dtype());
        ops::conv2d(x, weight, 1, 0)
    }

    /// The input gradient, given the output's.
    pub fn input_gradient(&self, gradient: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::conv_transpose2d(gradient, self.weight.val(), 1, 0)
    }
}

/// A linear layer of vectors.
#[derive(Module, Debug)]
pub(super) struct Linear<B: Backend> {
    /// `[outputs, inputs]`.
    pub weight: Param<Tensor<B, 2>>,
    pub bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> Linear<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    ///
    /// # Panics
    /// When that is a layer of another kind.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let Some(&Operation::Linear { inputs, outputs }) = layers.next() else {
            panic!("the table has no linear layer here");
        };
        Self::new(inputs, outputs, rng, device)
    }

    fn new(inputs: usize, outputs: usize, rng: &mut impl Rng, device: &B::Device) -> Self {
        Self { weight: he([outputs, inputs], rng, device), bias: zeros(outputs, device) }
    }

    /// `[N, inputs]` to `[N, outputs]`.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }
}

/// Instance norm that the style scales and shifts.
#[derive(Module, Debug)]
pub(super) struct AdaptiveNorm<B: Backend> {
    pub fc: Linear<B>,
}

impl<B: Backend> AdaptiveNorm<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    ///
    /// # Panics
    /// When that is a layer of another kind.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let Some(&Operation::AdaptiveNorm { channels, style }) = layers.next() else {
            panic!("the table has no adaptive norm here");
        };
        Self { fc: Linear::new(style, 2 * channels, rng, device) }
    }

    /// `x` `[N, C, H, W]` in the style `[N, S]`.
    pub fn forward(&self, x: Tensor<B, 4>, style: Tensor<B, 2>) -> Tensor<B, 4> {
        let c = x.dims()[1];
        let affine = self.fc.forward(style);
        let gamma = affine.clone().narrow(1, 0, c) + 1.0;
        ops::adaptive_norm(x, gamma, affine.narrow(1, c, c))
    }
}

/// Of the rows `[N, K, W]`, which stand for `K` domains, each image's own: `[N, W]`, given a 1 for
/// its domain and else 0, `[N, K]`.
pub(super) fn of_domain<B: Backend>(rows: Tensor<B, 3>, domain: Tensor<B, 2>) -> Tensor<B, 2> {
    let [n, _, width] = rows.dims();
    // A product with one row per image, of which all but one are 0.
    domain.unsqueeze_dim::<3>(1).matmul(rows).reshape([n, width])
}
