//! The tensor operations the networks are made of.
//!
//! Each is [`composed`] of burn's own operations, for every backend; where [`kernels`] has a
//! specialised path for the backend at hand, that path is taken instead.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};

use crate::nn::kernels;
use stargan_kernels::adam_step::AdamStep;

/// Takes the specialised path of the operation where there is one.
macro_rules! specialised {
    ($operation:ident($($argument:expr),*)) => {
        if let Some(y) = kernels::$operation($($argument),*) {
            return y;
        }
    };
}

/// Whether the backend is a GPU's, where every operation costs a launch: few operations on much are
/// better than many on little.
pub(crate) fn launches<B: Backend>() -> bool {
    kernels::launches::<B>()
}

/// Convolution of `x` `[N, C, H, W]` with `weight` `[O, C, k, k]`, zero padded.
pub(crate) fn conv2d<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    stride: usize,
    padding: usize,
) -> Tensor<B, 4> {
    specialised!(conv2d(&x, &weight, stride, padding));
    composed::conv2d(x, weight, None, stride, padding)
}

/// [`conv2d`] plus `bias` `[O]`.
pub(crate) fn conv2d_bias<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    stride: usize,
    padding: usize,
) -> Tensor<B, 4> {
    // A sum that broadcasts is slow on a CPU; a slope of 1 leaves all values as they are.
    conv2d_leaky_relu(x, weight, bias, [stride, padding], 1.0)
}

/// [`conv2d`] plus `bias` `[O]`, then LeakyReLU.
pub(crate) fn conv2d_leaky_relu<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    [stride, padding]: [usize; 2],
    negative_slope: f64,
) -> Tensor<B, 4> {
    specialised!(conv2d_leaky_relu(&x, &weight, &bias, [stride, padding], negative_slope));
    composed::conv2d_leaky_relu(x, weight, bias, [stride, padding], negative_slope)
}

/// Convolution of `x` `[N, C, H, W]` with `weight` `[O, C, h, w]`, with rows and columns of zeros
/// on all sides, plus `bias` `[O]`, then ReLU.
#[cfg_attr(not(feature = "metrics"), allow(dead_code))] // for networks that measure
pub(crate) fn conv2d_relu<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    stride: usize,
    padding: [usize; 2],
) -> Tensor<B, 4> {
    specialised!(conv2d_relu(&x, &weight, &bias, stride, padding));
    composed::conv2d_relu(x, weight, bias, stride, padding)
}

/// Transposed convolution of `x` `[N, C, H, W]` with `weight` `[C, O, k, k]`: the input gradient of
/// [`conv2d`] with the same weight, stride and padding.
pub(crate) fn conv_transpose2d<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    stride: usize,
    padding: usize,
) -> Tensor<B, 4> {
    specialised!(conv_transpose2d(&x, &weight, stride, padding));
    composed::conv_transpose2d(x, weight, stride, padding)
}

/// The weight `[C, O, 4, 4]` of the [`conv_transpose2d`] of stride 2 and padding 1 that is the
/// convolution with `weight` `[O, C, 3, 3]`, zero padded by 1, of an input at twice its size, each
/// pixel four times.
///
/// Each of the four meets the whole kernel, at one of four places: their sum is a kernel of 4x4.
/// So the enlarged input is never made, and a value takes 4 products per channel in place of 9.
pub(crate) fn resize_kernel<B: Backend>(weight: Tensor<B, 4>) -> Tensor<B, 4> {
    four_places(weight.permute([1, 2, 3, 0]).flip([1, 2]))
}

/// The weight `[O, C, 4, 4]` of the [`conv2d`] of stride 2 and padding 1 that is the convolution
/// with `weight` `[O, C, 3, 3]`, zero padded by 1, and then the mean of every two by two pixels.
///
/// It is to that what [`resize_kernel`] is to enlarging: a value takes 16 products per channel in
/// place of 36.
pub(crate) fn pool_kernel<B: Backend>(weight: Tensor<B, 4>) -> Tensor<B, 4> {
    four_places(weight.permute([0, 2, 3, 1])) * 0.25
}

