//! The layers both networks are built from, initialised as PyTorch's are. Each computes in the type
//! of float of its input, whatever that of its weights.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use rand::Rng;

use crate::nn::architecture::{ConvolutionSize, NEGATIVE_SLOPE, Operation, Window};
use crate::nn::spectral::Spectral;
use crate::nn::upsampling::Upsampling;
use crate::nn::{flat, ops};

/// `shape`-many values, uniform in `[-1/sqrt(fan_in), 1/sqrt(fan_in))`: the default of PyTorch's
/// layers.
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

/// A zero-padded convolution without bias.
#[derive(Module, Debug)]
pub(crate) struct Convolution<B: Backend> {
    pub weight: Param<Tensor<B, 4>>,
    pub spectral: Option<Spectral<B>>,
    pub stride: usize,
    pub padding: usize,
}

/// The value of `weight`, normalised where it has a spectral norm, in the type that is computed in.
fn effective<B: Backend>(
    weight: &Param<Tensor<B, 4>>,
    spectral: Option<&Spectral<B>>,
    dtype: DType,
) -> Tensor<B, 4> {
    let weight = match spectral {
        Some(spectral) => spectral.normalise(weight.val()),
        None => weight.val(),
    };
    flat::cast(weight, dtype)
}

impl<B: Backend> Convolution<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    ///
    /// # Panics
    /// When that is a layer of another kind.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let Some(&Operation::Convolution(ConvolutionSize { inputs, outputs, window })) =
            layers.next()
        else {
            panic!("the table has no convolution here");
        };
        let Window { kernel: [height, width], stride, padding } = window;
        let fan_in = inputs * window.taps();
        Self {
            weight: uniform([outputs, inputs, height, width], fan_in, rng, device),
            spectral: None,
            stride,
            padding,
        }
    }

    /// The weight that convolves tensors of type `dtype`.
    pub fn weight(&self, dtype: DType) -> Tensor<B, 4> {
        effective(&self.weight, self.spectral.as_ref(), dtype)
    }

    /// `[N, I, H, W]` to `[N, O, H / stride, W / stride]`.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = self.weight(x.dtype());
        ops::conv2d(x, weight, self.stride, self.padding)
    }

    /// [`forward`](Self::forward) of `images` `[N, C, H, W]` with a constant plane for every entry
    /// of `condition` `[N, L]` as further channels, at stride 1.
    ///
    /// # Panics
    /// When `C + L` is not the number of input channels.
    // On a CPU the planes are not made: what a kernel sees of them depends only on which of its
    // rows and columns lie inside the image, so their part is two small matrix products.
    pub fn forward_conditioned(
        &self,
        images: Tensor<B, 4>,
        condition: Tensor<B, 2>,
    ) -> Tensor<B, 4> {
        let ([n, c, h, w], [_, l]) = (images.dims(), condition.dims());
        let weight = self.weight(images.dtype());
        let [o, inputs, k, _] = weight.dims();
        assert_eq!(c + l, inputs, "image channels and condition entries of another network");
        debug_assert_eq!(self.stride, 1);
        if ops::launches::<B>() {
            let planes = condition.reshape([n, l, 1, 1]).expand([n, l, h, w]);
            let with_planes = Tensor::cat(vec![images, planes], 1);
            return ops::conv2d(with_planes, weight, self.stride, self.padding);
        }
        let of_images = weight.clone().slice([0..o, 0..c]);
        let of_planes = weight.slice([0..o, c..c + l]);
        // All planes of an image together are one plane of ones under this kernel.
        let kernels = condition.matmul(of_planes.swap_dims(0, 1).reshape([l, o * k * k]));
        let (device, dtype) = (images.device(), images.dtype());
        let inside = |side| inside::<B>(side, k, self.padding, (&device, dtype));
        let columns = inside(w);
        let rows = if h == w { columns.clone() } else { inside(h) }.unsqueeze::<3>();
        let by_column = kernels.reshape([n * o * k, k]).matmul(columns.transpose());
        let planes = rows.matmul(by_column.reshape([n * o, k, w])).reshape([n, o, h, w]);
        ops::conv2d(images, of_images, self.stride, self.padding) + planes
    }

    /// The input gradient, given the output's.
    pub fn input_gradient(&self, output_gradient: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = self.weight(output_gradient.dtype());
        ops::conv_transpose2d(output_gradient, weight, self.stride, self.padding)
    }
}

