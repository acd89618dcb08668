//! The sum of what every tap gives to a pixel (col2im): the transpose of taking columns.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty, unit_per_value};
use crate::nn::kernels::gpu::window::{Side, Window, related};

/// What every tap gives at every place `[h, w]` of the other side, laid out as
/// [`Columns`](super::columns::Columns) are, to `[N, C, H, W]`, every pixel of `side` with what it
/// is given.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub side: Side,
    pub window: Window,
    /// `[h, w]`.
    pub places: [usize; 2],
    /// `[H, W]`.
    pub pixels: [usize; 2],
    pub images: usize,
    /// Whether what is given is `[C k k, N h w]`; otherwise `[N, C k k, h w]`.
    pub gathered: bool,
}

impl Kernel for Fold {
    const NAME: &'static str = "fold";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let (shape, dtype) = &inputs[0];
        let taps = shape[if self.gathered { 0 } else { 1 }];
        let channels = taps / (self.window.kernel * self.window.kernel) as usize;
        let [height, width] = self.pixels;
        vec![(Shape::new([self.images, channels, height, width]), *dtype)]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [given] = <[_; 1]>::try_from(inputs).expect("one input");
        let given = into_contiguous(given);
        let (dtype, client) = (given.dtype, given.client.clone());
        let output = self.outputs(&[(given.meta.shape().clone(), dtype)]).remove(0);
        let units = output.0.num_elements();
        let pixels = empty(&given, output);
        let (cube_count, cube_dim) = unit_per_value(&client, units);
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
            self.gathered,
            dtype.into(),
        );
        vec![pixels]
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
    #[comptime] gathered: bool,
    #[define(E)] _dtype: StorageType,
) {
    if ABSOLUTE_POS >= pixels.len() {
        terminate!();
    }
    let k = comptime!(window.kernel);
    let (height, width) = (pixels.shape(2) as u32, pixels.shape(3) as u32);
    let position = ABSOLUTE_POS as u32;
    let x = position % width;
    let y = (position / width) % height;
    let plane = position / (width * height);
    let (images, channels) = (pixels.shape(0) as u32, pixels.shape(1) as u32);
    let (image, channel) = (plane / channels, plane % channels);
    let mut sum = 0f32;
    for ky in 0..k {
        let (py, in_rows) = related(y, ky, side, window, h);
        if in_rows {
            for kx in 0..k {
                let (px, in_columns) = related(x, kx, side, window, w);
                if in_columns {
                    let tap = (channel * k + ky) * k + kx;
                    let row = if gathered {
                        tap * images + image
                    } else {
                        image * channels * k * k + tap
                    };
                    sum += f32::cast_from(given[((row * h + py) * w + px) as usize]);
                }
            }
        }
    }
    pixels[ABSOLUTE_POS] = E::cast_from(sum);
}
