//! Kernels that work on one channel of one image per cube, or on a few channels at once.

use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

/// The most cubes along one dimension that every runtime has.
const MOST_CUBES: usize = 65_535;

/// The channels of a cube where they lie side by side: as many float32 as are read at once.
const SIDE_BY_SIDE: usize = 8;

/// The planes of a tensor `[N, C, H, W]` whose pixels lie at one distance from each other:
/// row-major order, or that with the channels last, which burn's convolutions leave on CUDA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    planes: usize,
    area: usize,
    /// From a pixel to the next one of its plane, in values.
    pub step: u32,
    /// Channels that a cube works on at once.
    pub lanes: u32,
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
        (x, Self { planes: n * c, area: h * w, step: step as u32, lanes: lanes as u32 })
    }

    /// Memory laid out as `x`.
    pub fn like<R: CubeRuntime>(&self, x: &CubeTensor<R>) -> CubeTensor<R> {
        let handle = x.client.empty(self.planes * self.area * x.dtype.size());
        let (client, device) = (x.client.clone(), x.device.clone());
        CubeTensor::new(client, handle, (*x.meta).clone(), device, x.dtype)
    }

    /// A cube for as many planes as there are lanes, and perhaps more.
    pub fn count(&self) -> CubeCount {
        let cubes = self.planes / self.lanes as usize;
        let x = cubes.min(MOST_CUBES);
        CubeCount::Static(x as u32, cubes.div_ceil(x) as u32, 1)
    }

    /// The units of a cube: a power of two.
    pub fn units(&self) -> u32 {
        if self.area * self.lanes as usize >= 1024 { 256 } else { 64 }
    }

    pub fn dim(&self) -> CubeDim {
        CubeDim::new_1d(self.units())
    }
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
