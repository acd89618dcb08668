//! The columns of an image (im2col): what every tap of a convolution sees at every place, so that
//! the convolution becomes a matrix product.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::cubecl::tensor_vector_size_parallel;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty, unit_per_value};
use crate::nn::kernels::gpu::window::{Side, Window, related};

/// The places of a row whose values at one tap a unit writes: as many reads at a time, and one
/// division into places and taps.
const PLACES: u32 = 8;

/// `[N, C, H, W]`, on the other side, to `[N h w, k k C]`: what its pixels are at every tap of
/// every place `[h, w]` of `side`; 0 outside.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub side: Side,
    pub window: Window,
    /// `[h, w]`.
    pub places: [usize; 2],
}

impl Kernel for Columns {
    const NAME: &'static str = "columns";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let (shape, dtype) = &inputs[0];
        let [n, c, ..] = shape.dims::<4>();
        let taps = c * (self.window.kernel * self.window.kernel) as usize;
        let places: usize = self.places.iter().product();
        vec![(Shape::new([n * places, taps]), *dtype)]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [source] = <[_; 1]>::try_from(inputs).expect("one input");
        let (dtype, client) = (source.dtype, source.client.clone());
        let output = self.outputs(&[(source.meta.shape().clone(), dtype)]).remove(0);
        let [_, taps] = output.0.dims::<2>();
        let rows = output.0[0] / self.places[1];
        let columns = empty(&source, output);
        // Channels that lie side by side.
        let vector = tensor_vector_size_parallel(
            client.io_optimized_vector_sizes(dtype.size()),
            source.meta.shape(),
            source.meta.strides(),
            1,
        );
        let strips = self.places[1].div_ceil(PLACES as usize);
        let (cube_count, cube_dim) = unit_per_value(&client, rows * strips * (taps / vector));
        let [h, w] = self.places.map(|side| side as u32);
        columns_kernel::launch(
            &client,
            cube_count,
            cube_dim,
            vector,
            source.into_tensor_arg(),
            columns.clone().into_tensor_arg(),
            h,
            w,
            rows as u32,
            self.side,
            self.window,
            dtype.into(),
        );
        vec![columns]
    }
}

/// A unit writes one tap of a few places: neighbours write side by side, and read so where the
/// channels are the last in memory.
#[cube(launch)]
fn columns_kernel<E: Numeric, N: Size>(
    source: &Tensor<Vector<E, N>>,
    columns: &mut Tensor<Vector<E, N>>,
    h: u32,
    w: u32,
    rows: u32,
    #[comptime] side: Side,
    #[comptime] window: Window,
    #[define(E)] _dtype: StorageType,
) {
    let k = comptime!(window.kernel);
    let vector = source.vector_size();
    let (height, width) = (source.shape(2) as u32, source.shape(3) as u32);
    let channels = source.shape(1) as u32 / vector as u32;
    let taps = channels * comptime!(k * k);
    let unit = ABSOLUTE_POS as u32;
    let (rest, tap) = (unit / taps, unit % taps);
    let strips = w.div_ceil(PLACES);
    let (row, first) = (rest / strips, rest % strips * PLACES);
    if row >= rows {
        terminate!();
    }
    let (channel, kx, ky) = (tap % channels, tap / channels % k, tap / channels / k);
    let (image, y) = (row / h, row % h);
    let (sy, in_rows) = related(y, ky, side, window, height);
    let from = image as usize * source.stride(0)
        + channel as usize * vector * source.stride(1)
        + sy as usize * source.stride(2);
    let mut values = Array::<Vector<E, N>>::new(comptime!(PLACES as usize));
    #[unroll]
    for j in 0..PLACES {
        let (sx, in_columns) = related(first + j, kx, side, window, width);
        let inside = in_rows && in_columns;
        // Whatever is outside: reads without branches wait for memory together.
        let at = select(inside, (from + sx as usize * source.stride(3)) / vector, 0usize);
        values[j as usize] = select(inside, source[at], Vector::new(E::from_int(0)));
    }
    #[unroll]
    for j in 0..PLACES {
        if first + j < w {
            columns[((row * w + first + j) * taps + tap) as usize] = values[j as usize];
        }
    }
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use burn::tensor::{Tensor, TensorData};

    use super::*;
    use crate::nn::kernels::gpu::kernel::Launch;
    use crate::nn::kernels::primitive::{primitive, tensor};

    type B = burn::backend::Wgpu;

    #[test]
    fn columns_are_what_the_taps_see() {
        for (n, c, [height, width]) in [(2, 3, [4, 6]), (1, 8, [2, 2]), (3, 4, [6, 18])] {
            for (kernel, stride) in [(3, 1), (7, 1), (4, 2)] {
                for side in [Side::Small, Side::Large] {
                    check([n, c, height, width], (kernel, stride), side, false);
                    check([n, c, height, width], (kernel, stride), side, true);
                }
            }
        }
    }

    fn check([n, c, height, width]: [usize; 4], (k, s): (usize, usize), side: Side, last: bool) {
        let padding = (k - s) / 2;
        let value = |[image, channel, y, x]: [usize; 4]| {
            (((image * c + channel) * height + y) * width + x) as f32 + 1.0
        };
        let [h, w] = [height, width].map(|pixels| match side {
            Side::Small => pixels / s,
            Side::Large => pixels * s,
        });
        // The pixel that a tap relates a place to.
        let other = |at: usize, tap: usize, length: usize| {
            let other = match side {
                Side::Small => (at * s + tap).checked_sub(padding)?,
                Side::Large => (at + padding).checked_sub(tap)?,
            };
            let apart = if side == Side::Small { 1 } else { s };
            (other % apart == 0 && other / apart < length).then_some(other / apart)
        };
        let mut expected = Vec::new();
        for place in 0..n * h * w {
            let (image, y, x) = (place / (h * w), place / w % h, place % w);
            for tap in 0..k * k {
                let pixel = other(y, tap / k, height).zip(other(x, tap % k, width));
                expected.extend((0..c).map(|channel| match pixel {
                    Some((y, x)) => value([image, channel, y, x]),
                    None => 0.0,
                }));
            }
        }
        let values = (0..n * c * height * width).map(|i| i as f32 + 1.0).collect();
        let data = TensorData::new::<f32, _>(values, [n, c, height, width]);
        let source = Tensor::<B, 4>::from_data(data, &Default::default());
        let source = match last {
            true => {
                let last = source.permute([0, 2, 3, 1]).reshape([n * height * width, c]);
                last.reshape([n, height, width, c]).permute([0, 3, 1, 2])
            }
            false => source,
        };
        let [kernel, stride, padding] = [k, s, padding].map(|value| value as u32);
        let window = Window { kernel, stride, padding };
        let kernel = Columns { side, window, places: [h, w] };
        let found = tensor::<B, 2>(B::run(kernel, vec![primitive(&source)]).remove(0)).into_data();
        assert_eq!(found.to_vec::<f32>().unwrap(), expected, "{n} {c} {k} {side:?} {last}");
    }
}