/// `[side, kernel]`: 1 where the tap of a padded kernel at a position lies inside an image of that
/// side, and 0 where it lies in the padding.
fn inside<B: Backend>(
    side: usize,
    kernel: usize,
    padding: usize,
    (device, dtype): (&B::Device, DType),
) -> Tensor<B, 2> {
    let taps = (0..side)
        .flat_map(|at| (at..at + kernel).map(|tap| tap >= padding && tap < side + padding));
    let taps: Vec<f32> = taps.map(f32::from).collect();
    Tensor::from_data(TensorData::new(taps, [side, kernel]), (device, dtype))
}

/// A 4x4 convolution with bias that halves the size, then LeakyReLU.
#[derive(Module, Debug)]
pub(crate) struct LeakyConvolution<B: Backend> {
    pub weight: Param<Tensor<B, 4>>,
    pub spectral: Option<Spectral<B>>,
    pub bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> LeakyConvolution<B> {
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
        assert_eq!(window, Window::HALF);
        let [height, width] = window.kernel;
        let fan_in = inputs * window.taps();
        Self {
            weight: uniform([outputs, inputs, height, width], fan_in, rng, device),
            spectral: None,
            bias: uniform([outputs], fan_in, rng, device),
        }
    }

    /// The weight that convolves tensors of type `dtype`.
    fn weight(&self, dtype: DType) -> Tensor<B, 4> {
        effective(&self.weight, self.spectral.as_ref(), dtype)
    }

    /// `[N, I, 2 H, 2 W]` to `[N, O, H, W]`.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let Window { stride, padding, .. } = Window::HALF;
        let (weight, bias) = (self.weight(x.dtype()), self.bias.val());
        ops::conv2d_leaky_relu(x, weight, bias, [stride, padding], NEGATIVE_SLOPE)
    }

    /// The input gradient, given that of the output `y`, of whose values only the sign counts.
    pub fn input_gradient(&self, gradient: Tensor<B, 4>, y: Tensor<B, 4>) -> Tensor<B, 4> {
        let Window { stride, padding, .. } = Window::HALF;
        let before = ops::leaky_relu_gradient(gradient, y, NEGATIVE_SLOPE);
        let weight = self.weight(before.dtype());
        ops::conv_transpose2d(before, weight, stride, padding)
    }
}

/// A convolution that doubles the size: a transposed 4x4 one with a weight `[I, O, 4, 4]`, or a 3x3
/// one of the enlarged input with a weight `[O, I, 3, 3]`.
#[derive(Module, Debug)]
pub(crate) struct Doubling<B: Backend> {
    pub weight: Param<Tensor<B, 4>>,
    #[module(skip)]
    upsampling: Upsampling,
}

impl<B: Backend> Doubling<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    ///
    /// # Panics
    /// When that is a layer of another kind.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let (upsampling, size) = match layers.next() {
            Some(Operation::TransposedConvolution(size)) => (Upsampling::Transposed, size),
            Some(Operation::ResizeConvolution(size)) => (Upsampling::Resize, size),
            _ => panic!("the table has no convolution that doubles the size here"),
        };
        let &ConvolutionSize { inputs, outputs, window } = size;
        let (expected, [first, second]) = match upsampling {
            Upsampling::Transposed => (Window::HALF, [inputs, outputs]),
            Upsampling::Resize => (Window::SAME, [outputs, inputs]),
        };
        assert_eq!(window, expected);
        let [height, width] = window.kernel;
        // PyTorch takes the second side of a weight for that of its inputs, which that of a
        // transposed convolution is not.
        let fan_in = second * window.taps();
        Self { weight: uniform([first, second, height, width], fan_in, rng, device), upsampling }
    }

    /// `[N, I, H, W]` to `[N, O, 2 H, 2 W]`.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = match self.upsampling {
            Upsampling::Transposed => self.weight.val(),
            Upsampling::Resize => ops::resize_kernel(self.weight.val()),
        };
        let weight = flat::cast(weight, x.dtype());
        ops::conv_transpose2d(x, weight, Window::HALF.stride, Window::HALF.padding)
    }
}

