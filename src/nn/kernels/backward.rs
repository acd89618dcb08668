//! The operations on autodiff tensors, with their gradients.

use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};

use crate::nn::kernels::operations::{Operations, Plain, Then, Tracked};
use stargan_kernels::geometry::Geometry;

/// Registers `$output`'s step in the graph: `$step` with `$state` where a parent is tracked.
macro_rules! record {
    ($step:ident, $inputs:expr, $compute:expr) => {{
        let nodes = $inputs.each_ref().map(|input| input.node.clone());
        let (state, output) = $compute;
        match $step::<O>(PhantomData).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(state, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }};
}

#[derive(Clone, Debug)]
struct Convolution<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 2> for Convolution<O> {
    type State = (Geometry, [Plain<O>; 2]);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (geometry, [x, weight]) = ops.state;
        let gradient = O::prepare(grads.consume::<O::Backend>(&ops.node));
        match ops.parents {
            [Some(to_x), Some(to_weight)] => {
                let [dx, dw] = O::convolve_gradients(&geometry, gradient, x, weight);
                grads.register::<O::Backend>(to_weight.id, dw);
                grads.register::<O::Backend>(to_x.id, dx);
            }
            [Some(to_x), None] => {
                let dx = O::convolve_transposed(&geometry, gradient, weight);
                grads.register::<O::Backend>(to_x.id, dx);
            }
            [None, Some(to_weight)] => {
                let dw = O::weight_gradient(&geometry, gradient, x);
                grads.register::<O::Backend>(to_weight.id, dw);
            }
            [None, None] => (),
        }
    }
}

pub(super) fn conv2d<O: Operations>(inputs: [Tracked<O>; 2], geometry: Geometry) -> Tracked<O> {
    record!(Convolution, inputs, {
        let [x, weight] = inputs.map(|input| O::prepare(input.primitive));
        let output = O::convolve(&geometry, x.clone(), weight.clone());
        ((geometry, [x, weight]), output)
    })
}

#[derive(Clone, Debug)]
struct LeakyConvolution<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 3> for LeakyConvolution<O> {
    /// Geometry and slope, the image and the weight, and the output, whose sign is that of the
    /// activation's input; none where the slope is 1, which changes nothing.
    type State = (Geometry, f32, [Plain<O>; 2], Option<Plain<O>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (geometry, slope, [x, weight], y) = ops.state;
        let gradient = grads.consume::<O::Backend>(&ops.node);
        let gradient = match y {
            Some(y) => O::leaky_gradient(gradient, y, slope),
            None => O::prepare(gradient),
        };
        let [to_x, to_weight, to_bias] = ops.parents;
        if let Some(node) = to_bias {
            grads.register::<O::Backend>(node.id, O::channel_sums(gradient.clone()));
        }
        if let Some(node) = to_weight {
            let dw = O::weight_gradient(&geometry, gradient.clone(), x);
            grads.register::<O::Backend>(node.id, dw);
        }
        if let Some(node) = to_x {
            let dx = O::convolve_transposed(&geometry, gradient, weight);
            grads.register::<O::Backend>(node.id, dx);
        }
    }
}

pub(super) fn conv2d_leaky_relu<O: Operations>(
    inputs: [Tracked<O>; 3],
    geometry: Geometry,
    slope: f32,
) -> Tracked<O> {
    record!(LeakyConvolution, inputs, {
        let [x, weight, bias] = inputs.map(|input| O::prepare(input.primitive));
        let output = O::convolve_leaky(&geometry, x.clone(), weight.clone(), bias, slope);
        let y = (slope != 1.0).then(|| output.clone());
        ((geometry, slope, [x, weight], y), output)
    })
}

#[derive(Clone, Debug)]
struct TransposedConvolution<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 2> for TransposedConvolution<O> {
    type State = (Geometry, [Plain<O>; 2]);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (geometry, [x, weight]) = ops.state;
        let gradient = O::prepare(grads.consume::<O::Backend>(&ops.node));
        match ops.parents {
            [Some(to_x), Some(to_weight)] => {
                let [dx, dw] = O::convolve_transposed_gradients(&geometry, x, gradient, weight);
                grads.register::<O::Backend>(to_weight.id, dw);
                grads.register::<O::Backend>(to_x.id, dx);
            }
            [Some(to_x), None] => {
                let dx = O::convolve(&geometry, gradient, weight);
                grads.register::<O::Backend>(to_x.id, dx);
            }
            [None, Some(to_weight)] => {
                let dw = O::weight_gradient(&geometry, x, gradient);
                grads.register::<O::Backend>(to_weight.id, dw);
            }
            [None, None] => (),
        }
    }
}

pub(super) fn conv_transpose2d<O: Operations>(
    inputs: [Tracked<O>; 2],
    geometry: Geometry,
) -> Tracked<O> {
    record!(TransposedConvolution, inputs, {
        let [x, weight] = inputs.map(|input| O::prepare(input.primitive));
        let output = O::convolve_transposed(&geometry, x.clone(), weight.clone());
        ((geometry, [x, weight]), output)
    })
}

#[derive(Clone, Debug)]
struct MeanPool<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 1> for MeanPool<O> {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<O::Backend>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<O::Backend>(node.id, O::enlarge(gradient, 0.25));
        }
    }
}

