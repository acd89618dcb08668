//! The operations on autodiff tensors over a host backend, with their gradients.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};

use crate::nn::kernels::cpu::conv;
use crate::nn::kernels::cpu::epilogue::Epilogue;
use crate::nn::kernels::cpu::geometry::Geometry;
use crate::nn::kernels::cpu::host::{Host, Primitive, dims, tensor};
use crate::nn::kernels::cpu::leaky::{channel_sums, leaky_gradient};
use crate::nn::kernels::cpu::norm::{self, Affine, Statistics};

use crate::nn::kernels::cpu::forward;

type Tracked<B> = Primitive<Autodiff<B>>;

/// Registers `$output`'s step in the graph: `$step` with `$state` where a parent is tracked.
macro_rules! record {
    ($step:expr, $inputs:expr, $compute:expr) => {{
        let nodes = $inputs.each_ref().map(|input| input.node.clone());
        let (state, output) = $compute;
        match $step.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(state, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }};
}

#[derive(Debug)]
struct Convolution;

impl<B: Host> Backward<B, 2> for Convolution {
    type State = (Geometry, [Primitive<B>; 2]);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (geometry, [x, weight]) = ops.state;
        let gradient = B::contiguous(grads.consume::<B>(&ops.node));
        let [to_x, to_weight] = ops.parents;
        if let Some(node) = to_weight {
            let dw = conv::weight_gradient(&geometry, B::slice(&gradient), B::slice(&x));
            grads.register::<B>(node.id, tensor::<B, 4>(dw, dims(&weight)));
        }
        if let Some(node) = to_x {
            let dx = conv::convolve_transposed(&geometry, B::slice(&gradient), B::slice(&weight));
            grads.register::<B>(node.id, tensor::<B, 4>(dx, geometry.large_shape()));
        }
    }
}

pub(super) fn conv2d<B: Host>(inputs: [Tracked<B>; 2], geometry: Geometry) -> Tracked<B> {
    record!(Convolution, inputs, {
        let inputs = inputs.map(|input| B::contiguous(input.primitive));
        let output = forward::conv2d::<B>(inputs.clone(), geometry);
        ((geometry, inputs), output)
    })
}

#[derive(Debug)]
struct LeakyConvolution;

impl<B: Host> Backward<B, 3> for LeakyConvolution {
    /// Geometry and slope, the image and the weight, and the output, whose sign is that of the
    /// activation's input.
    type State = (Geometry, f32, [Primitive<B>; 3]);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (geometry, slope, [x, weight, y]) = ops.state;
        let gradient = B::contiguous(grads.consume::<B>(&ops.node));
        let gradient = leaky_gradient(B::slice(&gradient), B::slice(&y), slope);
        let [to_x, to_weight, to_bias] = ops.parents;
        if let Some(node) = to_bias {
            let [_, channels, height, width] = geometry.small_shape();
            let db = channel_sums(&gradient, channels, height * width);
            grads.register::<B>(node.id, tensor::<B, 1>(db, [channels]));
        }
        if let Some(node) = to_weight {
            let dw = conv::weight_gradient(&geometry, &gradient, B::slice(&x));
            grads.register::<B>(node.id, tensor::<B, 4>(dw, dims(&weight)));
        }
        if let Some(node) = to_x {
            let dx = conv::convolve_transposed(&geometry, &gradient, B::slice(&weight));
            grads.register::<B>(node.id, tensor::<B, 4>(dx, geometry.large_shape()));
        }
    }
}

pub(super) fn conv2d_leaky_relu<B: Host>(
    inputs: [Tracked<B>; 3],
    (geometry, negative_slope): (Geometry, f32),
) -> Tracked<B> {
    record!(LeakyConvolution, inputs, {
        let [x, weight, bias] = inputs.map(|input| B::contiguous(input.primitive));
        let inputs = [x.clone(), weight.clone(), bias];
        let output = forward::conv2d_leaky_relu::<B>(inputs, (geometry, negative_slope));
        ((geometry, negative_slope, [x, weight, output.clone()]), output)
    })
}

#[derive(Debug)]
struct TransposedConvolution;

impl<B: Host> Backward<B, 2> for TransposedConvolution {
    type State = (Geometry, [Primitive<B>; 2]);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (geometry, [x, weight]) = ops.state;
        let gradient = B::contiguous(grads.consume::<B>(&ops.node));
        let [to_x, to_weight] = ops.parents;
        if let Some(node) = to_weight {
            let dw = conv::weight_gradient(&geometry, B::slice(&x), B::slice(&gradient));
            grads.register::<B>(node.id, tensor::<B, 4>(dw, dims(&weight)));
        }
        if let Some(node) = to_x {
            let (gradient, weight) = (B::slice(&gradient), B::slice(&weight));
            let dx = conv::convolve(&geometry, gradient, weight, Epilogue::default());
            grads.register::<B>(node.id, tensor::<B, 4>(dx, geometry.small_shape()));
        }
    }
}

pub(super) fn conv_transpose2d<B: Host>(inputs: [Tracked<B>; 2], geometry: Geometry) -> Tracked<B> {
    record!(TransposedConvolution, inputs, {
        let inputs = inputs.map(|input| B::contiguous(input.primitive));
        let output = forward::conv_transpose2d::<B>(inputs.clone(), geometry);
        ((geometry, inputs), output)
    })
}

#[derive(Debug)]
struct InstanceNorm;

impl<B: Host> Backward<B, 3> for InstanceNorm {
    type State = (bool, [Primitive<B>; 3], Vec<Statistics>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (relu, [x, gamma, beta], statistics) = ops.state;
        let gradient = B::contiguous(grads.consume::<B>(&ops.node));
        let shape: [usize; 4] = dims(&x);
        let affine = Affine { gamma: B::slice(&gamma), beta: B::slice(&beta), relu };
        let area = shape[2] * shape[3];
        let [dx, dgamma, dbeta] =
            norm::normalise_backward(B::slice(&x), area, affine, &statistics, B::slice(&gradient));
        let [to_x, to_gamma, to_beta] = ops.parents;
        for (node, gradient) in [(to_gamma, dgamma), (to_beta, dbeta)] {
            if let Some(node) = node {
                grads.register::<B>(node.id, tensor::<B, 1>(gradient, [shape[1]]));
            }
        }
        if let Some(node) = to_x {
            grads.register::<B>(node.id, tensor::<B, 4>(dx, shape));
        }
    }
}

pub(super) fn instance_norm<B: Host>(inputs: [Tracked<B>; 3], relu: bool) -> Tracked<B> {
    record!(InstanceNorm, inputs, {
        let [x, gamma, beta] = inputs.map(|input| B::contiguous(input.primitive));
        let shape: [usize; 4] = dims(&x);
        let affine = Affine { gamma: B::slice(&gamma), beta: B::slice(&beta), relu };
        let (y, statistics) = norm::normalise(B::slice(&x), shape[2] * shape[3], affine);
        ((relu, [x, gamma, beta], statistics), tensor::<B, 4>(y, shape))
    })
}
