//! Kernels that work on one channel of one image per cube.

use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

/// The most cubes along one dimension that every runtime has.
const MOST_CUBES: usize = 65_535;

/// The planes of a tensor `[N, C, H, W]` whose pixels lie at one distance from each other:
/// row-major order, or that with the channels last.
pub(super) struct Planes {
    planes: usize,
    area: usize,
}

impl Planes {
    /// The planes of `x`, copied where its pixels lie otherwise.
    pub fn of<R: CubeRuntime>(x: CubeTensor<R>) -> (CubeTensor<R>, Self) {
        let [n, c, h, w] = x.meta.shape().dims();
        let strides = x.meta.strides();
        let even = strides[2] == w * strides[3] && x.is_nonoverlapping();
        let x = if even && x.is_contiguous_buffer() { x } else { into_contiguous(x) };
        (x, Self { planes: n * c, area: h * w })
    }

    /// Memory laid out as `x`.
    pub fn like<R: CubeRuntime>(&self, x: &CubeTensor<R>) -> CubeTensor<R> {
        let handle = x.client.empty(self.planes * self.area * x.dtype.size());
        let (client, device) = (x.client.clone(), x.device.clone());
        CubeTensor::new(client, handle, (*x.meta).clone(), device, x.dtype)
    }

    /// A cube per plane, and perhaps more.
    pub fn count(&self) -> CubeCount {
        let x = self.planes.min(MOST_CUBES);
        CubeCount::Static(x as u32, self.planes.div_ceil(x) as u32, 1)
    }

    /// The units of a cube: a power of two.
    pub fn units(&self) -> u32 {
        if self.area >= 1024 { 256 } else { 64 }
    }

    pub fn dim(&self) -> CubeDim {
        CubeDim::new_1d(self.units())
    }
}

/// The sum of all units' values, at all units.
#[cube]
pub(super) fn cube_sum(value: f32, shared: &mut SharedMemory<f32>, #[comptime] units: u32) -> f32 {
    let unit = UNIT_POS as usize;
    // Whoever is late may still read what the last sum was.
    sync_cube();
    shared[unit] = value;
    sync_cube();
    #[unroll]
    for step in 0..comptime!(units.ilog2()) {
        let half = comptime!((units >> (step + 1)) as usize);
        if unit < half {
            let other = shared[unit + half];
            shared[unit] += other;
        }
        sync_cube();
    }
    shared[0]
}
