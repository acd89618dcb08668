//! The values of a parameter one after another, as they are updated and cast.
//!
//! On a GPU, a convolution's weight `[A, B, k, k]` has the channels `B` last in memory, for so its
//! products read it. Flat in that order, nothing is copied to update it. Elsewhere the order is
//! row-major, as it is in every file.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor};

use crate::nn::ops;

const CHANNELS_LAST: [isize; 4] = [0, 2, 3, 1];
const CHANNELS_SECOND: [isize; 4] = [0, 3, 1, 2];

/// Whether the order of `B` is another than row-major for tensors of so many dimensions.
fn has_channels_last<B: Backend>(dimensions: usize) -> bool {
    dimensions == 4 && ops::launches::<B>()
}

/// The values of `value` in the order of the backend.
pub(crate) fn flat<B: Backend, const D: usize>(value: Tensor<B, D>) -> Tensor<B, 1> {
    let len = value.shape().num_elements();
    if has_channels_last::<B>(D) {
        let axes: [isize; D] = std::array::from_fn(|axis| CHANNELS_LAST[axis]);
        return value.permute(axes).reshape([len]);
    }
    value.reshape([len])
}

/// The inverse of [`flat`].
pub(crate) fn unflat<B: Backend, const D: usize>(
    values: Tensor<B, 1>,
    shape: [usize; D],
) -> Tensor<B, D> {
    if has_channels_last::<B>(D) {
        let channels_last: [usize; D] =
            std::array::from_fn(|axis| shape[CHANNELS_LAST[axis] as usize]);
        let axes: [isize; D] = std::array::from_fn(|axis| CHANNELS_SECOND[axis]);
        return values.reshape(channels_last).permute(axes);
    }
    values.reshape(shape)
}

/// A row of values per entry of the first dimension, in the order of the backend.
pub(crate) fn rows<B: Backend>(value: Tensor<B, 4>) -> Tensor<B, 2> {
    match has_channels_last::<B>(4) {
        true => value.permute(CHANNELS_LAST).flatten(1, 3),
        false => value.flatten(1, 3),
    }
}

/// `value` in another type of float, in the order of the backend: a cast by itself would leave it
/// in row-major order.
pub(crate) fn cast<B: Backend, const D: usize>(value: Tensor<B, D>, dtype: DType) -> Tensor<B, D> {
    if value.dtype() == dtype {
        return value;
    }
    let shape = value.dims();
    unflat(flat(value).cast(dtype), shape)
}

/// The values in row-major order, given those of a tensor of `shape` in the backend's.
pub(crate) fn into_row_major<B: Backend>(values: Tensor<B, 1>, shape: &[usize]) -> Tensor<B, 1> {
    match <[usize; 4]>::try_from(shape) {
        Ok(shape) => unflat(values, shape).reshape([shape.iter().product::<usize>()]),
        Err(_) => values,
    }
}

/// The inverse of [`into_row_major`].
pub(crate) fn from_row_major<B: Backend>(values: Tensor<B, 1>, shape: &[usize]) -> Tensor<B, 1> {
    match <[usize; 4]>::try_from(shape) {
        Ok(shape) => flat(values.reshape(shape)),
        Err(_) => values,
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::backend::AutodiffBackend;

    use super::*;
    use crate::tests::on_every_backend;

    on_every_backend!(values_come_back_in_their_places);

    fn values_come_back_in_their_places<B: AutodiffBackend>() {
        let device = Default::default();
        let shape = [2, 3, 4, 4];
        let count = shape.iter().product::<usize>();
        let values = Tensor::<B, 1, burn::tensor::Int>::arange(0..count as i64, &device).float();
        let tensor = values.clone().reshape(shape);
        let in_order = flat(tensor.clone());
        assert_eq!(unflat(in_order.clone(), shape).into_data(), tensor.into_data());
        let row_major = into_row_major(in_order.clone(), &shape);
        assert_eq!(row_major.clone().into_data(), values.into_data());
        assert_eq!(from_row_major(row_major, &shape).into_data(), in_order.into_data());
    }
}
