//! Tensors without their dimensions, as backends take them.

use std::any::Any;

use burn::tensor::backend::{Backend, BackendTypes};
use burn::tensor::{Tensor, TensorPrimitive};

/// The float primitive of a backend.
pub(super) type Primitive<B> = <B as BackendTypes>::FloatTensorPrimitive;

/// Reinterprets a value whose type is known to be `U`.
pub(super) fn cast<T: 'static, U: 'static>(value: T) -> U {
    let value: Box<dyn Any> = Box::new(value);
    *value.downcast().expect("the caller compared the types")
}

pub(super) fn primitive<B: Backend, const D: usize>(tensor: &Tensor<B, D>) -> Primitive<B> {
    tensor.clone().into_primitive().tensor()
}

pub(super) fn tensor<B: Backend, const D: usize>(primitive: Primitive<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}
