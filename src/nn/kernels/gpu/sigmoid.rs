//! The logarithm of the sigmoid, and its gradient, in one launch each.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, empty, unit_per_value};

/// `[x]` to `log(sigmoid(x))`.
#[derive(Clone, Debug)]
pub(super) struct LogSigmoid;

impl Kernel for LogSigmoid {
    const NAME: &'static str = "log_sigmoid";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        vec![inputs[0].clone()]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [x] = <[_; 1]>::try_from(inputs).expect("one input").map(into_contiguous);
        let (client, units) = (x.client.clone(), x.meta.shape().num_elements());
        let y = empty(&x, (x.meta.shape().clone(), x.dtype));
        let (cube_count, cube_dim) = unit_per_value(&client, units);
        log_sigmoid_kernel::launch(
            &client,
            cube_count,
            cube_dim,
            x.into_tensor_arg(),
            y.clone().into_tensor_arg(),
        );
        vec![y]
    }
}

#[cube(launch)]
fn log_sigmoid_kernel(x: &Tensor<f32>, y: &mut Tensor<f32>) {
    if ABSOLUTE_POS < y.len() {
        let x = x[ABSOLUTE_POS];
        // The exponent is never above 0, so nothing overflows.
        y[ABSOLUTE_POS] = x.min(0f32) - (-x.abs()).exp().log1p();
    }
}

/// `[dy, x]` to `dy sigmoid(-x)`.
#[derive(Clone, Debug)]
pub(super) struct LogSigmoidGradient;

impl Kernel for LogSigmoidGradient {
    const NAME: &'static str = "log_sigmoid_gradient";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        vec![inputs[1].clone()]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [dy, x] = <[_; 2]>::try_from(inputs).expect("two inputs").map(into_contiguous);
        let (client, units) = (x.client.clone(), x.meta.shape().num_elements());
        let dx = empty(&x, (x.meta.shape().clone(), x.dtype));
        let (cube_count, cube_dim) = unit_per_value(&client, units);
        log_sigmoid_gradient_kernel::launch(
            &client,
            cube_count,
            cube_dim,
            dy.into_tensor_arg(),
            x.into_tensor_arg(),
            dx.clone().into_tensor_arg(),
        );
        vec![dx]
    }
}

#[cube(launch)]
fn log_sigmoid_gradient_kernel(dy: &Tensor<f32>, x: &Tensor<f32>, dx: &mut Tensor<f32>) {
    if ABSOLUTE_POS < dx.len() {
        let x = x[ABSOLUTE_POS];
        let small = (-x.abs()).exp();
        let share = select(x > 0f32, small, 1f32) / (1f32 + small);
        dx[ABSOLUTE_POS] = dy[ABSOLUTE_POS] * share;
    }
}
