//! Specialised paths of single operations, by the hardware that they are for.
//!
//! [`ops`](crate::nn::ops) asks here first. The backend is recognised at run time by its type, so
//! that the public API needs no trait beyond burn's `Backend`; what has no specialised path takes
//! burn's own operations. A path is an [`Operations`]; [`backward`] lifts any of them to the
//! autodiff graph.

pub(crate) mod adam_step;
mod backward;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu;
mod geometry;
#[cfg(feature = "gpu")]
mod gpu;
mod operations;
mod primitive;
#[cfg(test)]
mod tests;
mod windowed;

use std::any::TypeId;

use burn::backend::Autodiff;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor, TensorMetadata};

use self::geometry::Geometry;
use self::operations::{Operation, Operations, Plain, Then, Tracked};
use self::primitive::{Primitive, cast, primitive, tensor};
use self::windowed::Windowed;
use crate::nn::kernels::adam_step::AdamStep;

/// The first that is not `None` of `$run`, with `$path` as every [`Operations`] of this build in
/// turn.
macro_rules! first_path {
    ($path:ident => $run:expr) => {{
        first_path!(@ "flex", cpu::Cpu<burn::backend::Flex>, $path, $run);
        first_path!(@ "ndarray", cpu::Cpu<burn::backend::NdArray>, $path, $run);
        first_path!(@ "wgpu", gpu::Gpu<gpu::Wgpu<u32>>, $path, $run);
        first_path!(@ "wgpu", gpu::Gpu<gpu::Wgpu<u8>>, $path, $run);
        first_path!(@ "wgpu", gpu::Gpu<gpu::Fused<gpu::Wgpu<u32>>>, $path, $run);
        first_path!(@ "wgpu", gpu::Gpu<gpu::Fused<gpu::Wgpu<u8>>>, $path, $run);
        first_path!(@ "cuda", gpu::Gpu<gpu::Cuda>, $path, $run);
        first_path!(@ "cuda", gpu::Gpu<gpu::Fused<gpu::Cuda>>, $path, $run);
        None
    }};
    (@ $feature:literal, $operations:ty, $path:ident, $run:expr) => {
        #[cfg(feature = $feature)]
        {
            type $path = $operations;
            let found = $run;
            if found.is_some() {
                return found;
            }
        }
    };
}

/// What `plain` makes of `inputs` where `B` is the backend of `O`, or `tracked` where it is that
/// under autodiff; `None` elsewhere, and where `O` does not take tensors of those types, nor
/// float32 in their place.
fn on<B: Backend, O: Operations, const N: usize, const D: usize>(
    operation: Operation,
    inputs: &[Primitive<B>; N],
    plain: impl Fn([Plain<O>; N]) -> Plain<O>,
    tracked: impl Fn([Tracked<O>; N]) -> Tracked<O>,
) -> Option<Tensor<B, D>> {
    if !is::<B, O>() {
        return None;
    }
    let run = |inputs: [Primitive<B>; N]| match TypeId::of::<B>() == TypeId::of::<O::Backend>() {
        true => cast(plain(cast(inputs))),
        false => cast(tracked(cast(inputs))),
    };
    let dtypes = inputs.each_ref().map(|input| input.dtype());
    if O::takes(operation, &dtypes) {
        return Some(tensor(run(inputs.clone())));
    }
    let widened = O::WIDENS && matches!(dtypes[0], DType::F16 | DType::BF16);
    (widened && O::takes(operation, &[DType::F32; N])).then(|| {
        let inputs = inputs.clone().map(|input| B::float_cast(input, FloatDType::F32));
        tensor(B::float_cast(run(inputs), dtypes[0].into()))
    })
}

/// Whether `B` is the backend of `O`, or that under autodiff.
fn is<B: Backend, O: Operations>() -> bool {
    let backend = TypeId::of::<B>();
    backend == TypeId::of::<O::Backend>() || backend == TypeId::of::<Autodiff<O::Backend>>()
}

/// [`ops::launches`](crate::nn::ops::launches).
pub(crate) fn launches<B: Backend>() -> bool {
    let find = || first_path!(O => is::<B, O>().then(O::launches));
    find().unwrap_or(false)
}

