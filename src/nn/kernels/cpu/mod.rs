//! Specialised paths for the backends whose tensors are host memory: Flex and NdArray.
//!
//! [`ops`](crate::nn::ops) asks here first. The backend is recognised at run time by its type, so
//! that the public API needs no trait beyond burn's `Backend`; every other backend takes burn's own
//! operations. Each operation exists once, on slices (`conv`, `norm`), is lifted to tensors in
//! `forward` and to the autodiff graph in `backward`.

mod adam;
mod backward;
mod conv;
mod epilogue;
mod forward;
mod geometry;
mod groups;
mod host;
mod leaky;
mod norm;
mod patches;
mod plane;
mod product;
mod winograd;

use std::any::{Any, TypeId};

use burn::backend::Autodiff;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorMetadata, TensorPrimitive};

use self::geometry::Geometry;
use self::host::Primitive;
use crate::nn::kernels::adam_step::AdamStep;

/// Reinterprets a value whose type is known to be `U`.
fn cast<T: 'static, U: 'static>(value: T) -> U {
    let value: Box<dyn Any> = Box::new(value);
    *value.downcast().expect("the caller compared the types")
}

/// Calls `forward::$operation` where `$backend` is a plain host backend and `backward::$operation`
/// where it is one under autodiff; `None` elsewhere.
macro_rules! on_host {
    ($backend:ident, $operation:ident, $inputs:expr, $options:expr) => {{
        let inputs: [Primitive<$backend>; _] = $inputs;
        if inputs.iter().any(|input| input.dtype() != DType::F32) {
            return None;
        }
        let backend = TypeId::of::<$backend>();
        #[cfg(feature = "flex")]
        on_host!(@host burn::backend::Flex, backend, $operation, inputs, $options);
        #[cfg(feature = "ndarray")]
        on_host!(@host burn::backend::NdArray, backend, $operation, inputs, $options);
        None
    }};
    (@host $host:ty, $backend:ident, $operation:ident, $inputs:ident, $options:expr) => {
        {
            if $backend == TypeId::of::<$host>() {
                let output = forward::$operation::<$host>(cast($inputs), $options);
                return Some(Tensor::from_primitive(TensorPrimitive::Float(cast(output))));
            }
            if $backend == TypeId::of::<Autodiff<$host>>() {
                let output = backward::$operation::<$host>(cast($inputs), $options);
                return Some(Tensor::from_primitive(TensorPrimitive::Float(cast(output))));
            }
        }
    };
}

fn primitive<B: Backend, const D: usize>(tensor: &Tensor<B, D>) -> Primitive<B> {
    tensor.clone().into_primitive().tensor()
}

/// [`ops::adam`](crate::nn::ops::adam); gives its tensors back where the backend is another one.
pub(crate) fn adam<B: Backend>(
    tensors: [Tensor<B, 1>; 4],
    step: AdamStep,
) -> Result<[Tensor<B, 1>; 4], [Tensor<B, 1>; 4]> {
    let backend = TypeId::of::<B>();
    if tensors.iter().any(|tensor| tensor.dtype() != DType::F32) {
        return Err(tensors);
    }
    #[cfg(feature = "flex")]
    if backend == TypeId::of::<burn::backend::Flex>() {
        return Ok(adam_on::<B, burn::backend::Flex>(tensors, step));
    }
    #[cfg(feature = "ndarray")]
    if backend == TypeId::of::<burn::backend::NdArray>() {
        return Ok(adam_on::<B, burn::backend::NdArray>(tensors, step));
    }
    Err(tensors)
}

/// [`adam`] where `B` is known to be `H`.
fn adam_on<B: Backend, H: host::Host>(
    tensors: [Tensor<B, 1>; 4],
    step: AdamStep,
) -> [Tensor<B, 1>; 4] {
    let tensors = tensors.map(|tensor| cast(tensor.into_primitive().tensor()));
    let updated = forward::adam::<H>(tensors, step);
    updated.map(|tensor| Tensor::from_primitive(TensorPrimitive::Float(cast(tensor))))
}

/// [`ops::conv2d`](crate::nn::ops::conv2d).
pub(crate) fn conv2d<B: Backend>(
    x: &Tensor<B, 4>,
    weight: &Tensor<B, 4>,
    stride: usize,
    padding: usize,
) -> Option<Tensor<B, 4>> {
    let geometry = Geometry::of_convolution(x.dims(), weight.dims(), stride, padding)?;
    on_host!(B, conv2d, [primitive(x), primitive(weight)], geometry)
}

/// [`ops::conv2d_leaky_relu`](crate::nn::ops::conv2d_leaky_relu).
pub(crate) fn conv2d_leaky_relu<B: Backend>(
    x: &Tensor<B, 4>,
    weight: &Tensor<B, 4>,
    bias: &Tensor<B, 1>,
    [stride, padding]: [usize; 2],
    negative_slope: f64,
) -> Option<Tensor<B, 4>> {
    let geometry = Geometry::of_convolution(x.dims(), weight.dims(), stride, padding)?;
    let inputs = [primitive(x), primitive(weight), primitive(bias)];
    on_host!(B, conv2d_leaky_relu, inputs, (geometry, negative_slope as f32))
}

/// [`ops::conv_transpose2d`](crate::nn::ops::conv_transpose2d).
pub(crate) fn conv_transpose2d<B: Backend>(
    x: &Tensor<B, 4>,
    weight: &Tensor<B, 4>,
    stride: usize,
    padding: usize,
) -> Option<Tensor<B, 4>> {
    let geometry = Geometry::of_transposed(x.dims(), weight.dims(), stride, padding)?;
    on_host!(B, conv_transpose2d, [primitive(x), primitive(weight)], geometry)
}

/// [`ops::instance_norm`](crate::nn::ops::instance_norm).
pub(crate) fn instance_norm<B: Backend>(
    x: &Tensor<B, 4>,
    gamma: &Tensor<B, 1>,
    beta: &Tensor<B, 1>,
    relu: bool,
) -> Option<Tensor<B, 4>> {
    on_host!(B, instance_norm, [primitive(x), primitive(gamma), primitive(beta)], relu)
}

#[cfg(test)]
mod tests;
