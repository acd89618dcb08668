//! What a specialised path has: every operation on plain tensors, and its gradients.

use burn::backend::Autodiff;
use burn::tensor::DType;
use burn::tensor::backend::Backend;

use crate::nn::kernels::adam_step::AdamStep;
use crate::nn::kernels::geometry::Geometry;
use crate::nn::kernels::primitive::Primitive;
use crate::nn::kernels::windowed::Windowed;

/// A tensor of a path's backend, and one under autodiff.
pub(super) type Plain<O> = Primitive<<O as Operations>::Backend>;
pub(super) type Tracked<O> = Primitive<Autodiff<<O as Operations>::Backend>>;

/// The kinds of operation that a path may lack for a type of float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Convolution,
    Leaky,
    Norm,
    Resize,
    LogSigmoid,
    Adam,
}

/// What comes after a norm.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then<T> {
    Nothing,
    Relu,
    /// A tensor of the same shape is added.
    Add(T),
}

impl<T> Then<T> {
    pub fn relu(wanted: bool) -> Self {
        if wanted { Self::Relu } else { Self::Nothing }
    }
}

/// The operations of the networks on one backend. *Small* and *large* tensors are those of a
/// [`Geometry`].
pub(super) trait Operations: std::fmt::Debug + Clone + Send + Sync + 'static {
    type Backend: Backend;

    /// Whether every operation costs a launch, so that few operations on much are better than many
    /// on little.
    fn launches() -> bool;

    /// What instance norm keeps for its gradient beside its inputs.
    type Statistics: Clone + std::fmt::Debug + Send + Sync + 'static;

    /// Whether 16-bit inputs are computed in float32, and the result rounded to their type.
    const WIDENS: bool;

    /// Whether the operation is specialised for inputs of these types.
    fn takes(operation: Operation, inputs: &[DType]) -> bool;

    /// `tensor` as the operations read it, so that it need not be copied more than once.
    fn prepare(tensor: Plain<Self>) -> Plain<Self>;

    /// Convolution: the large tensor and the weight `[A, B, k, k]` to the small one.
    fn convolve(geometry: &Geometry, large: Plain<Self>, weight: Plain<Self>) -> Plain<Self>;

    /// [`convolve`](Self::convolve), plus `bias` `[A]`, then LeakyReLU.
    fn convolve_leaky(
        geometry: &Geometry,
        large: Plain<Self>,
        weight: Plain<Self>,
        bias: Plain<Self>,
        slope: f32,
    ) -> Plain<Self>;

    /// Convolution of any window plus `bias` `[O]`, then ReLU, where the path has it.
    fn convolve_windowed(
        _of: &Windowed,
        _x: Plain<Self>,
        _weight: Plain<Self>,
        _bias: Plain<Self>,
    ) -> Option<Plain<Self>> {
        None
    }

    /// Transposed convolution: the small tensor and the weight to the large one.
    fn convolve_transposed(
        geometry: &Geometry,
        small: Plain<Self>,
        weight: Plain<Self>,
    ) -> Plain<Self>;

    /// The weight's gradient, given a tensor and a gradient, or a gradient and a tensor.
    fn weight_gradient(geometry: &Geometry, small: Plain<Self>, large: Plain<Self>) -> Plain<Self>;

    /// The gradients of [`convolve`](Self::convolve)'s inputs, given that of the small tensor.
    fn convolve_gradients(
        geometry: &Geometry,
        small: Plain<Self>,
        large: Plain<Self>,
        weight: Plain<Self>,
    ) -> [Plain<Self>; 2] {
        convolve_gradients_apart::<Self>(geometry, small, large, weight)
    }

    /// The gradients of [`convolve_transposed`](Self::convolve_transposed)'s inputs, given that of
    /// the large tensor.
    fn convolve_transposed_gradients(
        geometry: &Geometry,
        small: Plain<Self>,
        large: Plain<Self>,
        weight: Plain<Self>,
    ) -> [Plain<Self>; 2] {
        convolve_transposed_gradients_apart::<Self>(geometry, small, large, weight)
    }

    /// The gradient before LeakyReLU, given that of its output `y`, which has its input's sign.
    fn leaky_gradient(gradient: Plain<Self>, y: Plain<Self>, slope: f32) -> Plain<Self>;

    /// The sums `[C]` of a tensor `[N, C, H, W]` over all but its channels.
    fn channel_sums(values: Plain<Self>) -> Plain<Self>;

    /// Instance norm of `[x, gamma, beta]`, and what comes after it.
    fn normalise(
        inputs: [Plain<Self>; 3],
        then: Then<Plain<Self>>,
    ) -> (Plain<Self>, Self::Statistics);

    /// The gradients of [`normalise`](Self::normalise)'s inputs, with ReLU after it when `relu`.
    fn normalise_gradients(
        gradient: Plain<Self>,
        inputs: [Plain<Self>; 3],
        statistics: Self::Statistics,
        relu: bool,
    ) -> [Plain<Self>; 3];

    /// Every pixel of `[N, C, H, W]` four times, multiplied by `factor`, where the path has it.
    fn enlarge(_x: Plain<Self>, _factor: f32) -> Plain<Self> {
        unreachable!("{} has none", std::any::type_name::<Self>())
    }

    /// The sums of every two by two pixels of `[N, C, 2 H, 2 W]`, multiplied by `factor`, where the
    /// path has it.
    fn reduce(_x: Plain<Self>, _factor: f32) -> Plain<Self> {
        unreachable!("{} has none", std::any::type_name::<Self>())
    }

    /// As [`ops::log_sigmoid`](crate::nn::ops::log_sigmoid), where the path has it.
    fn log_sigmoid(_x: Plain<Self>) -> Plain<Self> {
        unreachable!("{} has none", std::any::type_name::<Self>())
    }

    /// The gradient of [`log_sigmoid`](Self::log_sigmoid)'s input, given its output's.
    fn log_sigmoid_gradient(_gradient: Plain<Self>, _x: Plain<Self>) -> Plain<Self> {
        unreachable!("{} has none", std::any::type_name::<Self>())
    }

    /// As [`ops::adam`](crate::nn::ops::adam), of plain float32.
    fn adam(
        tensors: [Plain<Self>; 4],
        finite: Option<Plain<Self>>,
        step: AdamStep,
    ) -> [Plain<Self>; 4];
}

/// [`Operations::convolve_gradients`] of two operations that share nothing.
pub(super) fn convolve_gradients_apart<O: Operations>(
    geometry: &Geometry,
    small: Plain<O>,
    large: Plain<O>,
    weight: Plain<O>,
) -> [Plain<O>; 2] {
    let dw = O::weight_gradient(geometry, small.clone(), large);
    [O::convolve_transposed(geometry, small, weight), dw]
}

/// [`Operations::convolve_transposed_gradients`] of two operations that share nothing.
pub(super) fn convolve_transposed_gradients_apart<O: Operations>(
    geometry: &Geometry,
    small: Plain<O>,
    large: Plain<O>,
    weight: Plain<O>,
) -> [Plain<O>; 2] {
    let dw = O::weight_gradient(geometry, small, large.clone());
    [O::convolve(geometry, large, weight), dw]
}