/// [`ops::conv2d`](crate::nn::ops::conv2d).
pub(crate) fn conv2d<B: Backend>(
    x: &Tensor<B, 4>,
    weight: &Tensor<B, 4>,
    stride: usize,
    padding: usize,
) -> Option<Tensor<B, 4>> {
    let geometry = Geometry::of_convolution(x.dims(), weight.dims(), stride, padding)?;
    let inputs = [primitive(x), primitive(weight)];
    first_path!(O => on::<B, O, _, _>(
        Operation::Convolution,
        &inputs,
        |[x, weight]| O::convolve(&geometry, x, weight),
        |inputs| backward::conv2d::<O>(inputs, geometry),
    ))
}

/// [`ops::conv2d_leaky_relu`](crate::nn::ops::conv2d_leaky_relu).
pub(crate) fn conv2d_leaky_relu<B: Backend>(
    x: &Tensor<B, 4>,
    weight: &Tensor<B, 4>,
    bias: &Tensor<B, 1>,
    [stride, padding]: [usize; 2],
    negative_slope: f64,
) -> Option<Tensor<B, 4>> {
    let geometry = Geometry::of_convolution(x.dims(), weight.dims(), stride, padding)?;
    let inputs = [primitive(x), primitive(weight), primitive(bias)];
    let slope = negative_slope as f32;
    first_path!(O => on::<B, O, _, _>(
        Operation::Leaky,
        &inputs,
        |[x, weight, bias]| O::convolve_leaky(&geometry, x, weight, bias, slope),
        |inputs| backward::conv2d_leaky_relu::<O>(inputs, geometry, slope),
    ))
}

/// [`ops::conv2d_relu`](crate::nn::ops::conv2d_relu), which has no gradient here.
pub(crate) fn conv2d_relu<B: Backend>(
    x: &Tensor<B, 4>,
    weight: &Tensor<B, 4>,
    bias: &Tensor<B, 1>,
    stride: usize,
    padding: [usize; 2],
) -> Option<Tensor<B, 4>> {
    let of = Windowed::new(x.dims(), weight.dims(), stride, padding)?;
    let inputs = [primitive(x), primitive(weight), primitive(bias)];
    first_path!(O => windowed_on::<B, O>(&of, &inputs))
}

/// [`conv2d_relu`] by `O`, where it takes the tensors.
fn windowed_on<B: Backend, O: Operations>(
    of: &Windowed,
    inputs: &[Primitive<B>; 3],
) -> Option<Tensor<B, 4>> {
    let takes = TypeId::of::<B>() == TypeId::of::<O::Backend>()
        && O::takes(Operation::Convolution, &inputs.each_ref().map(|input| input.dtype()));
    let [x, weight, bias] = takes.then(|| inputs.clone().map(cast))?;
    O::convolve_windowed(of, x, weight, bias).map(|y| tensor(cast::<Plain<O>, _>(y)))
}

/// [`ops::conv_transpose2d`](crate::nn::ops::conv_transpose2d).
pub(crate) fn conv_transpose2d<B: Backend>(
    x: &Tensor<B, 4>,
    weight: &Tensor<B, 4>,
    stride: usize,
    padding: usize,
) -> Option<Tensor<B, 4>> {
    let geometry = Geometry::of_transposed(x.dims(), weight.dims(), stride, padding)?;
    let inputs = [primitive(x), primitive(weight)];
    first_path!(O => on::<B, O, _, _>(
        Operation::Convolution,
        &inputs,
        |[x, weight]| O::convolve_transposed(&geometry, x, weight),
        |inputs| backward::conv_transpose2d::<O>(inputs, geometry),
    ))
}

/// [`ops::instance_norm`](crate::nn::ops::instance_norm).
pub(crate) fn instance_norm<B: Backend>(
    x: &Tensor<B, 4>,
    gamma: &Tensor<B, 1>,
    beta: &Tensor<B, 1>,
    relu: bool,
) -> Option<Tensor<B, 4>> {
    let inputs = [primitive(x), primitive(gamma), primitive(beta)];
    first_path!(O => on::<B, O, _, _>(
        Operation::Norm,
        &inputs,
        |inputs| O::normalise(inputs, Then::relu(relu)).0,
        |inputs| backward::instance_norm::<O>(inputs, relu),
    ))
}

/// [`ops::instance_norm_onto`](crate::nn::ops::instance_norm_onto).
pub(crate) fn instance_norm_onto<B: Backend>(
    skip: &Tensor<B, 4>,
    x: &Tensor<B, 4>,
    gamma: &Tensor<B, 1>,
    beta: &Tensor<B, 1>,
) -> Option<Tensor<B, 4>> {
    let inputs = [primitive(x), primitive(gamma), primitive(beta), primitive(skip)];
    first_path!(O => on::<B, O, _, _>(
        Operation::Norm,
        &inputs,
        |[x, gamma, beta, skip]| O::normalise([x, gamma, beta], Then::Add(skip)).0,
        backward::instance_norm_onto::<O>,
    ))
}

