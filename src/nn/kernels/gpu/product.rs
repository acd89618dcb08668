//! A plain matrix product: for GPUs that are a CPU, where compiling burn's tuned kernels takes
//! minutes, and nothing is gained by them.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty, unit_per_value};

/// Terms of a sum that a round of the loop adds.
const BLOCK: usize = 16;

/// `[N, M, K]` and `[N, K, P]` to `[N, M, P]`; either `N` may be 1.
#[derive(Clone, Debug)]
pub(super) struct Product;

impl Kernel for Product {
    const NAME: &'static str = "product";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let [left, right] = [0, 1].map(|i: usize| inputs[i].0.dims::<3>());
        vec![(Shape::new([left[0].max(right[0]), left[1], right[2]]), inputs[0].1)]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let given: Vec<_> =
            inputs.iter().map(|input| (input.meta.shape().clone(), input.dtype)).collect();
        let output = self.outputs(&given).remove(0);
        let [left, right] = <[_; 2]>::try_from(inputs).expect("two inputs");
        let (client, dtype, units) = (left.client.clone(), left.dtype, output.0.num_elements());
        let product = empty(&left, output);
        let (cube_count, cube_dim) = unit_per_value(&client, units);
        product_kernel::launch(
            &client,
            cube_count,
            cube_dim,
            left.into_tensor_arg(),
            right.into_tensor_arg(),
            product.clone().into_tensor_arg(),
            dtype.into(),
        );
        vec![product]
    }
}

#[cube(launch)]
fn product_kernel<E: Float>(
    left: &Tensor<E>,
    right: &Tensor<E>,
    product: &mut Tensor<E>,
    #[define(E)] _dtype: StorageType,
) {
    if ABSOLUTE_POS >= product.len() {
        terminate!();
    }
    let (rows, columns) = (product.shape(1), product.shape(2));
    let (row, column) = (ABSOLUTE_POS / columns % rows, ABSOLUTE_POS % columns);
    let image = ABSOLUTE_POS / (columns * rows);
    let mut left_at = image % left.shape(0) * left.stride(0) + row * left.stride(1);
    let mut right_at = image % right.shape(0) * right.stride(0) + column * right.stride(2);
    let mut sum = 0f32;
    let length = left.shape(2);
    // In blocks, which round less, and unrolled, since Mesa's software driver silently ends the
    // loops of a kernel after 65,535 rounds of all of them.
    for _ in 0..length / BLOCK {
        let mut part = 0f32;
        #[unroll]
        for _ in 0..comptime!(BLOCK) {
            part += f32::cast_from(left[left_at]) * f32::cast_from(right[right_at]);
            left_at += left.stride(2);
            right_at += right.stride(1);
        }
        sum += part;
    }
    for _ in 0..length % BLOCK {
        sum += f32::cast_from(left[left_at]) * f32::cast_from(right[right_at]);
        left_at += left.stride(2);
        right_at += right.stride(1);
    }
    product[ABSOLUTE_POS] = E::cast_from(sum);
}
