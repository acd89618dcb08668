//! Backends whose float tensors are `f32` slices in host memory.

use burn::tensor::backend::Backend;
use burn::tensor::{TensorData, TensorMetadata};

/// A backend whose tensors can be read as slices.
pub(super) trait Host: Backend {
    /// `tensor` in row-major order, copied only where it is not.
    fn contiguous(tensor: Self::FloatTensorPrimitive) -> Self::FloatTensorPrimitive;

    /// The values of a contiguous `f32` tensor.
    fn slice(tensor: &Self::FloatTensorPrimitive) -> &[f32];

    /// The same to write to; copied first where somebody else holds the tensor too.
    fn slice_mut(tensor: &mut Self::FloatTensorPrimitive) -> &mut [f32];
}

/// A tensor that takes `values` over.
pub(super) fn tensor<B: Host, const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
) -> B::FloatTensorPrimitive {
    B::float_from_data(TensorData::new(values, shape), &B::Device::default())
}

/// The shape of a tensor of `D` dimensions.
pub(super) fn dims<const D: usize>(tensor: &impl TensorMetadata) -> [usize; D] {
    tensor.shape().dims()
}

#[cfg(feature = "flex")]
impl Host for burn::backend::Flex {
    fn contiguous(tensor: Self::FloatTensorPrimitive) -> Self::FloatTensorPrimitive {
        if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }
    }

    fn slice(tensor: &Self::FloatTensorPrimitive) -> &[f32] {
        tensor.as_slice().expect("contiguous f32 tensors are slices")
    }

    fn slice_mut(tensor: &mut Self::FloatTensorPrimitive) -> &mut [f32] {
        let (start, length) = (tensor.layout().start_offset(), tensor.shape().num_elements());
        &mut tensor.storage_mut()[start..start + length]
    }
}

#[cfg(feature = "ndarray")]
impl Host for burn::backend::NdArray {
    fn contiguous(tensor: Self::FloatTensorPrimitive) -> Self::FloatTensorPrimitive {
        use burn::backend::ndarray::NdArrayTensor;
        match tensor {
            NdArrayTensor::F32(storage) if !storage.view().is_standard_layout() => {
                storage.view().as_standard_layout().into_owned().into_shared().into()
            }
            tensor => tensor,
        }
    }

    fn slice(tensor: &Self::FloatTensorPrimitive) -> &[f32] {
        use burn::backend::ndarray::NdArrayTensor;
        match tensor {
            NdArrayTensor::F32(storage) => {
                storage.view().to_slice().expect("contiguous f32 tensors are slices")
            }
            other => panic!("expected f32 values, found {:?}", other.dtype()),
        }
    }

    fn slice_mut(tensor: &mut Self::FloatTensorPrimitive) -> &mut [f32] {
        use burn::backend::ndarray::NdArrayTensor;
        match tensor {
            NdArrayTensor::F32(storage) => {
                let array = storage.ensure_owned();
                array.as_slice_mut().expect("contiguous f32 tensors are slices")
            }
            other => panic!("expected f32 values, found {:?}", other.dtype()),
        }
    }
}
