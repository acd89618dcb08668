//! The operations on tensors of a GPU backend.

use std::marker::PhantomData;

use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Tensor, TensorMetadata};

use crate::nn::kernels::adam_step::AdamStep;
use crate::nn::kernels::geometry::Geometry;
use crate::nn::kernels::gpu::activation::{Leaky, LeakyGradient};
use crate::nn::kernels::gpu::adam::Adam;
use crate::nn::kernels::gpu::conv::{self, MOST_VALUES};
use crate::nn::kernels::gpu::kernel::Launch;
use crate::nn::kernels::gpu::norm::{Normalise, NormaliseGradients};
use crate::nn::kernels::gpu::sigmoid::{LogSigmoid, LogSigmoidGradient};
use crate::nn::kernels::gpu::sums::ChannelSums;
use crate::nn::kernels::gpu::switches::Switch;
use crate::nn::kernels::operations::{
    Operation, Operations, Then, convolve_gradients_apart, convolve_transposed_gradients_apart,
};
use crate::nn::kernels::primitive::{Primitive, primitive, tensor};

/// The path of a GPU backend. With tensor cores, burn has convolutions that use them; without, it
/// has naive ones, and ours are matrix products.
#[derive(Clone, Debug)]
pub(in crate::nn::kernels) struct Gpu<B>(PhantomData<B>);

impl<B: Launch> Gpu<B> {
    /// Whether convolutions are matrix products of ours. With tensor cores, burn's are faster, but
    /// for an image out of many channels, for which they do the work of 64 channels or more, and
    /// for few outputs, which they compute on as few processors.
    fn multiplies(geometry: &Geometry) -> bool {
        let products = !B::has_tensor_cores()
            || conv::few_small_channels(geometry)
            || conv::few_outputs(geometry);
        products && Switch::MatmulConvolution.is_on()
    }

    /// Whether transposed convolutions are. Those of stride 1 are convolutions, which burn has
    /// tensor cores for.
    fn multiplies_transposed(geometry: &Geometry) -> bool {
        let products = Self::multiplies(geometry) || geometry.stride > 1;
        products && Switch::MatmulConvolution.is_on()
    }

    /// burn's convolution.
    pub fn convolve_by_burn(
        geometry: &Geometry,
        large: Primitive<B>,
        weight: Primitive<B>,
    ) -> Primitive<B> {
        B::conv2d(large, weight, None, options(geometry))
    }

    /// burn's, of stride 1 a convolution and otherwise an input gradient.
    pub fn convolve_transposed_by_burn(
        geometry: &Geometry,
        small: Primitive<B>,
        weight: Primitive<B>,
    ) -> Primitive<B> {
        if geometry.stride == 1 {
            // Padded by as much as a convolution, since it is one: by the taps the other way round.
            let taps = tensor::<B, 4>(weight).permute([1, 2, 3, 0]).flip([1, 2]);
            let weight = primitive(&taps.permute([0, 3, 1, 2]));
            return B::conv2d(small, weight, None, options(geometry));
        }
        // Of an input gradient, the input's shape counts.
        let one = Tensor::<B, 4>::empty([1; 4], (&B::float_device(&small), small.dtype()));
        let large = primitive(&one.expand(geometry.large_shape()));
        B::conv2d_x_backward(large, weight, small, options(geometry))
    }
}

impl<B: Launch> Operations for Gpu<B> {
    type Backend = B;
    type Statistics = Primitive<B>;

    fn launches() -> bool {
        Switch::FewLaunches.is_on()
    }

    const WIDENS: bool = false;

    /// Images, weights and gradients may be 16-bit floats, all of them alike; what has one number
    /// per channel is float32, and so are losses and Adam.
    fn takes(operation: Operation, inputs: &[DType]) -> bool {
        let known = matches!(inputs[0], DType::F32 | DType::F16 | DType::BF16);
        let (first, float32) = (|&of| of == inputs[0], |&of| of == DType::F32);
        known
            && match operation {
                Operation::Convolution => inputs.iter().all(first),
                Operation::Norm => {
                    let (affine, skip) = inputs[1..].split_at(2);
                    affine.iter().all(float32) && skip.iter().all(first) && Switch::Norm.is_on()
                }
                Operation::Leaky => {
                    let (other, bias) = inputs[1..].split_at(inputs.len().min(2) - 1);
                    other.iter().all(first)
                        && bias.iter().all(float32)
                        && Switch::Activation.is_on()
                }
                Operation::Resize => false,
                Operation::LogSigmoid => inputs.iter().all(float32) && Switch::Activation.is_on(),
                Operation::Adam => inputs.iter().all(float32) && Switch::Adam.is_on(),
            }
    }

    fn prepare(tensor: Primitive<B>) -> Primitive<B> {
        tensor
    }

    fn convolve(geometry: &Geometry, large: Primitive<B>, weight: Primitive<B>) -> Primitive<B> {
        if !Self::multiplies(geometry) {
            return Self::convolve_by_burn(geometry, large, weight);
        }
        primitive(&conv::convolve::<B>(geometry, MOST_VALUES, tensor(large), tensor(weight)))
    }

