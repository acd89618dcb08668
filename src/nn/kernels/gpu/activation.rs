//! A bias and LeakyReLU in one launch, and LeakyReLU's gradient in one.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, like};
use crate::nn::kernels::gpu::plane::{AHEAD, Planes, ahead, start, this_unit};

/// `[x, bias]` to `LeakyReLU(x + bias)`, as `x`.
#[derive(Clone, Debug)]
pub(super) struct Leaky {
    pub slope: f32,
}

impl Kernel for Leaky {
    const NAME: &'static str = "leaky_relu";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        vec![inputs[0].clone()]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [x, bias] = <[_; 2]>::try_from(inputs).expect("two inputs");
        let (x, planes) = Planes::of(x);
        let y = like(&x);
        let dtype = x.dtype;
        leaky_kernel::launch(
            &x.client.clone(),
            planes.count(),
            planes.dim(),
            x.into_tensor_arg(),
            into_contiguous(bias).into_tensor_arg(),
            y.clone().into_tensor_arg(),
            planes.step,
            self.slope,
            planes.units,
            planes.lanes,
            dtype.into(),
        );
        vec![y]
    }
}

#[cube(launch)]
fn leaky_kernel<E: Float>(
    x: &Tensor<E>,
    bias: &Tensor<f32>,
    y: &mut Tensor<E>,
    step: u32,
    slope: f32,
    #[comptime] units: u32,
    #[comptime] lanes: u32,
    #[define(E)] _dtype: StorageType,
) {
    let unit = this_unit(x.shape(1), lanes);
    let workers = comptime!((units / lanes) as usize);
    if CUBE_POS * comptime!(lanes as usize) >= x.shape(0) * x.shape(1) {
        terminate!();
    }
    let start = start(x, &unit);
    let step = step as usize;
    let area = x.shape(2) * x.shape(3);
    let bias = bias[unit.channel];
    let mut i = unit.worker;
    while i < area {
        let values = ahead::<E>(x, start + i * step, workers * step);
        #[unroll]
        for j in 0..AHEAD {
            if i < area {
                let value = values[j] + bias;
                y[start + i * step] = E::cast_from(select(value > 0f32, value, value * slope));
            }
            i += workers;
        }
    }
}

/// `[dy, y]` to the gradient before LeakyReLU, as `y`, whose sign is that of LeakyReLU's input.
#[derive(Clone, Debug)]
pub(super) struct LeakyGradient {
    pub slope: f32,
}

impl Kernel for LeakyGradient {
    const NAME: &'static str = "leaky_relu_gradient";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        vec![inputs[1].clone()]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [dy, y] = <[_; 2]>::try_from(inputs).expect("two inputs");
        let (y, planes) = Planes::of(y);
        let (dy, Planes { step: dy_step, .. }) = Planes::of(dy);
        let dx = like(&y);
        let dtype = y.dtype;
        leaky_gradient_kernel::launch(
            &y.client.clone(),
            planes.count(),
            planes.dim(),
            dy.into_tensor_arg(),
            y.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            planes.step,
            dy_step,
            self.slope,
            planes.units,
            planes.lanes,
            dtype.into(),
        );
        vec![dx]
    }
}

#[cube(launch)]
fn leaky_gradient_kernel<E: Float>(
    dy: &Tensor<E>,
    y: &Tensor<E>,
    dx: &mut Tensor<E>,
    step: u32,
    dy_step: u32,
    slope: f32,
    #[comptime] units: u32,
    #[comptime] lanes: u32,
    #[define(E)] _dtype: StorageType,
) {
    let unit = this_unit(y.shape(1), lanes);
    let workers = comptime!((units / lanes) as usize);
    if CUBE_POS * comptime!(lanes as usize) >= y.shape(0) * y.shape(1) {
        terminate!();
    }
    let dy_start = start(dy, &unit);
    let start = start(y, &unit);
    let step = step as usize;
    let dy_step = dy_step as usize;
    let area = y.shape(2) * y.shape(3);
    let mut i = unit.worker;
    while i < area {
        let gradients = ahead::<E>(dy, dy_start + i * dy_step, workers * dy_step);
        let values = ahead::<E>(y, start + i * step, workers * step);
        #[unroll]
        for j in 0..AHEAD {
            if i < area {
                let gradient = gradients[j];
                let value = select(values[j] > 0f32, gradient, gradient * slope);
                dx[start + i * step] = E::cast_from(value);
            }
            i += workers;
        }
    }
}
