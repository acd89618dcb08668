//! Instance norm, with the ReLU after it: one launch forward, one backward.

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::nn::architecture::NORM_EPSILON;
use crate::nn::kernels::gpu::kernel::{Kernel, empty, like};
use crate::nn::kernels::gpu::plane::{AHEAD, Planes, ahead, lane_sum, start, this_unit};
use crate::nn::kernels::operations::Then;

/// `[x, gamma, beta]`, and what is to be added where something is, to `y`, as `x`, and the planes'
/// means and inverse deviations, `[2, N C]`.
#[derive(Clone, Debug)]
pub(super) struct Normalise {
    pub then: Then<()>,
}

impl Kernel for Normalise {
    const NAME: &'static str = "instance_norm";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let [n, c, ..] = inputs[0].0.dims::<4>();
        vec![inputs[0].clone(), (Shape::new([2, n * c]), DType::F32)]
    }

    fn launch<R: CubeRuntime>(&self, mut inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let skip = match self.then {
            Then::Add(()) => inputs.pop().map(Planes::of),
            _ => None,
        };
        let (skip, skip_step) = match skip {
            Some((skip, planes)) => (Some(skip), planes.step),
            None => (None, 0),
        };
        let [x, gamma, beta] = <[_; 3]>::try_from(inputs).expect("three inputs");
        let (x, planes) = Planes::of(x);
        let [n, c, ..] = x.meta.shape().dims::<4>();
        let y = like(&x);
        let statistics = empty(&x, (Shape::new([2, n * c]), DType::F32));
        let dtype = x.dtype;
        normalise_kernel::launch(
            &x.client.clone(),
            planes.count(),
            planes.dim(),
            x.into_tensor_arg(),
            into_contiguous(gamma).into_tensor_arg(),
            into_contiguous(beta).into_tensor_arg(),
            skip.map(|skip| skip.into_tensor_arg()).into(),
            y.clone().into_tensor_arg(),
            statistics.clone().into_tensor_arg(),
            planes.step,
            skip_step,
            NORM_EPSILON as f32,
            matches!(self.then, Then::Relu),
            planes.units,
            planes.lanes,
            dtype.into(),
        );
        vec![y, statistics]
    }
}

#[cube(launch)]
fn normalise_kernel<E: Float>(
    x: &Tensor<E>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    skip: &ComptimeOption<Tensor<E>>,
    y: &mut Tensor<E>,
    statistics: &mut Tensor<f32>,
    step: u32,
    skip_step: u32,
    epsilon: f32,
    #[comptime] relu: bool,
    #[comptime] units: u32,
    #[comptime] lanes: u32,
    #[define(E)] _dtype: StorageType,
) {
    let planes = x.shape(0) * x.shape(1);
    let unit = this_unit(x.shape(1), lanes);
    let workers = comptime!((units / lanes) as usize);
    if CUBE_POS * comptime!(lanes as usize) >= planes {
        terminate!();
    }
    let mut shared = SharedMemory::<f32>::new(units as usize);
    let (plane, channel, worker) = (unit.plane, unit.channel, unit.worker);
    let start_of_x = start(x, &unit);
    let step = step as usize;
    let area = x.shape(2) * x.shape(3);

    let mut sum = 0f32;
    let mut i = worker;
    while i < area {
        let values = ahead::<E>(x, start_of_x + i * step, workers * step);
        #[unroll]
        for j in 0..AHEAD {
            if i < area {
                sum += values[j];
            }
            i += workers;
        }
    }
    let mean = lane_sum(sum, &mut shared, units, lanes) / area as f32;

    let mut squares = 0f32;
    let mut i = worker;
    while i < area {
        let values = ahead::<E>(x, start_of_x + i * step, workers * step);
        #[unroll]
        for j in 0..AHEAD {
            if i < area {
                let centred = values[j] - mean;
                squares += centred * centred;
            }
            i += workers;
        }
    }
    let variance = lane_sum(squares, &mut shared, units, lanes) / area as f32;
    let scale = 1f32 / (variance + epsilon).sqrt();

    let factor = scale * gamma[channel];
    let shift = beta[channel];
    let mut i = worker;
    while i < area {
        let values = ahead::<E>(x, start_of_x + i * step, workers * step);
        let added: ComptimeOption<Array<f32>> = skip.as_ref().map(|skip| {
            let step = skip_step as usize;
            ahead::<E>(skip, start(skip, &unit) + i * step, workers * step)
        });
        #[unroll]
        for j in 0..AHEAD {
            if i < area {
                let value = (values[j] - mean) * factor + shift;
                // What is no number stays so.
                let value =
                    if comptime!(relu) { select(value <= 0f32, 0f32, value) } else { value };
                let added: ComptimeOption<f32> = added.as_ref().map(|added| added[j]);
                let value = value + added.unwrap_or(0f32);
                y[start_of_x + i * step] = E::cast_from(value);
            }
            i += workers;
        }
    }
    if worker == 0 {
        statistics[plane] = mean;
        statistics[planes + plane] = scale;
    }
}

