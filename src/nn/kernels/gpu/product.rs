//! A matrix product in tiles, for GPUs of which burn does not use tensor cores: one kernel,
//! compiled in a moment, in the place of several that burn compiles and tries for every kind of
//! product. On an H200, through Vulkan, training with it was within 2 % of that with the best of
//! them that was tried.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty};
use crate::nn::kernels::gpu::plane::MOST_CUBES;

/// The units of a cube, along the rows of a tile and along its columns.
const SIDE: usize = 16;
/// The terms of a sum that a tile takes at once.
const DEPTH: usize = 8;

/// `[N, M, K]` and `[N, K, P]` to `[N, M, P]`; either `N` may be 1.
#[derive(Clone, Debug)]
pub(super) struct Product;

/// How many rows and columns of a tile a unit computes: many, where there are enough tiles for a
/// GPU's processors, since what is read then serves more products.
fn of_unit(images: usize, rows: usize, columns: usize) -> (usize, usize) {
    const MANY_TILES: usize = 64;
    let column = match columns {
        0..=16 => 1,
        17..=64 => 4,
        _ => 8,
    };
    let tiles = |row: usize, column: usize| {
        images * rows.div_ceil(SIDE * row) * columns.div_ceil(SIDE * column)
    };
    if rows > 4 * SIDE && tiles(8, column) >= MANY_TILES { (8, column) } else { (4, column.min(4)) }
}

impl Kernel for Product {
    const NAME: &'static str = "product";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let [left, right] = [0, 1].map(|i: usize| inputs[i].0.dims::<3>());
        vec![(Shape::new([left[0].max(right[0]), left[1], right[2]]), inputs[0].1)]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let parts = with_memory(inputs);
        let product = parts.2.clone();
        multiply(parts);
        vec![product]
    }
}

/// The factors and the memory of their product.
pub(super) type Parts<R> = (CubeTensor<R>, CubeTensor<R>, CubeTensor<R>);

/// Two factors, and memory for their product.
pub(super) fn with_memory<R: CubeRuntime>(factors: Vec<CubeTensor<R>>) -> Parts<R> {
    let given: Vec<_> =
        factors.iter().map(|factor| (factor.meta.shape().clone(), factor.dtype)).collect();
    let product = empty(&factors[0], Product.outputs(&given).remove(0));
    let [left, right] = <[_; 2]>::try_from(factors).expect("two factors");
    (left, right, product)
}

/// Computes the product in its memory.
pub(super) fn multiply<R: CubeRuntime>((left, right, product): Parts<R>) {
    let [images, rows, columns] = product.meta.shape().dims::<3>();
    let (client, dtype) = (left.client.clone(), left.dtype);
    let (unit_rows, unit_columns) = of_unit(images, rows, columns);
    let [down, across] = [rows.div_ceil(SIDE * unit_rows), columns.div_ceil(SIDE * unit_columns)];
    let is_transposed = |factor: &CubeTensor<R>| {
        let strides = factor.meta.strides();
        strides[2] != 1 && strides[1] == 1
    };
    let transposed = [is_transposed(&left), is_transposed(&right)];
    let cubes = images * down * across;
    if cubes == 0 {
        return;
    }
    let x = cubes.min(MOST_CUBES);
    product_kernel::launch(
        &client,
        CubeCount::Static(x as u32, cubes.div_ceil(x) as u32, 1),
        CubeDim::new_2d(SIDE as u32, SIDE as u32),
        left.into_tensor_arg(),
        right.into_tensor_arg(),
        product.into_tensor_arg(),
        unit_rows,
        unit_columns,
        transposed[0],
        transposed[1],
        dtype.into(),
    );
}

