//! The operations on tensors of a host backend.

use std::marker::PhantomData;

use burn::tensor::DType;

use crate::nn::kernels::adam_step::AdamStep;
use crate::nn::kernels::cpu::adam;
use crate::nn::kernels::cpu::conv;
use crate::nn::kernels::cpu::epilogue::Epilogue;
use crate::nn::kernels::cpu::host::{Host, dims, tensor};
use crate::nn::kernels::cpu::leaky;
use crate::nn::kernels::cpu::norm::{self, Affine, Statistics};
use crate::nn::kernels::cpu::resize;
use crate::nn::kernels::cpu::windowed;
use crate::nn::kernels::geometry::Geometry;
use crate::nn::kernels::operations::{Operation, Operations, Then};
use crate::nn::kernels::primitive::Primitive;
use crate::nn::kernels::windowed::Windowed;

/// The path of a host backend.
#[derive(Clone, Debug)]
pub(in crate::nn::kernels) struct Cpu<B>(PhantomData<B>);

impl<B: Host> Operations for Cpu<B> {
    type Backend = B;
    type Statistics = Vec<Statistics>;

    fn launches() -> bool {
        false
    }

    const WIDENS: bool = true;

    fn takes(operation: Operation, inputs: &[DType]) -> bool {
        inputs.iter().all(|&of| of == DType::F32) && operation != Operation::LogSigmoid
    }

    fn prepare(tensor: Primitive<B>) -> Primitive<B> {
        B::contiguous(tensor)
    }

    fn convolve(geometry: &Geometry, large: Primitive<B>, weight: Primitive<B>) -> Primitive<B> {
        let [large, weight] = [large, weight].map(B::contiguous);
        let (large, weight) = (B::slice(&large), B::slice(&weight));
        let small = conv::convolve(geometry, large, weight, Epilogue::default());
        tensor::<B, 4>(small, geometry.small_shape())
    }

    fn convolve_leaky(
        geometry: &Geometry,
        large: Primitive<B>,
        weight: Primitive<B>,
        bias: Primitive<B>,
        slope: f32,
    ) -> Primitive<B> {
        let [large, weight, bias] = [large, weight, bias].map(B::contiguous);
        let epilogue = Epilogue { bias: Some(B::slice(&bias)), negative_slope: Some(slope) };
        let small = conv::convolve(geometry, B::slice(&large), B::slice(&weight), epilogue);
        tensor::<B, 4>(small, geometry.small_shape())
    }

    fn convolve_windowed(
        of: &Windowed,
        x: Primitive<B>,
        weight: Primitive<B>,
        bias: Primitive<B>,
    ) -> Option<Primitive<B>> {
        let [x, weight, bias] = [x, weight, bias].map(B::contiguous);
        let epilogue = Epilogue { bias: Some(B::slice(&bias)), negative_slope: Some(0.0) };
        let y = windowed::convolve(of, B::slice(&x), B::slice(&weight), epilogue);
        Some(tensor::<B, 4>(y, of.small_shape()))
    }

    fn convolve_transposed(
        geometry: &Geometry,
        small: Primitive<B>,
        weight: Primitive<B>,
    ) -> Primitive<B> {
        let [small, weight] = [small, weight].map(B::contiguous);
        let large = conv::convolve_transposed(geometry, B::slice(&small), B::slice(&weight));
        tensor::<B, 4>(large, geometry.large_shape())
    }

    fn weight_gradient(
        geometry: &Geometry,
        small: Primitive<B>,
        large: Primitive<B>,
    ) -> Primitive<B> {
        let [small, large] = [small, large].map(B::contiguous);
        let gradient = conv::weight_gradient(geometry, B::slice(&small), B::slice(&large));
        tensor::<B, 4>(gradient, geometry.weight_shape())
    }

    fn leaky_gradient(gradient: Primitive<B>, y: Primitive<B>, slope: f32) -> Primitive<B> {
        let [gradient, y] = [gradient, y].map(B::contiguous);
        let before = leaky::leaky_gradient(B::slice(&gradient), B::slice(&y), slope);
        tensor::<B, 4>(before, dims(&y))
    }

    fn enlarge(x: Primitive<B>, factor: f32) -> Primitive<B> {
        let x = B::contiguous(x);
        let [n, c, h, w] = dims(&x);
        tensor::<B, 4>(resize::enlarge(B::slice(&x), [h, w], factor), [n, c, 2 * h, 2 * w])
    }

    fn reduce(x: Primitive<B>, factor: f32) -> Primitive<B> {
        let x = B::contiguous(x);
        let [n, c, h, w] = dims(&x);
        tensor::<B, 4>(resize::reduce(B::slice(&x), [h, w], factor), [n, c, h / 2, w / 2])
    }

    fn channel_sums(values: Primitive<B>) -> Primitive<B> {
        let values = B::contiguous(values);
        let [_, channels, height, width] = dims(&values);
        let sums = leaky::channel_sums(B::slice(&values), channels, height * width);
        tensor::<B, 1>(sums, [channels])
    }

    fn normalise(
        inputs: [Primitive<B>; 3],
        then: Then<Primitive<B>>,
    ) -> (Primitive<B>, Vec<Statistics>) {
        let [x, gamma, beta] = inputs.map(B::contiguous);
        let shape: [usize; 4] = dims(&x);
        let relu = matches!(then, Then::Relu);
        let affine = Affine { gamma: B::slice(&gamma), beta: B::slice(&beta), relu };
        let (y, statistics) = norm::normalise(B::slice(&x), shape[2] * shape[3], affine);
        let y = tensor::<B, 4>(y, shape);
        let y = if let Then::Add(skip) = then { B::float_add(skip, y) } else { y };
        (y, statistics)
    }

    fn normalise_gradients(
        gradient: Primitive<B>,
        inputs: [Primitive<B>; 3],
        statistics: Vec<Statistics>,
        relu: bool,
    ) -> [Primitive<B>; 3] {
        let [x, gamma, beta] = inputs.map(B::contiguous);
        let gradient = B::contiguous(gradient);
        let shape: [usize; 4] = dims(&x);
        let affine = Affine { gamma: B::slice(&gamma), beta: B::slice(&beta), relu };
        let (area, gradient) = (shape[2] * shape[3], B::slice(&gradient));
        let [dx, dgamma, dbeta] =
            norm::normalise_backward(B::slice(&x), area, affine, &statistics, gradient);
        let [dgamma, dbeta] = [dgamma, dbeta].map(|sums| tensor::<B, 1>(sums, [shape[1]]));
        [tensor::<B, 4>(dx, shape), dgamma, dbeta]
    }

    /// The means' memory is used again where nobody else holds it.
    fn adam(
        tensors: [Primitive<B>; 4],
        finite: Option<Primitive<B>>,
        step: AdamStep,
    ) -> [Primitive<B>; 4] {
        let [value, gradient, mut first, mut second] = tensors.map(B::contiguous);
        let shape: [usize; 1] = dims(&value);
        let means = [B::slice_mut(&mut first), B::slice_mut(&mut second)];
        let (updated, all) = adam::update([B::slice(&value), B::slice(&gradient)], means, step);
        let now = tensor::<B, 1>(vec![if all { 0.0 } else { f32::NAN }], [1]);
        let finite = match finite {
            Some(before) => B::float_add(before, now),
            None => now,
        };
        [tensor::<B, 1>(updated, shape), first, second, finite]
    }
}