/// `[dy, x, gamma, beta, statistics]` to the input's gradient, as `x`, and, by plane, what it adds
/// to gamma's and to beta's, `[2, N, C]`.
#[derive(Clone, Debug)]
pub(super) struct NormaliseGradients {
    pub relu: bool,
}

impl Kernel for NormaliseGradients {
    const NAME: &'static str = "instance_norm_gradients";

    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)> {
        let [n, c, ..] = inputs[1].0.dims::<4>();
        vec![inputs[1].clone(), (Shape::new([2, n, c]), DType::F32)]
    }

    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        let [dy, x, gamma, beta, statistics] = <[_; 5]>::try_from(inputs).expect("five inputs");
        let (x, planes) = Planes::of(x);
        let (dy, Planes { step: dy_step, .. }) = Planes::of(dy);
        let [n, c, ..] = x.meta.shape().dims::<4>();
        let dx = like(&x);
        let sums = empty(&x, (Shape::new([2, n, c]), DType::F32));
        let dtype = x.dtype;
        normalise_gradients_kernel::launch(
            &x.client.clone(),
            planes.count(),
            planes.dim(),
            dy.into_tensor_arg(),
            x.into_tensor_arg(),
            into_contiguous(gamma).into_tensor_arg(),
            into_contiguous(beta).into_tensor_arg(),
            into_contiguous(statistics).into_tensor_arg(),
            dx.clone().into_tensor_arg(),
            sums.clone().into_tensor_arg(),
            planes.step,
            dy_step,
            self.relu,
            planes.units,
            planes.lanes,
            dtype.into(),
        );
        vec![dx, sums]
    }
}

#[cube(launch)]
fn normalise_gradients_kernel<E: Float>(
    dy: &Tensor<E>,
    x: &Tensor<E>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    statistics: &Tensor<f32>,
    dx: &mut Tensor<E>,
    sums: &mut Tensor<f32>,
    step: u32,
    dy_step: u32,
    #[comptime] relu: bool,
    #[comptime] units: u32,
    #[comptime] lanes: u32,
    #[define(E)] _dtype: StorageType,
) {
    let planes = x.shape(0) * x.shape(1);
    let unit = this_unit(x.shape(1), lanes);
    let workers = comptime!((units / lanes) as usize);
    if CUBE_POS * comptime!(lanes as usize) >= planes {
        terminate!();
    }
    let mut shared = SharedMemory::<f32>::new(units as usize);
    let (plane, channel, worker) = (unit.plane, unit.channel, unit.worker);
    let start_of_x = start(x, &unit);
    let step = step as usize;
    let start_of_dy = start(dy, &unit);
    let dy_step = dy_step as usize;
    let area = x.shape(2) * x.shape(3);
    let mean = statistics[plane];
    let scale = statistics[planes + plane];
    let (weight, shift) = (gamma[channel], beta[channel]);

    let mut total = 0f32;
    let mut weighted = 0f32;
    let mut i = worker;
    while i < area {
        let values = ahead::<E>(x, start_of_x + i * step, workers * step);
        let gradients = ahead::<E>(dy, start_of_dy + i * dy_step, workers * dy_step);
        #[unroll]
        for j in 0..AHEAD {
            if i < area {
                let normalised = (values[j] - mean) * scale;
                let gradient = open(gradients[j], normalised * weight + shift, relu);
                total += gradient;
                weighted += gradient * normalised;
            }
            i += workers;
        }
    }
    let total = lane_sum(total, &mut shared, units, lanes);
    let weighted = lane_sum(weighted, &mut shared, units, lanes);

    let mean_gradient = total / area as f32;
    let mean_weighted = weighted / area as f32;
    let mut i = worker;
    while i < area {
        let values = ahead::<E>(x, start_of_x + i * step, workers * step);
        let gradients = ahead::<E>(dy, start_of_dy + i * dy_step, workers * dy_step);
        #[unroll]
        for j in 0..AHEAD {
            if i < area {
                let normalised = (values[j] - mean) * scale;
                let gradient = open(gradients[j], normalised * weight + shift, relu);
                let value = gradient - mean_gradient - normalised * mean_weighted;
                dx[start_of_x + i * step] = E::cast_from(value * (scale * weight));
            }
            i += workers;
        }
    }
    if worker == 0 {
        sums[plane] = weighted;
        sums[planes + plane] = total;
    }
}

/// The gradient before ReLU, if there is one, whose input is `before`.
#[cube]
fn open(gradient: f32, before: f32, #[comptime] relu: bool) -> f32 {
    if comptime!(relu) { select(before > 0f32, gradient, 0f32) } else { gradient }
}