/// The sum of a kernel `[A, 3, 3, B]` at the four places of a kernel of 4x4: `[A, B, 4, 4]`.
// Channels last, so that what is put together are rows of them; GPUs want the result so.
fn four_places<B: Backend>(kernel: Tensor<B, 4>) -> Tensor<B, 4> {
    let [a, _, _, b] = kernel.dims();
    let options = (&kernel.device(), kernel.dtype());
    let row = Tensor::zeros([a, 1, 3, b], options);
    let column = Tensor::zeros([a, 4, 1, b], options);
    let twice = |kernel: Tensor<B, 4>, zeros: Tensor<B, 4>, axis| {
        Tensor::cat(vec![kernel.clone(), zeros.clone()], axis)
            + Tensor::cat(vec![zeros, kernel], axis)
    };
    twice(twice(kernel, row, 1), column, 2).permute([0, 3, 1, 2])
}

/// The mean of every two by two pixels of `x` `[N, C, 2 H, 2 W]`: `[N, C, H, W]`.
///
/// # Panics
/// When a side is odd.
pub(crate) fn mean_pool<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let [.., height, width] = x.dims();
    assert!(height % 2 == 0 && width % 2 == 0, "{height} x {width} pixels have no halves");
    specialised!(mean_pool(&x));
    composed::mean_pool(x)
}

/// Every pixel of `x` `[N, C, H, W]` four times: `[N, C, 2 H, 2 W]`.
pub(crate) fn nearest_up<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    specialised!(nearest_up(&x));
    composed::nearest_up(x)
}

/// Instance norm of `x` `[N, C, H, W]` with its own statistics, always, scaled by `gamma` `[C]` and
/// shifted by `beta` `[C]`; then ReLU when `relu`.
pub(crate) fn instance_norm<B: Backend>(
    x: Tensor<B, 4>,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
    relu: bool,
) -> Tensor<B, 4> {
    specialised!(instance_norm(&x, &gamma, &beta, relu));
    composed::instance_norm(x, gamma, beta, relu)
}

/// Adaptive instance norm (Huang and Belongie, ICCV 2017, eq. 8): of `x` `[N, C, H, W]` with its
/// own statistics, scaled by `gamma` `[N, C]` and shifted by `beta` `[N, C]`.
pub(crate) fn adaptive_norm<B: Backend>(
    x: Tensor<B, 4>,
    gamma: Tensor<B, 2>,
    beta: Tensor<B, 2>,
) -> Tensor<B, 4> {
    let [n, c, h, w] = x.dims();
    if launches::<B>() {
        // Channels are last in memory there, so that images don't become channels for nothing.
        let plain = |value| Tensor::full([c], value, &x.device());
        let normed = instance_norm(x.clone(), plain(1.0), plain(0.0), false);
        let of_planes = |affine: Tensor<B, 2>| affine.reshape([n, c, 1, 1]);
        // As a norm's own: not rounded to half precision.
        let normed = normed.cast(gamma.dtype());
        return (normed * of_planes(gamma) + of_planes(beta)).cast(x.dtype());
    }
    // A plane's statistics are its own, so the images may stand one after the other in one.
    let normed = instance_norm(
        x.reshape([1, n * c, h, w]),
        gamma.reshape([n * c]),
        beta.reshape([n * c]),
        false,
    );
    normed.reshape([n, c, h, w])
}

/// `skip` plus the [`instance_norm`] of `x`, both `[N, C, H, W]`.
pub(crate) fn instance_norm_onto<B: Backend>(
    skip: Tensor<B, 4>,
    x: Tensor<B, 4>,
    gamma: Tensor<B, 1>,
    beta: Tensor<B, 1>,
) -> Tensor<B, 4> {
    specialised!(instance_norm_onto(&skip, &x, &gamma, &beta));
    skip + composed::instance_norm(x, gamma, beta, false)
}

/// One update of Adam: `[value, gradient, first mean, second mean]`, all `[n]`, to the new value
/// and means, and a `[1]` that is finite if all of them are and `finite` is, which is given away.
pub(crate) fn adam<B: Backend>(
    tensors: [Tensor<B, 1>; 4],
    finite: Option<Tensor<B, 1>>,
    step: AdamStep,
) -> [Tensor<B, 1>; 4] {
    kernels::adam(tensors, finite, step)
        .unwrap_or_else(|(tensors, finite)| composed::adam(tensors, finite, step))
}

/// LeakyReLU of `x` `[N, C, H, W]`: `negative_slope` times it where it is not above 0.
pub(crate) fn leaky_relu<B: Backend>(x: Tensor<B, 4>, negative_slope: f64) -> Tensor<B, 4> {
    specialised!(leaky_relu(&x, negative_slope));
    composed::leaky_relu(x, negative_slope)
}

