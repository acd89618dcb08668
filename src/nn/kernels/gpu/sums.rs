//! The sum of every channel of a tensor: of its planes, then of the images.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty, unit_per_value};
use crate::nn::kernels::gpu::plane::{AHEAD, Planes, ahead, lane_sum, start, this_unit};

/// `[N, C, H, W]` to the sums `[C]` over all but the channels.
#[derive(Clone, Debug)]
pub(super) struct ChannelSums;

impl Kernel for ChannelSums {
    const NAME: &'static str = "channel_sums";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let [_, c, ..] = inputs[0].0.dims::<4>();
        vec![(Shape::new([c]), DType::F32)]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [values] = <[_; 1]>::try_from(inputs).expect("one input");
        let (values, planes) = Planes::of(values);
        let [n, c, ..] = values.meta.shape().dims::<4>();
        let (client, dtype) = (values.client.clone(), values.dtype);
        let of_planes = empty(&values, (Shape::new([n, c]), DType::F32));
        let sums = empty(&values, (Shape::new([c]), DType::F32));
        plane_sums_kernel::launch(
            &client,
            planes.count(),
            planes.dim(),
            values.into_tensor_arg(),
            of_planes.clone().into_tensor_arg(),
            planes.step,
            planes.units,
            planes.lanes,
            dtype.into(),
        );
        let (cube_count, cube_dim) = unit_per_value(&client, c);
        image_sums_kernel::launch(
            &client,
            cube_count,
            cube_dim,
            of_planes.into_tensor_arg(),
            sums.clone().into_tensor_arg(),
        );
        vec![sums]
    }
}

#[cube(launch)]
fn plane_sums_kernel<E: Float>(
    values: &Tensor<E>,
    sums: &mut Tensor<f32>,
    step: u32,
    #[comptime] units: u32,
    #[comptime] lanes: u32,
    #[define(E)] _dtype: StorageType,
) {
    let unit = this_unit(values.shape(1), lanes);
    if CUBE_POS * comptime!(lanes as usize) >= values.shape(0) * values.shape(1) {
        terminate!();
    }
    let mut shared = SharedMemory::<f32>::new(units as usize);
    let start = start(values, &unit);
    let workers = comptime!((units / lanes) as usize);
    let step = step as usize;
    let area = values.shape(2) * values.shape(3);
    let mut sum = 0f32;
    let mut i = unit.worker;
    while i < area {
        let read = ahead::<E>(values, start + i * step, workers * step);
        #[unroll]
        for j in 0..AHEAD {
            if i < area {
                sum += read[j];
            }
            i += workers;
        }
    }
    let sum = lane_sum(sum, &mut shared, units, lanes);
    if unit.worker == 0 {
        sums[unit.plane] = sum;
    }
}

#[cube(launch)]
fn image_sums_kernel(of_planes: &Tensor<f32>, sums: &mut Tensor<f32>) {
    if ABSOLUTE_POS >= sums.len() {
        terminate!();
    }
    let mut sum = 0f32;
    for image in 0..of_planes.shape(0) {
        sum += of_planes[image * sums.len() + ABSOLUTE_POS];
    }
    sums[ABSOLUTE_POS] = sum;
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use burn::tensor::{Tensor, TensorData};

    use super::*;
    use crate::nn::kernels::gpu::kernel::Launch;
    use crate::nn::kernels::primitive::{primitive, tensor};

    type B = burn::backend::Wgpu;

    #[test]
    fn sums_are_of_all_images_and_pixels() {
        for [n, c, h, w] in
            [[1, 1, 1, 1], [3, 5, 7, 9], [2, 16, 1, 3], [2, 8, 80, 56], [2, 1, 200, 170]]
        {
            // Sums of integers that float32 has.
            let values: Vec<f32> = (0..n * c * h * w).map(|i| (i % 13) as f32).collect();
            let mut expected = [vec![0f32; c], vec![0f32; c]];
            for (i, value) in values.iter().enumerate() {
                expected[0][i / (h * w) % c] += value;
                expected[1][i % c] += value;
            }
            let rows = TensorData::new(values.clone(), [n, c, h, w]);
            let last = TensorData::new(values, [n, h, w, c]);
            let [rows, last] =
                [rows, last].map(|data| Tensor::<B, 4>::from_data(data, &Default::default()));
            for (of, expected) in [rows, last.permute([0, 3, 1, 2])].iter().zip(expected) {
                let sums = tensor::<B, 1>(B::run(ChannelSums, vec![primitive(of)]).remove(0));
                assert_eq!(sums.into_data().to_vec::<f32>().unwrap(), expected, "{n} {c} {h} {w}");
            }
        }
    }
}