/// [`ops::mean_pool`](crate::nn::ops::mean_pool).
pub(crate) fn mean_pool<B: Backend>(x: &Tensor<B, 4>) -> Option<Tensor<B, 4>> {
    let inputs = [primitive(x)];
    first_path!(O => on::<B, O, _, _>(
        Operation::Resize,
        &inputs,
        |[x]| O::reduce(x, 0.25),
        backward::mean_pool::<O>,
    ))
}

/// [`ops::nearest_up`](crate::nn::ops::nearest_up).
pub(crate) fn nearest_up<B: Backend>(x: &Tensor<B, 4>) -> Option<Tensor<B, 4>> {
    let inputs = [primitive(x)];
    first_path!(O => on::<B, O, _, _>(
        Operation::Resize,
        &inputs,
        |[x]| O::enlarge(x, 1.0),
        backward::nearest_up::<O>,
    ))
}

/// [`ops::leaky_relu`](crate::nn::ops::leaky_relu).
pub(crate) fn leaky_relu<B: Backend>(
    x: &Tensor<B, 4>,
    negative_slope: f64,
) -> Option<Tensor<B, 4>> {
    let inputs = [primitive(x)];
    let slope = negative_slope as f32;
    first_path!(O => on::<B, O, _, _>(
        Operation::Leaky,
        &inputs,
        |[x]| O::leaky_gradient(x.clone(), x, slope),
        |inputs| backward::leaky_relu::<O>(inputs, slope),
    ))
}

/// [`ops::leaky_relu_gradient`](crate::nn::ops::leaky_relu_gradient).
pub(crate) fn leaky_relu_gradient<B: Backend>(
    gradient: &Tensor<B, 4>,
    y: &Tensor<B, 4>,
    negative_slope: f64,
) -> Option<Tensor<B, 4>> {
    let inputs = [primitive(gradient), primitive(y)];
    let slope = negative_slope as f32;
    first_path!(O => on::<B, O, _, _>(
        Operation::Leaky,
        &inputs,
        |[gradient, y]| O::leaky_gradient(gradient, y, slope),
        |inputs| backward::leaky_relu_gradient::<O>(inputs, slope),
    ))
}

/// [`ops::log_sigmoid`](crate::nn::ops::log_sigmoid).
pub(crate) fn log_sigmoid<B: Backend, const D: usize>(x: &Tensor<B, D>) -> Option<Tensor<B, D>> {
    let inputs = [primitive(x)];
    first_path!(O => on::<B, O, _, _>(
        Operation::LogSigmoid,
        &inputs,
        |[x]| O::log_sigmoid(x),
        backward::log_sigmoid::<O>,
    ))
}

/// What [`adam`] is given: four tensors, and what is finite if all before was.
type Adam<B> = ([Tensor<B, 1>; 4], Option<Tensor<B, 1>>);

/// [`ops::adam`](crate::nn::ops::adam), which gets its tensors back where there is no path.
pub(crate) fn adam<B: Backend>(
    tensors: [Tensor<B, 1>; 4],
    finite: Option<Tensor<B, 1>>,
    step: AdamStep,
) -> Result<[Tensor<B, 1>; 4], Adam<B>> {
    let mut given = Some((tensors, finite));
    let updated = (|| first_path!(O => adam_on::<B, O>(&mut given, step)))();
    updated.ok_or_else(|| given.expect("whoever takes them returns"))
}

/// [`adam`] by `O`, where it takes the tensors.
fn adam_on<B: Backend, O: Operations>(
    given: &mut Option<Adam<B>>,
    step: AdamStep,
) -> Option<[Tensor<B, 1>; 4]> {
    let takes = |(tensors, _): &mut Adam<B>| {
        TypeId::of::<B>() == TypeId::of::<O::Backend>()
            && O::takes(Operation::Adam, &tensors.each_ref().map(|tensor| tensor.dtype()))
    };
    let (tensors, finite) = given.take_if(takes)?;
    // Given away, so that nobody else holds them.
    let tensors = tensors.map(|tensor| cast(tensor.into_primitive().tensor()));
    let finite = finite.map(|finite| cast(finite.into_primitive().tensor()));
    Some(O::adam(tensors, finite, step).map(|updated| tensor(cast::<Plain<O>, _>(updated))))
}