/// Instance norm with affine parameters and no running statistics, and the ReLU after it.
#[derive(Module, Debug)]
pub(crate) struct InstanceNorm<B: Backend> {
    pub weight: Param<Tensor<B, 1>>,
    pub bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> InstanceNorm<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    ///
    /// # Panics
    /// When that is a layer of another kind.
    pub fn init<'a>(layers: &mut impl Iterator<Item = &'a Operation>, device: &B::Device) -> Self {
        let Some(&Operation::InstanceNorm { channels }) = layers.next() else {
            panic!("the table has no instance norm here");
        };
        Self {
            weight: Param::from_tensor(Tensor::ones([channels], device)),
            bias: Param::from_tensor(Tensor::zeros([channels], device)),
        }
    }

    /// The norm of `x`, without ReLU.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::instance_norm(x, self.weight.val(), self.bias.val(), false)
    }

    /// `skip` plus the norm of `x`.
    pub fn forward_onto(&self, skip: Tensor<B, 4>, x: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::instance_norm_onto(skip, x, self.weight.val(), self.bias.val())
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
    /// Fresh parameters of the sizes that the next two of `layers` have.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        Self {
            conv: Convolution::init(layers, rng, device),
            norm: InstanceNorm::init(layers, device),
        }
    }

    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        self.norm.forward_relu(self.conv.forward(x))
    }

    /// [`forward`](Self::forward) with the condition as further channels, see
    /// [`Convolution::forward_conditioned`].
    pub fn forward_conditioned(
        &self,
        images: Tensor<B, 4>,
        condition: Tensor<B, 2>,
    ) -> Tensor<B, 4> {
        self.norm.forward_relu(self.conv.forward_conditioned(images, condition))
    }
}

/// A convolution that doubles the size, instance norm, ReLU.
#[derive(Module, Debug)]
pub(crate) struct UpNorm<B: Backend> {
    pub conv: Doubling<B>,
    pub norm: InstanceNorm<B>,
}

impl<B: Backend> UpNorm<B> {
    /// Fresh parameters of the sizes that the next two of `layers` have.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        Self { conv: Doubling::init(layers, rng, device), norm: InstanceNorm::init(layers, device) }
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
    /// All blocks of the next of `layers`, with fresh parameters.
    ///
    /// # Panics
    /// When that is a layer of another kind.
    pub fn init_all<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Vec<Self> {
        let Some(Operation::Residual { times, layers }) = layers.next() else {
            panic!("the table has no residual blocks here");
        };
        let mut block = || {
            let layers = &mut layers.with_parameters();
            Self {
                first: ConvNorm::init(layers, rng, device),
                second: ConvNorm::init(layers, rng, device),
            }
        };
        (0..*times).map(|_| block()).collect()
    }

    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let inner = self.first.forward(x.clone());
        self.second.norm.forward_onto(x, self.second.conv.forward(inner))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::backend::AutodiffBackend;

    use super::*;
    use crate::random::{Purpose, stream};
    use crate::tests::{on_every_backend, relative_error};

    /// Sums of a few hundred terms in another order.
    const TOLERANCE: f64 = 1e-5;

    on_every_backend!(a_condition_is_constant_planes);

    fn a_condition_is_constant_planes<B: AutodiffBackend>() {
        let device = Default::default();
        let mut rng = stream(0, Purpose::Generator, 0, 0);
        let size = ConvolutionSize::new(3 + 2, 4, Window::WIDE);
        let layer = Operation::Convolution(size);
        let conv = Convolution::<B>::init(&mut [&layer].into_iter(), &mut rng, &device);
        let mut values = |shape: [usize; 4]| {
            let count = shape.iter().product();
            let values = (0..count).map(|_| rng.random::<f32>() - 0.5).collect();
            Tensor::<B, 4>::from_data(TensorData::new::<f32, _>(values, shape), &device)
        };
        // One side is shorter than the kernel.
        let (images, gradient) = (values([2, 3, 5, 9]), values([2, 4, 5, 9]));
        let condition = Tensor::<B, 2>::from_data([[1.0, 0.0], [0.3, -2.0]], &device);
        let planes = condition.clone().reshape([2, 2, 1, 1]).expand([2, 2, 5, 9]);

        let run = |forward: &dyn Fn(Tensor<B, 4>) -> Tensor<B, 4>| {
            let images = images.clone().require_grad();
            let output = forward(images.clone());
            let gradients = (output.clone() * gradient.clone()).sum().backward();
            let of_weight = conv.weight.val().grad(&gradients).unwrap();
            [
                output.into_data(),
                images.grad(&gradients).unwrap().into_data(),
                of_weight.into_data(),
            ]
        };
        let expected = run(&|images| conv.forward(Tensor::cat(vec![images, planes.clone()], 1)));
        let found = run(&|images| conv.forward_conditioned(images, condition.clone()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!(relative_error(found, expected) < TOLERANCE);
        }
    }
}