    fn convolve_leaky(
        geometry: &Geometry,
        large: Primitive<B>,
        weight: Primitive<B>,
        bias: Primitive<B>,
        slope: f32,
    ) -> Primitive<B> {
        let before = Self::convolve(geometry, large, weight);
        B::run(Leaky { slope }, vec![before, bias]).remove(0)
    }

    fn convolve_transposed(
        geometry: &Geometry,
        small: Primitive<B>,
        weight: Primitive<B>,
    ) -> Primitive<B> {
        if !Self::multiplies_transposed(geometry) {
            return Self::convolve_transposed_by_burn(geometry, small, weight);
        }
        primitive(&conv::convolve_transposed::<B>(
            geometry,
            MOST_VALUES,
            tensor(small),
            tensor(weight),
        ))
    }

    fn weight_gradient(
        geometry: &Geometry,
        small: Primitive<B>,
        large: Primitive<B>,
    ) -> Primitive<B> {
        if !Switch::WeightGradient.is_on() {
            let device = B::float_device(&small);
            let of_type = (&device, small.dtype());
            let weight = Tensor::<B, 4>::empty(geometry.weight_shape(), of_type);
            return B::conv2d_weight_backward(large, primitive(&weight), small, options(geometry));
        }
        primitive(&conv::weight_gradient::<B>(geometry, MOST_VALUES, tensor(small), tensor(large)))
    }

    fn convolve_gradients(
        geometry: &Geometry,
        small: Primitive<B>,
        large: Primitive<B>,
        weight: Primitive<B>,
    ) -> [Primitive<B>; 2] {
        if Self::multiplies_transposed(geometry) && Switch::WeightGradient.is_on() {
            let [small, large, weight] = [small, large, weight].map(tensor);
            let gradients =
                conv::convolve_gradients::<B>(geometry, MOST_VALUES, small, large, weight);
            return gradients.map(|gradient| primitive(&gradient));
        }
        convolve_gradients_apart::<Self>(geometry, small, large, weight)
    }

    fn convolve_transposed_gradients(
        geometry: &Geometry,
        small: Primitive<B>,
        large: Primitive<B>,
        weight: Primitive<B>,
    ) -> [Primitive<B>; 2] {
        if Self::multiplies(geometry) && Switch::WeightGradient.is_on() {
            let [small, large, weight] = [small, large, weight].map(tensor);
            let gradients = conv::convolve_transposed_gradients::<B>(
                geometry,
                MOST_VALUES,
                small,
                large,
                weight,
            );
            return gradients.map(|gradient| primitive(&gradient));
        }
        convolve_transposed_gradients_apart::<Self>(geometry, small, large, weight)
    }

    fn log_sigmoid(x: Primitive<B>) -> Primitive<B> {
        B::run(LogSigmoid, vec![x]).remove(0)
    }

    fn log_sigmoid_gradient(gradient: Primitive<B>, x: Primitive<B>) -> Primitive<B> {
        B::run(LogSigmoidGradient, vec![gradient, x]).remove(0)
    }

    fn leaky_gradient(gradient: Primitive<B>, y: Primitive<B>, slope: f32) -> Primitive<B> {
        B::run(LeakyGradient { slope }, vec![gradient, y]).remove(0)
    }

    fn channel_sums(values: Primitive<B>) -> Primitive<B> {
        B::run(ChannelSums, vec![values]).remove(0)
    }

    fn normalise(
        inputs: [Primitive<B>; 3],
        then: Then<Primitive<B>>,
    ) -> (Primitive<B>, Primitive<B>) {
        let mut inputs = Vec::from(inputs);
        let then = match then {
            Then::Nothing => Then::Nothing,
            Then::Relu => Then::Relu,
            Then::Add(skip) => {
                inputs.push(skip);
                Then::Add(())
            }
        };
        let [y, statistics] = outputs(B::run(Normalise { then }, inputs));
        (y, statistics)
    }

    fn normalise_gradients(
        gradient: Primitive<B>,
        [x, gamma, beta]: [Primitive<B>; 3],
        statistics: Primitive<B>,
        relu: bool,
    ) -> [Primitive<B>; 3] {
        let inputs = vec![gradient, x, gamma, beta, statistics];
        let [dx, sums] = outputs(B::run(NormaliseGradients { relu }, inputs));
        let sums: Tensor<B, 2> = tensor::<B, 3>(sums).sum_dim(1).squeeze_dim(1);
        let of = |index: usize| primitive(&sums.clone().narrow(0, index, 1).flatten::<1>(0, 1));
        [dx, of(0), of(1)]
    }

    fn adam(
        tensors: [Primitive<B>; 4],
        finite: Option<Primitive<B>>,
        step: AdamStep,
    ) -> [Primitive<B>; 4] {
        let device = B::float_device(&tensors[0]);
        let finite = finite.unwrap_or_else(|| primitive(&Tensor::<B, 1>::zeros([1], &device)));
        let inputs = tensors.into_iter().chain([finite]).collect();
        outputs(B::run(Adam(step), inputs))
    }
}

fn options(geometry: &Geometry) -> ConvOptions<2> {
    let &Geometry { stride, padding, .. } = geometry;
    ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1)
}

fn outputs<T, const N: usize>(outputs: Vec<T>) -> [T; N] {
    let outputs: Result<[T; N], Vec<T>> = outputs.try_into();
    outputs.unwrap_or_else(|outputs| panic!("a kernel of {} outputs", outputs.len()))
}