/// The gradient before LeakyReLU, given that of its output `y`, which has its input's sign and is a
/// constant: `gradient` where `y` is above 0, `negative_slope` times it elsewhere.
pub(crate) fn leaky_relu_gradient<B: Backend>(
    gradient: Tensor<B, 4>,
    y: Tensor<B, 4>,
    negative_slope: f64,
) -> Tensor<B, 4> {
    specialised!(leaky_relu_gradient(&gradient, &y, negative_slope));
    composed::leaky_relu_gradient(gradient, y, negative_slope)
}

/// The mean of a few values, as one dimension: a GPU reduces one per launch, which for more values
/// is better than all by one processor.
pub(crate) fn mean_of_few<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, 1> {
    x.flatten::<1>(0, D - 1).mean()
}

/// `log(sigmoid(x))`.
pub(crate) fn log_sigmoid<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    specialised!(log_sigmoid(&x));
    // The larger exponent of 1 + exp(-x) is taken out, so that neither overflows.
    let largest = activation::relu(x.clone().detach().neg());
    let sum = largest.clone().neg().exp() + (x.neg() - largest.clone()).exp();
    (log(sum) + largest).neg()
}

/// `log(softmax(x))` of every row of `x` `[N, W]`.
pub(crate) fn log_softmax<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    let x = x.clone() - x.detach().max_dim(1);
    x.clone() - log(x.exp().sum_dim(1))
}

/// The natural logarithm, one of Newton's steps from burn's, `l`, held constant: `l + x e^-l - 1`,
/// whose gradient is `e^-l`. That of burn's own logarithm is a reciprocal, which on NdArray is a
/// hardware estimate, good to 11 bits on most processors; GPUs divide.
fn log<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    if launches::<B>() {
        return x.log();
    }
    let log = x.clone().detach().log();
    let inverse = log.clone().neg().exp();
    log + (x * inverse - 1.0)
}

/// The operations in burn's own terms.
pub(crate) mod composed {
    use burn::tensor::backend::Backend;
    use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
    use burn::tensor::{DType, Tensor, activation, module};

    use crate::nn::architecture::NORM_EPSILON;
    use stargan_kernels::adam_step::AdamStep;

    pub fn conv2d<B: Backend>(
        x: Tensor<B, 4>,
        weight: Tensor<B, 4>,
        bias: Option<Tensor<B, 1>>,
        stride: usize,
        padding: usize,
    ) -> Tensor<B, 4> {
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
        module::conv2d(x, weight, bias, options)
    }

    pub fn conv2d_leaky_relu<B: Backend>(
        x: Tensor<B, 4>,
        weight: Tensor<B, 4>,
        bias: Tensor<B, 1>,
        [stride, padding]: [usize; 2],
        negative_slope: f64,
    ) -> Tensor<B, 4> {
        let bias = bias.cast(x.dtype());
        let y = conv2d(x, weight, Some(bias), stride, padding);
        activation::leaky_relu(y, negative_slope)
    }

    pub fn conv2d_relu<B: Backend>(
        x: Tensor<B, 4>,
        weight: Tensor<B, 4>,
        bias: Tensor<B, 1>,
        stride: usize,
        padding: [usize; 2],
    ) -> Tensor<B, 4> {
        let options = ConvOptions::new([stride; 2], padding, [1, 1], 1);
        activation::relu(module::conv2d(x, weight, Some(bias), options))
    }

