//! The tensor operations the networks are made of.
//!
//! Each is written once with burn's own operations, for every backend.

use burn::tensor::Tensor;
use burn::tensor::activation;
use burn::tensor::backend::Backend;
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

/// What instance norm adds to the variance (PyTorch's default).
const NORM_EPSILON: f64 = 1e-5;

/// Convolution of `x` `[N, C, H, W]` with `weight` `[O, C, k, k]`, zero padded.
pub(crate) fn conv2d<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Option<Tensor<B, 1>>,
    stride: usize,
    padding: usize,
) -> Tensor<B, 4> {
    let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
    module::conv2d(x, weight, bias, options)
}

/// Transposed convolution of `x` `[N, C, H, W]` with `weight` `[C, O, k, k]`: the input gradient of
/// [`conv2d`] with the same weight, stride and padding.
pub(crate) fn conv_transpose2d<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    stride: usize,
    padding: usize,
) -> Tensor<B, 4> {
    let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0, 0], [1, 1], 1);
    module::conv_transpose2d(x, weight, None, options)
}

/// Instance norm of `x` `[N, C, H, W]` with its own statistics, always, scaled by `gamma` `[C]` and
/// shifted by `beta` `[C]`; then ReLU when `relu`.
pub(crate) fn instance_norm<B: Backend>(
    x: Tensor<B, 4>,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
    relu: bool,
) -> Tensor<B, 4> {
    let [n, c, h, w] = x.dims();
    let x = x.reshape([n, c, h * w]);
    let centred = x.clone() - x.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let scale = (variance + NORM_EPSILON).sqrt().recip() * gamma.reshape([1, c, 1]);
    let y = (centred * scale + beta.reshape([1, c, 1])).reshape([n, c, h, w]);
    if relu { activation::relu(y) } else { y }
}

/// LeakyReLU.
pub(crate) fn leaky_relu<B: Backend>(x: Tensor<B, 4>, negative_slope: f64) -> Tensor<B, 4> {
    activation::leaky_relu(x, negative_slope)
}

/// The derivative of [`leaky_relu`] at `x`: 1 above 0, `negative_slope` elsewhere.
pub(crate) fn leaky_relu_slope<B: Backend>(x: Tensor<B, 4>, negative_slope: f64) -> Tensor<B, 4> {
    let slopes = x.ones_like();
    slopes.mask_fill(x.lower_equal_elem(0.0), negative_slope)
}
