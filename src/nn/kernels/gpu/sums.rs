//! The sum of every channel of a tensor, in one launch.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty};
use crate::nn::kernels::gpu::plane::{Planes, lane_sum};

/// The units of a cube.
const UNITS: u32 = 256;

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
        let (values, Planes { step, lanes, .. }) = Planes::of(values);
        let [_, c, ..] = values.meta.shape().dims::<4>();
        let sums = empty(&values, (Shape::new([c]), DType::F32));
        let dtype = values.dtype;
        channel_sums_kernel::launch(
            &values.client.clone(),
            CubeCount::Static(c as u32 / lanes, 1, 1),
            CubeDim::new_1d(UNITS),
            values.into_tensor_arg(),
            sums.clone().into_tensor_arg(),
            step,
            lanes,
            dtype.into(),
        );
        vec![sums]
    }
}

#[cube(launch)]
fn channel_sums_kernel<E: Float>(
    values: &Tensor<E>,
    sums: &mut Tensor<f32>,
    step: u32,
    #[comptime] lanes: u32,
    #[define(E)] _dtype: StorageType,
) {
    let mut shared = SharedMemory::<f32>::new(comptime!(UNITS as usize));
    let lane = UNIT_POS as usize % comptime!(lanes as usize);
    let channel = CUBE_POS * comptime!(lanes as usize) + lane;
    let worker = UNIT_POS as usize / comptime!(lanes as usize);
    let area = values.shape(2) * values.shape(3);
    let step = step as usize;
    let mut sum = 0f32;
    for image in 0..values.shape(0) {
        let start = image * values.stride(0) + channel * values.stride(1);
        let mut i = worker;
        while i < area {
            sum += f32::cast_from(values[start + i * step]);
            i += comptime!((UNITS / lanes) as usize);
        }
    }
    let sum = lane_sum(sum, &mut shared, UNITS, lanes);
    if worker == 0 {
        sums[channel] = sum;
    }
}
