//! The columns of an image (im2col): what every tap of a convolution sees at every place, so that
//! the convolution becomes a matrix product.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty, unit_per_value};
use crate::nn::kernels::gpu::window::{Side, Window, related};

/// `[N, C, H, W]`, on the other side, to what its pixels are at every tap of every place `[h, w]`
/// of `side`; 0 outside.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub side: Side,
    pub window: Window,
    /// `[h, w]`.
    pub places: [usize; 2],
    /// `[C k k, N h w]` where this is set, for few places; otherwise `[N, C k k, h w]`.
    pub gathered: bool,
}

impl Kernel for Columns {
    const NAME: &'static str = "columns";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let (shape, dtype) = &inputs[0];
        let [n, c, ..] = shape.dims::<4>();
        let taps = c * (self.window.kernel * self.window.kernel) as usize;
        let places: usize = self.places.iter().product();
        let shape = match self.gathered {
            true => Shape::new([taps, n * places]),
            false => Shape::new([n, taps, places]),
        };
        vec![(shape, *dtype)]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [source] = <[_; 1]>::try_from(inputs).expect("one input");
        let (dtype, client) = (source.dtype, source.client.clone());
        let output = self.outputs(&[(source.meta.shape().clone(), dtype)]).remove(0);
        let units = output.0.num_elements();
        let columns = empty(&source, output);
        let (cube_count, cube_dim) = unit_per_value(&client, units);
        let [h, w] = self.places.map(|side| side as u32);
        let images = source.meta.shape()[0] as u32;
        columns_kernel::launch(
            &client,
            cube_count,
            cube_dim,
            source.into_tensor_arg(),
            columns.clone().into_tensor_arg(),
            images,
            h,
            w,
            self.side,
            self.window,
            self.gathered,
            dtype.into(),
        );
        vec![columns]
    }
}

#[cube(launch)]
fn columns_kernel<E: Numeric>(
    source: &Tensor<E>,
    columns: &mut Tensor<E>,
    images: u32,
    h: u32,
    w: u32,
    #[comptime] side: Side,
    #[comptime] window: Window,
    #[comptime] gathered: bool,
    #[define(E)] _dtype: StorageType,
) {
    if ABSOLUTE_POS >= columns.len() {
        terminate!();
    }
    let k = comptime!(window.kernel);
    let channels = source.shape(1) as u32;
    let mut rest = ABSOLUTE_POS as u32;
    let x = rest % w;
    rest /= w;
    let y = rest % h;
    rest /= h;
    let mut n = 0u32;
    if gathered {
        n = rest % images;
        rest /= images;
    }
    let kx = rest % k;
    rest /= k;
    let ky = rest % k;
    rest /= k;
    let c = rest % channels;
    if !gathered {
        n = rest / channels;
    }
    let (sy, in_rows) = related(y, ky, side, window, source.shape(2) as u32);
    let (sx, in_columns) = related(x, kx, side, window, source.shape(3) as u32);
    let mut value = E::from_int(0);
    if in_rows && in_columns {
        let at = n as usize * source.stride(0)
            + c as usize * source.stride(1)
            + sy as usize * source.stride(2)
            + sx as usize * source.stride(3);
        value = source[at];
    }
    columns[ABSOLUTE_POS] = value;
}