/// A cube computes a tile, and a unit every [`SIDE`]-th row and column of it.
#[cube(launch)]
fn product_kernel<E: Float>(
    left: &Tensor<E>,
    right: &Tensor<E>,
    product: &mut Tensor<E>,
    #[comptime] unit_rows: usize,
    #[comptime] unit_columns: usize,
    #[comptime] left_transposed: bool,
    #[comptime] right_transposed: bool,
    #[define(E)] _dtype: StorageType,
) {
    let tile_rows = comptime!(SIDE * unit_rows);
    let tile_columns = comptime!(SIDE * unit_columns);
    let (rows, columns, terms) = (product.shape(1), product.shape(2), left.shape(2));
    let across = columns.div_ceil(tile_columns);
    let down = rows.div_ceil(tile_rows);
    let image = CUBE_POS / (across * down);
    if image >= product.shape(0) {
        terminate!();
    }
    let row = CUBE_POS / across % down * tile_rows;
    let column = CUBE_POS % across * tile_columns;
    let mut of_left = SharedMemory::<f32>::new(comptime!(DEPTH * (tile_rows + 1)));
    let mut of_right = SharedMemory::<f32>::new(comptime!(DEPTH * (tile_columns + 1)));
    let mut sums = Array::<f32>::new(comptime!(unit_rows * unit_columns));
    #[unroll]
    for i in 0..comptime!(unit_rows * unit_columns) {
        sums[i] = 0f32;
    }
    let left_at = image % left.shape(0) * left.stride(0);
    let right_at = image % right.shape(0) * right.stride(0);
    let unit = UNIT_POS as usize;
    let (unit_row, unit_column) = (UNIT_POS_Y as usize, UNIT_POS_X as usize);
    for round in 0..terms.div_ceil(comptime!(DEPTH)) {
        let term = round * comptime!(DEPTH);
        #[unroll]
        for i in 0..comptime!((DEPTH * tile_rows).div_ceil(SIDE * SIDE)) {
            let index = unit + comptime!(i * SIDE * SIDE);
            if index < comptime!(DEPTH * tile_rows) {
                // Units beside each other read what is beside each other in memory.
                let (r, t) = if comptime!(left_transposed) {
                    (index % tile_rows, index / tile_rows)
                } else {
                    (index / comptime!(DEPTH), index % comptime!(DEPTH))
                };
                let mut value = 0f32;
                if row + r < rows && term + t < terms {
                    let at = left_at + (row + r) * left.stride(1) + (term + t) * left.stride(2);
                    value = f32::cast_from(left[at]);
                }
                of_left[t * comptime!(tile_rows + 1) + r] = value;
            }
        }
        #[unroll]
        for i in 0..comptime!((DEPTH * tile_columns).div_ceil(SIDE * SIDE)) {
            let index = unit + comptime!(i * SIDE * SIDE);
            if index < comptime!(DEPTH * tile_columns) {
                let (c, t) = if comptime!(right_transposed) {
                    (index / comptime!(DEPTH), index % comptime!(DEPTH))
                } else {
                    (index % tile_columns, index / tile_columns)
                };
                let mut value = 0f32;
                if column + c < columns && term + t < terms {
                    let at =
                        right_at + (term + t) * right.stride(1) + (column + c) * right.stride(2);
                    value = f32::cast_from(right[at]);
                }
                of_right[t * comptime!(tile_columns + 1) + c] = value;
            }
        }
        sync_cube();
        #[unroll]
        for t in 0..comptime!(DEPTH) {
            let mut across = Array::<f32>::new(unit_columns);
            #[unroll]
            for c in 0..unit_columns {
                across[c] = of_right[unit_column + comptime!(t * (tile_columns + 1) + c * SIDE)];
            }
            #[unroll]
            for r in 0..unit_rows {
                let value = of_left[unit_row + comptime!(t * (tile_rows + 1) + r * SIDE)];
                #[unroll]
                for c in 0..unit_columns {
                    sums[comptime!(r * unit_columns + c)] += value * across[c];
                }
            }
        }
        sync_cube();
    }
    #[unroll]
    for r in 0..unit_rows {
        #[unroll]
        for c in 0..unit_columns {
            let at_row = row + unit_row + comptime!(r * SIDE);
            let at_column = column + unit_column + comptime!(c * SIDE);
            if at_row < rows && at_column < columns {
                let at = image * product.stride(0)
                    + at_row * product.stride(1)
                    + at_column * product.stride(2);
                product[at] = E::cast_from(sums[comptime!(r * unit_columns + c)]);
            }
        }
    }
}

#[cfg(all(test, feature = "wgpu", feature = "flex"))]
pub(super) mod tests {
    use burn::backend::Flex;
    use burn::tensor::backend::Backend;
    use burn::tensor::{Tensor, TensorData};

    use super::*;
    use crate::nn::kernels::gpu::kernel::Launch;
    use crate::nn::kernels::primitive::{primitive, tensor};

    type Wgpu = burn::backend::Wgpu;

    /// Of the largest value: sums of thousands of values, in another order.
    const TOLERANCE: f64 = 2e-5;

    fn waves<B: Backend>(shape: [usize; 3], step: f32) -> Tensor<B, 3> {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|i: usize| (i as f32 * step).sin()).collect();
        Tensor::from_data(TensorData::new(values, shape), &Default::default())
    }

    fn factors<B: Backend>(
        [n, m, k, p]: [usize; 4],
        [left, right]: [bool; 2],
    ) -> [Tensor<B, 3>; 2] {
        let lying = |shape: [usize; 3], step, transposed: bool| match transposed {
            true => waves([shape[0], shape[2], shape[1]], step).swap_dims(1, 2),
            false => waves(shape, step),
        };
        [lying([n, m, k], 0.37, left), lying([1, k, p], 0.73, right)]
    }

    /// Compares products of these images, rows, terms and columns with Flex's.
    pub fn compare(kernel: &impl Kernel, shapes: &[[usize; 4]]) {
        for &shape in shapes {
            for lie in [[false, false], [false, true], [true, false], [true, true]] {
                let [left, right] = factors::<Wgpu>(shape, lie);
                let turned = [right.clone().swap_dims(1, 2), left.clone().swap_dims(1, 2)];
                let expected = {
                    let [left, right] = factors::<Flex>(shape, lie);
                    left.matmul(right)
                };
                // As they are, and the other way round, where the left one is for all.
                for ([left, right], expected) in
                    [([left, right], expected.clone()), (turned, expected.swap_dims(1, 2))]
                {
                    let inputs = vec![primitive(&left), primitive(&right)];
                    let found = tensor::<Wgpu, 3>(Wgpu::run(kernel.clone(), inputs).remove(0));
                    let [found, expected] = [found.into_data(), expected.into_data()];
                    let error = crate::tests::relative_error(&found, &expected);
                    assert!(error <= TOLERANCE, "{shape:?}, {lie:?}: {error:e}");
                }
            }
        }
    }

    #[test]
    fn products_are_those_of_flex_however_the_factors_lie() {
        // The last ones are more cubes than one dimension of a grid may have.
        let shapes = [
            [1, 1, 1, 1],
            [2, 17, 9, 5],
            [3, 70, 33, 40],
            [1, 300, 20, 130],
            [1, 1100, 40, 1030],
            [1, 2, 4000, 3],
            [66_000, 1, 1, 1],
        ];
        compare(&Product, &shapes);
    }
}