    pub fn conv_transpose2d<B: Backend>(
        x: Tensor<B, 4>,
        weight: Tensor<B, 4>,
        stride: usize,
        padding: usize,
    ) -> Tensor<B, 4> {
        let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0, 0], [1, 1], 1);
        module::conv_transpose2d(x, weight, None, options)
    }

    pub fn mean_pool<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
        module::avg_pool2d(x, [2, 2], [2, 2], [0, 0], true, false)
    }

    pub fn nearest_up<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
        let [n, c, h, w] = x.dims();
        let enlarged = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]);
        enlarged.reshape([n, c, 2 * h, 2 * w])
    }

    pub fn leaky_relu<B: Backend>(x: Tensor<B, 4>, negative_slope: f64) -> Tensor<B, 4> {
        activation::leaky_relu(x, negative_slope)
    }

    pub fn instance_norm<B: Backend>(
        x: Tensor<B, 4>,
        gamma: Tensor<B, 1>,
        beta: Tensor<B, 1>,
        relu: bool,
    ) -> Tensor<B, 4> {
        let [n, c, h, w] = x.dims();
        // Squares beyond 65504 are infinite in float16, and epsilon is below its normal numbers,
        // which a device may flush to 0, so that a constant plane would come out as NaN.
        let dtype = x.dtype();
        let wide = if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype };
        let [gamma, beta] = [gamma, beta].map(|affine| affine.cast(wide));
        let x = x.cast(wide).reshape([n, c, h * w]);
        let centred = x.clone() - x.mean_dim(2);
        let variance = centred.clone().square().mean_dim(2);
        let deviation = (variance + NORM_EPSILON).sqrt();
        // Not `recip`: NdArray's is a hardware estimate, off by up to 4e-4 and differently from
        // processor to processor, enough to flip ReLUs further on.
        let scale = deviation.ones_like() / deviation * gamma.reshape([1, c, 1]);
        let y = (centred * scale + beta.reshape([1, c, 1])).reshape([n, c, h, w]).cast(dtype);
        if relu { activation::relu(y) } else { y }
    }

    pub fn adam<B: Backend>(
        [value, gradient, first, second]: [Tensor<B, 1>; 4],
        finite: Option<Tensor<B, 1>>,
        AdamStep { decays: [beta1, beta2], root, epsilon, rate }: AdamStep,
    ) -> [Tensor<B, 1>; 4] {
        let first = first * beta1 + gradient.clone() * (1.0 - beta1);
        let second = second * beta2 + gradient.square() * (1.0 - beta2);
        let denominator = second.clone().sqrt() / root + epsilon;
        let value = value - first.clone() / denominator * rate;
        // Not a test for NaN, which GPU compilers may take for granted.
        let now = (value.clone().abs() + second.clone()).sum();
        let finite = match finite {
            Some(before) => before + now,
            None => now,
        };
        [value, first, second, finite]
    }

    pub fn leaky_relu_gradient<B: Backend>(
        gradient: Tensor<B, 4>,
        y: Tensor<B, 4>,
        negative_slope: f64,
    ) -> Tensor<B, 4> {
        gradient * y.ones_like().mask_fill(y.lower_equal_elem(0.0), negative_slope)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use burn::tensor::backend::AutodiffBackend;

    use super::*;
    use crate::tests::{backend_name, on_every_backend, relative_error};

    on_every_backend!(logarithms_have_the_gradients_of_their_equations);

    /// Of the largest value: a few roundings of float32, as many as a GPU's exponential may take.
    /// An estimated reciprocal is off by 6e-5 or more.
    const TOLERANCE: f64 = 1e-5;

    /// Enough rows for vector instructions.
    const ROWS: usize = 64;

    fn logarithms_have_the_gradients_of_their_equations<B: AutodiffBackend>() {
        let logits: Vec<[f64; 2]> =
            (0..ROWS).map(|i| [i as f64 * 0.3 - 9.0, 4.0 - i as f64 * 0.11]).collect();
        let x = || {
            let values = logits.iter().flatten().map(|&value| value as f32).collect();
            let data = TensorData::new::<f32, _>(values, [ROWS, 2]);
            Tensor::<B, 2>::from_data(data, &Default::default()).require_grad()
        };
        // By row, the value of the first column and how it moves with that column's logit.
        let sigmoid = |x: f64| (1.0 + (-x).exp()).recip();
        let margin = |row: &[f64; 2]| row[0] - row[1];
        check(x(), log_sigmoid, |row| (sigmoid(row[0]).ln(), sigmoid(-row[0])), &logits);
        check(x(), log_softmax, |row| (sigmoid(margin(row)).ln(), sigmoid(-margin(row))), &logits);
    }

    fn check<B: AutodiffBackend>(
        x: Tensor<B, 2>,
        function: fn(Tensor<B, 2>) -> Tensor<B, 2>,
        expected: impl Fn(&[f64; 2]) -> (f64, f64),
        logits: &[[f64; 2]],
    ) {
        let first = function(x.clone()).slice([0..ROWS, 0..1]);
        let gradient = x.grad(&first.clone().sum().backward()).unwrap();
        let (values, slopes): (Vec<f64>, Vec<f64>) = logits.iter().map(expected).unzip();
        let gradient = gradient.slice([0..ROWS, 0..1]).into_data();
        for (found, expected) in [(first.into_data(), values), (gradient, slopes)] {
            let error = relative_error(&found, &TensorData::new(expected, [ROWS, 1]));
            println!("{}: {error:.1e}", backend_name::<B>());
            assert!(error <= TOLERANCE, "{error:e}");
        }
    }
}
