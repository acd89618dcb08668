//! One update of Adam in one launch.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::kernels::gpu::kernel::{Kernel, like, unit_per_value};
use stargan_kernels::adam_step::AdamStep;

/// The bits of a float32's exponent: all set where it is not finite.
const EXPONENT: u32 = 0x7F80_0000;

/// `[value, gradient, first mean, second mean, finite]`, the last `[1]`, to the new value and means
/// and the same `[1]`, infinite or NaN where anything computed is.
#[derive(Clone, Debug)]
pub(super) struct Adam(pub AdamStep);

impl Kernel for Adam {
    const NAME: &'static str = "adam";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        vec![inputs[0].clone(), inputs[2].clone(), inputs[3].clone(), inputs[4].clone()]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let inputs = <[_; 5]>::try_from(inputs).expect("five inputs");
        let [value, gradient, first, second, finite] = inputs.map(into_contiguous);
        let finite = if finite.can_mut() { finite } else { finite.copy() };
        let client = value.client.clone();
        let units = value.meta.shape().num_elements();
        let outputs = [like(&value), like(&first), like(&second)];
        let (cube_count, cube_dim) = unit_per_value(&client, units);
        let AdamStep { decays: [beta1, beta2], root, epsilon, rate } = self.0;
        let [to_value, to_first, to_second] =
            outputs.clone().map(|output| output.into_tensor_arg());
        adam_kernel::launch(
            &client,
            cube_count,
            cube_dim,
            value.into_tensor_arg(),
            gradient.into_tensor_arg(),
            first.into_tensor_arg(),
            second.into_tensor_arg(),
            to_value,
            to_first,
            to_second,
            finite.clone().into_tensor_arg(),
            beta1 as f32,
            (1.0 - beta1) as f32,
            beta2 as f32,
            (1.0 - beta2) as f32,
            root as f32,
            epsilon as f32,
            rate as f32,
        );
        let [value, first, second] = outputs;
        vec![value, first, second, finite]
    }
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn adam_kernel(
    value: &Tensor<f32>,
    gradient: &Tensor<f32>,
    first: &Tensor<f32>,
    second: &Tensor<f32>,
    to_value: &mut Tensor<f32>,
    to_first: &mut Tensor<f32>,
    to_second: &mut Tensor<f32>,
    finite: &mut Tensor<f32>,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    root: f32,
    epsilon: f32,
    rate: f32,
) {
    let i = ABSOLUTE_POS;
    if i >= value.len() {
        terminate!();
    }
    let gradient = gradient[i];
    let first = first[i] * beta1 + gradient * rest1;
    let second = second[i] * beta2 + gradient * gradient * rest2;
    let value = value[i] - first / (second.sqrt() / root + epsilon) * rate;
    to_value[i] = value;
    to_first[i] = first;
    to_second[i] = second;
    // By the bits, since compilers may take it for granted that numbers are finite.
    let exponent = EXPONENT;
    let bits = u32::reinterpret(value);
    if bits & exponent == exponent || u32::reinterpret(second) & exponent == exponent {
        // Several may write, but none a number that is finite. (A constant can't be reinterpreted:
        // CUDA's compiler refuses what cubecl makes of it.)
        finite[0] = f32::reinterpret(bits | exponent);
    }
}
