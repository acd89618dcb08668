//! Kernels that work on one channel of one image per cube, or on a few channels at once.

use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

/// The most cubes along one dimension that every runtime has.
pub(super) const MOST_CUBES: usize = 65_535;

/// The values that a unit asks for before it needs the first: memory answers late.
pub(super) const AHEAD: usize = 4;

/// The channels of a cube where they lie side by side: as many float32 as are read at once.
const SIDE_BY_SIDE: usize = 8;

/// The values of a cube below which it has few units, those that are worth as many units as it may
/// have, and how many it then has.
const FEW_VALUES: usize = 1 << 10;
const MANY_VALUES: usize = 1 << 15;
const MOST_UNITS: u32 = 1024;

/// The planes of a tensor `[N, C, H, W]` whose pixels lie at one distance from each other:
/// row-major order, or that with the channels last, which burn's convolutions leave on CUDA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    planes: usize,
    /// From a pixel to the next one of its plane, in values.
    pub step: u32,
    /// Channels that a cube works on at once.
    pub lanes: u32,
    /// The units of a cube: a power of two.
    pub units: u32,
}

impl Planes {
    /// The planes of `x`, copied where its pixels lie otherwise.
    pub fn of<R: CubeRuntime>(x: CubeTensor<R>) -> (CubeTensor<R>, Self) {
        let [n, c, h, w] = x.meta.shape().dims();
        let strides = x.meta.strides();
        let even = h == 1 || w == 1 || strides[2] == w * strides[3];
        let whole = x.is_nonoverlapping() && x.is_contiguous_buffer();
        let x = if even && whole { x } else { into_contiguous(x) };
        // What the stride of a side of 1 is does not matter, and may be anything.
        let strides = x.meta.strides();
        let step = if w > 1 { strides[3] } else { strides[2] };
        let side_by_side = strides[1] == 1 && c.is_multiple_of(SIDE_BY_SIDE) && h * w > 1;
        let lanes = if side_by_side { SIDE_BY_SIDE } else { 1 };
        let hardware = &x.client.properties().hardware;
        let most = MOST_UNITS.min(hardware.max_units_per_cube).min(hardware.max_cube_dim.0);
        let units = match lanes * h * w {
            values if values < FEW_VALUES => 64,
            values if values < MANY_VALUES => 256,
            _ => 1 << most.ilog2(),
        };
        (x, Self { planes: n * c, step: step as u32, lanes: lanes as u32, units })
    }

    /// A cube for as many planes as there are lanes, and perhaps more.
    pub fn count(&self) -> CubeCount {
        let cubes = self.planes / self.lanes as usize;
        let x = cubes.min(MOST_CUBES);
        CubeCount::Static(x as u32, cubes.div_ceil(x) as u32, 1)
    }

    pub fn dim(&self) -> CubeDim {
        CubeDim::new_1d(self.units)
    }
}

/// Where a unit works: the plane, and which of the plane's pixels, every so many-th, are its own.
#[derive(CubeType)]
pub(super) struct Unit {
    pub plane: usize,
    pub image: usize,
    pub channel: usize,
    /// The first of its pixels.
    pub worker: usize,
}

/// Where this unit works, in tensors of so many `channels`.
#[cube]
pub(super) fn this_unit(channels: usize, #[comptime] lanes: u32) -> Unit {
    let lanes = comptime!(lanes as usize);
    let unit = UNIT_POS as usize;
    let plane = CUBE_POS * lanes + unit % lanes;
    Unit { plane, image: plane / channels, channel: plane % channels, worker: unit / lanes }
}

/// Where the plane of a unit begins in `x`.
#[cube]
pub(super) fn start<E: Float>(x: &Tensor<E>, unit: &Unit) -> usize {
    unit.image * x.stride(0) + unit.channel * x.stride(1)
}

/// The value at `at`, and the next ones that are `apart` from each other; whatever it is, where the
/// tensor has no such value.
#[cube]
pub(super) fn ahead<E: Float>(values: &Tensor<E>, at: usize, apart: usize) -> Array<f32> {
    let mut read = Array::<f32>::new(AHEAD);
    #[unroll]
    for j in 0..AHEAD {
        read[j] = f32::cast_from(values[at + j * apart]);
    }
    read
}

/// The sum of the values of all units of this unit's lane, which are every `lanes`-th.
#[cube]
pub(super) fn lane_sum(
    value: f32,
    shared: &mut SharedMemory<f32>,
    #[comptime] units: u32,
    #[comptime] lanes: u32,
) -> f32 {
    let unit = UNIT_POS as usize;
    // Whoever is late may still read what the last sum was.
    sync_cube();
    shared[unit] = value;
    sync_cube();
    #[unroll]
    for step in 0..comptime!((units / lanes).ilog2()) {
        let half = comptime!((units >> (step + 1)) as usize);
        if unit < half {
            let other = shared[unit + half];
            shared[unit] += other;
        }
        sync_cube();
    }
    shared[unit % comptime!(lanes as usize)]
}

#[cfg(all(test, feature = "wgpu", feature = "flex"))]
mod tests {
    use burn::backend::{Autodiff, Flex, Wgpu};
    use burn::tensor::backend::AutodiffBackend;
    use burn::tensor::{Tensor, TensorData};

    use crate::nn::ops;

    /// Of the largest value: sums of thousands of values, in another order.
    const TOLERANCE: f64 = 2e-5;

    /// Images of [`MANY_VALUES`](super::MANY_VALUES) per cube, with the channels last in memory or
    /// not.
    fn large<B: AutodiffBackend>(last: bool) -> [TensorData; 5] {
        let device = Default::default();
        let waves = |shape: [usize; 4], step: f32| {
            let values: Vec<f32> =
                (0..shape.iter().product()).map(|i: usize| (i as f32 * step).sin()).collect();
            Tensor::<B::InnerBackend, 4>::from_data(TensorData::new(values, shape), &device)
        };
        let images = |step| match last {
            true => waves([2, 80, 56, 8], step).permute([0, 3, 1, 2]),
            false => waves([2, 1, 200, 170], step),
        };
        // Chosen so that no sum over a plane cancels, whose error would be of another size.
        let [x, weights] = [images(0.37) + 2.0, images(0.73) + images(0.37) + 0.5];
        let channels = x.dims()[1];
        let x = Tensor::<B, 4>::from_inner(x).require_grad();
        let scale = waves([1, 1, 1, channels], 0.9).reshape([channels]);
        let gamma = Tensor::<B, 1>::from_inner(scale.clone()).require_grad();
        let beta = Tensor::<B, 1>::from_inner(scale * 0.5).require_grad();
        let normalised = ops::instance_norm(x.clone(), gamma.clone(), beta.clone(), false);
        let gradient = Tensor::from_inner(weights);
        let y = Tensor::from_inner(images(0.11));
        let before = ops::leaky_relu_gradient(gradient.clone(), y, 0.1);
        let gradients = (normalised.clone() * gradient).sum().backward();
        [
            normalised.into_data(),
            before.into_data(),
            x.grad(&gradients).unwrap().into_data(),
            gamma.grad(&gradients).unwrap().into_data(),
            beta.grad(&gradients).unwrap().into_data(),
        ]
    }

    #[test]
    fn large_planes_are_those_that_flex_computes() {
        for last in [false, true] {
            let found = large::<Autodiff<Wgpu>>(last);
            for (found, expected) in found.iter().zip(&large::<Autodiff<Flex>>(last)) {
                let error = crate::tests::relative_error(found, expected);
                assert!(error <= TOLERANCE, "{last}, {:?}: {error:e}", found.shape);
            }
        }
    }
}
