//! The operations on plain tensors of a host backend.

use crate::nn::kernels::adam_step::AdamStep;
use crate::nn::kernels::cpu::conv;
use crate::nn::kernels::cpu::epilogue::Epilogue;
use crate::nn::kernels::cpu::geometry::Geometry;
use crate::nn::kernels::cpu::host::{Host, Primitive, dims, tensor};
use crate::nn::kernels::cpu::norm::{self, Affine};

pub(super) fn conv2d<B: Host>(inputs: [Primitive<B>; 2], geometry: Geometry) -> Primitive<B> {
    let [x, weight] = inputs.map(B::contiguous);
    let y = conv::convolve(&geometry, B::slice(&x), B::slice(&weight), Epilogue::default());
    tensor::<B, 4>(y, geometry.small_shape())
}

pub(super) fn conv2d_leaky_relu<B: Host>(
    inputs: [Primitive<B>; 3],
    (geometry, negative_slope): (Geometry, f32),
) -> Primitive<B> {
    let [x, weight, bias] = inputs.map(B::contiguous);
    let epilogue = Epilogue { bias: Some(B::slice(&bias)), negative_slope: Some(negative_slope) };
    let y = conv::convolve(&geometry, B::slice(&x), B::slice(&weight), epilogue);
    tensor::<B, 4>(y, geometry.small_shape())
}

pub(super) fn conv_transpose2d<B: Host>(
    inputs: [Primitive<B>; 2],
    geometry: Geometry,
) -> Primitive<B> {
    let [x, weight] = inputs.map(B::contiguous);
    let y = conv::convolve_transposed(&geometry, B::slice(&x), B::slice(&weight));
    tensor::<B, 4>(y, geometry.large_shape())
}

pub(super) fn instance_norm<B: Host>(inputs: [Primitive<B>; 3], relu: bool) -> Primitive<B> {
    let [x, gamma, beta] = inputs.map(B::contiguous);
    let shape: [usize; 4] = dims(&x);
    let affine = Affine { gamma: B::slice(&gamma), beta: B::slice(&beta), relu };
    let (y, _) = norm::normalise(B::slice(&x), shape[2] * shape[3], affine);
    tensor::<B, 4>(y, shape)
}

/// As [`ops::adam`](crate::nn::ops::adam); the means' memory is used again where nobody else holds
/// it.
pub(super) fn adam<B: Host>(tensors: [Primitive<B>; 4], step: AdamStep) -> [Primitive<B>; 4] {
    let [value, gradient, mut first, mut second] = tensors.map(B::contiguous);
    let shape: [usize; 1] = dims(&value);
    let means = [B::slice_mut(&mut first), B::slice_mut(&mut second)];
    let (updated, finite) =
        super::adam::update([B::slice(&value), B::slice(&gradient)], means, step);
    let finite = vec![if finite { 0.0 } else { f32::NAN }];
    [tensor::<B, 1>(updated, shape), first, second, tensor::<B, 1>(finite, [1])]
}