pub(super) fn mean_pool<O: Operations>(inputs: [Tracked<O>; 1]) -> Tracked<O> {
    record!(MeanPool, inputs, {
        let [x] = inputs.map(|input| input.primitive);
        ((), O::reduce(x, 0.25))
    })
}

#[derive(Clone, Debug)]
struct NearestUp<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 1> for NearestUp<O> {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<O::Backend>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<O::Backend>(node.id, O::reduce(gradient, 1.0));
        }
    }
}

pub(super) fn nearest_up<O: Operations>(inputs: [Tracked<O>; 1]) -> Tracked<O> {
    record!(NearestUp, inputs, {
        let [x] = inputs.map(|input| input.primitive);
        ((), O::enlarge(x, 1.0))
    })
}

#[derive(Clone, Debug)]
struct LeakyRelu<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 1> for LeakyRelu<O> {
    /// The slope, and the input.
    type State = (f32, Plain<O>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (slope, x) = ops.state;
        let gradient = grads.consume::<O::Backend>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<O::Backend>(node.id, O::leaky_gradient(gradient, x, slope));
        }
    }
}

pub(super) fn leaky_relu<O: Operations>(inputs: [Tracked<O>; 1], slope: f32) -> Tracked<O> {
    record!(LeakyRelu, inputs, {
        let [x] = inputs.map(|input| O::prepare(input.primitive));
        ((slope, x.clone()), O::leaky_gradient(x.clone(), x, slope))
    })
}

#[derive(Clone, Debug)]
struct LeakyGradient<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 1> for LeakyGradient<O> {
    type State = (f32, Plain<O>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (slope, y) = ops.state;
        let gradient = grads.consume::<O::Backend>(&ops.node);
        let [to_gradient] = ops.parents;
        if let Some(node) = to_gradient {
            // Linear, and its own transpose.
            let before = O::leaky_gradient(gradient, y, slope);
            grads.register::<O::Backend>(node.id, before);
        }
    }
}

/// Of `[gradient, y]`; `y`, of which only the sign counts, is a constant.
pub(super) fn leaky_relu_gradient<O: Operations>(
    [gradient, y]: [Tracked<O>; 2],
    slope: f32,
) -> Tracked<O> {
    record!(LeakyGradient, [gradient.clone()], {
        let y = O::prepare(y.primitive);
        let output = O::leaky_gradient(gradient.primitive, y.clone(), slope);
        ((slope, y), output)
    })
}

#[derive(Clone, Debug)]
struct InstanceNorm<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 3> for InstanceNorm<O> {
    type State = (bool, [Plain<O>; 3], O::Statistics);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (relu, inputs, statistics) = ops.state;
        let gradient = grads.consume::<O::Backend>(&ops.node);
        let gradients = O::normalise_gradients(gradient, inputs, statistics, relu);
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                grads.register::<O::Backend>(node.id, gradient);
            }
        }
    }
}

pub(super) fn instance_norm<O: Operations>(inputs: [Tracked<O>; 3], relu: bool) -> Tracked<O> {
    record!(InstanceNorm, inputs, {
        let inputs = inputs.map(|input| O::prepare(input.primitive));
        let (output, statistics) = O::normalise(inputs.clone(), Then::relu(relu));
        ((relu, inputs, statistics), output)
    })
}

#[derive(Clone, Debug)]
struct InstanceNormOnto<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 4> for InstanceNormOnto<O> {
    type State = ([Plain<O>; 3], O::Statistics);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (inputs, statistics) = ops.state;
        let gradient = grads.consume::<O::Backend>(&ops.node);
        let [to_x, to_gamma, to_beta, to_skip] = ops.parents;
        let of_norm = O::normalise_gradients(gradient.clone(), inputs, statistics, false);
        for (node, gradient) in [to_x, to_gamma, to_beta].into_iter().zip(of_norm) {
            if let Some(node) = node {
                grads.register::<O::Backend>(node.id, gradient);
            }
        }
        if let Some(node) = to_skip {
            grads.register::<O::Backend>(node.id, gradient);
        }
    }
}

/// Of `[x, gamma, beta, skip]`.
pub(super) fn instance_norm_onto<O: Operations>(inputs: [Tracked<O>; 4]) -> Tracked<O> {
    record!(InstanceNormOnto, inputs, {
        let [x, gamma, beta, skip] = inputs.map(|input| O::prepare(input.primitive));
        let inputs = [x, gamma, beta];
        let (output, statistics) = O::normalise(inputs.clone(), Then::Add(skip));
        ((inputs, statistics), output)
    })
}

#[derive(Clone, Debug)]
struct LogSigmoid<O>(PhantomData<O>);

impl<O: Operations> Backward<O::Backend, 1> for LogSigmoid<O> {
    type State = Plain<O>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<O::Backend>(&ops.node);
        let [to_x] = ops.parents;
        if let Some(node) = to_x {
            let dx = O::log_sigmoid_gradient(gradient, ops.state);
            grads.register::<O::Backend>(node.id, dx);
        }
    }
}

pub(super) fn log_sigmoid<O: Operations>([x]: [Tracked<O>; 1]) -> Tracked<O> {
    record!(LogSigmoid, [x.clone()], {
        let output = O::log_sigmoid(x.primitive.clone());
        (x.primitive, output)
    })
}
