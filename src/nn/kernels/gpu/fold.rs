//! The sum of what every tap gives to a pixel (col2im): the transpose of taking columns.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::permute_nhwc_to_nchw;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty, unit_per_value};
use crate::nn::kernels::gpu::window::{Side, Window, related};

/// What every tap gives at every place `[h, w]` of the other side, `[N h w, k k C]`, to
/// `[N, C, H, W]`, every pixel of `side` with what it is given, the channels last in memory.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub side: Side,
    pub window: Window,
    /// `[h, w]`.
    pub places: [usize; 2],
    /// `[H, W]`.
    pub pixels: [usize; 2],
}

impl Kernel for Fold {
    const NAME: &'static str = "fold";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let (shape, dtype) = &inputs[0];
        let [rows, taps] = shape.dims();
        let images = rows / self.places.iter().product::<usize>();
        let channels = taps / (self.window.kernel * self.window.kernel) as usize;
        let [height, width] = self.pixels;
        vec![(Shape::new([images, channels, height, width]), *dtype)]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [given] = <[_; 1]>::try_from(inputs).expect("one input");
        // Rows may have gaps between them, as CUDA's matrix products leave.
        let given = if given.meta.strides()[1] == 1 { given } else { into_contiguous(given) };
        let (dtype, client) = (given.dtype, given.client.clone());
        let (shape, _) = self.outputs(&[(given.meta.shape().clone(), dtype)]).remove(0);
        let [images, channels, height, width] = shape.dims();
        let pixels = empty(&given, (Shape::new([images, height, width, channels]), dtype));
        let (cube_count, cube_dim) = unit_per_value(&client, shape.num_elements());
        let [h, w] = self.places.map(|side| side as u32);
        fold_kernel::launch(
            &client,
            cube_count,
            cube_dim,
            given.into_tensor_arg(),
            pixels.clone().into_tensor_arg(),
            h,
            w,
            self.side,
            self.window,
            dtype.into(),
        );
        vec![permute_nhwc_to_nchw(pixels)]
    }
}

#[cube(launch)]
fn fold_kernel<E: Numeric>(
    given: &Tensor<E>,
    pixels: &mut Tensor<E>,
    h: u32,
    w: u32,
    #[comptime] side: Side,
    #[comptime] window: Window,
    #[define(E)] _dtype: StorageType,
) {
    if ABSOLUTE_POS >= pixels.len() {
        terminate!();
    }
    let Window { kernel, stride, padding } = comptime!(window);
    // Of the taps in a row, only every so many-th relates a large pixel to a small one.
    let step = comptime!(if side == Side::Large { stride } else { 1 });
    let (height, width) = (pixels.shape(1) as u32, pixels.shape(2) as u32);
    let channels = pixels.shape(3) as u32;
    let position = ABSOLUTE_POS as u32;
    let channel = position % channels;
    let x = position / channels % width;
    let line = position / (channels * width);
    let (image, y) = (line / height, line % height);
    let mut sum = 0f32;
    let mut ky = (y + padding) % step;
    while ky < kernel {
        let (py, in_rows) = related(y, ky, side, window, h);
        if in_rows {
            let mut kx = (x + padding) % step;
            while kx < kernel {
                let (px, in_columns) = related(x, kx, side, window, w);
                if in_columns {
                    let place = (image * h + py) * w + px;
                    let value = (ky * kernel + kx) * channels + channel;
                    let at = place as usize * given.stride(0) + value as usize;
                    sum += f32::cast_from(given[at]);
                }
                kx += step;
            }
        }
        ky += step;
    }
    pixels[ABSOLUTE_POS] = E::cast_from(sum);
}
