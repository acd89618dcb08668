//! What a kernel of ours is, and how it is launched on a backend that cubecl drives, with burn's
//! fusion around it or without.

#[cfg(feature = "cuda")]
use std::any::TypeId;
use std::fmt::Debug;
use std::marker::PhantomData;

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Shape, TensorMetadata};
use burn_cubecl::cubecl::calculate_cube_count_elemwise;
use burn_cubecl::cubecl::prelude::{ComputeClient, CubeCount, CubeDim};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};
use burn_fusion::stream::{Operation, OperationStreams};
use burn_fusion::{Fusion, FusionBackend, FusionRuntime};
use burn_ir::{CustomOpIr, HandleContainer, OperationIr, TensorIr};

use crate::nn::kernels::gpu::switches::Switch;
use crate::nn::kernels::primitive::Primitive;

/// A kernel from float tensors to float tensors, with its settings.
pub(in crate::nn::kernels) trait Kernel:
    Clone + Debug + Send + Sync + 'static
{
    /// What fusion and profiles call it.
    const NAME: &'static str;

    /// Shape and type of every output, given those of the inputs.
    fn outputs(&self, inputs: &[(Shape, DType)]) -> Vec<(Shape, DType)>;

    /// Launches it.
    fn launch<R: CubeRuntime>(&self, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>>;
}

/// A backend that runs [`Kernel`]s.
pub(in crate::nn::kernels) trait Launch: Backend {
    /// The outputs of `kernel`.
    fn run<K: Kernel>(kernel: K, inputs: Vec<Primitive<Self>>) -> Vec<Primitive<Self>>;

    /// Whether burn has kernels for tensor cores there, which round float32 to TF32 and are chosen
    /// among by trying them.
    fn has_tensor_cores() -> bool;
}

impl<R, F, I, BT> Launch for CubeBackend<R, F, I, BT>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    fn run<K: Kernel>(kernel: K, inputs: Vec<CubeTensor<R>>) -> Vec<CubeTensor<R>> {
        kernel.launch(inputs)
    }

    fn has_tensor_cores() -> bool {
        #[cfg(feature = "cuda")]
        let is_cuda = TypeId::of::<R>() == TypeId::of::<burn_cubecl::cubecl::cuda::CudaRuntime>();
        #[cfg(not(feature = "cuda"))]
        let is_cuda = false;
        is_cuda && Switch::TensorCores.is_on()
    }
}

/// A kernel in the stream of operations that fusion looks at: one that is fused with nothing.
#[derive(Debug)]
struct Custom<B, K> {
    description: CustomOpIr,
    kernel: K,
    backend: PhantomData<B>,
}

impl<B: FusionBackend + Launch, K: Kernel> Operation<B::FusionRuntime> for Custom<B, K> {
    fn execute(
        &self,
        handles: &mut HandleContainer<<B::FusionRuntime as FusionRuntime>::FusionHandle>,
    ) {
        let CustomOpIr { inputs, outputs, .. } = &self.description;
        let inputs = inputs.iter().map(|input| handles.get_float_tensor::<B>(input)).collect();
        for (to, output) in outputs.iter().zip(B::run(self.kernel.clone(), inputs)) {
            handles.register_float_tensor::<B>(&to.id, output);
        }
    }
}

impl<B: FusionBackend + Launch> Launch for Fusion<B> {
    fn run<K: Kernel>(kernel: K, inputs: Vec<Primitive<Self>>) -> Vec<Primitive<Self>> {
        let client = inputs[0].client.clone();
        let streams = OperationStreams::with_inputs(&inputs);
        let given: Vec<_> =
            inputs.iter().map(|input| (input.shape(), TensorMetadata::dtype(input))).collect();
        let outputs: Vec<_> = kernel
            .outputs(&given)
            .into_iter()
            .map(|(shape, dtype)| TensorIr::uninit(client.create_empty_handle(), shape, dtype))
            .collect();
        let inputs: Vec<_> = inputs.into_iter().map(|input| input.into_ir()).collect();
        let description = CustomOpIr::new(K::NAME, &inputs, &outputs);
        let operation =
            Custom::<B, K> { description: description.clone(), kernel, backend: PhantomData };
        client.register(streams, OperationIr::Custom(description), operation)
    }

    fn has_tensor_cores() -> bool {
        B::has_tensor_cores()
    }
}

/// Memory for an output, in row-major order, on the device of `like`.
pub(super) fn empty<R: CubeRuntime>(
    like: &CubeTensor<R>,
    (shape, dtype): (Shape, DType),
) -> CubeTensor<R> {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, dtype)
}

/// Memory laid out as `x`, which has no gaps.
pub(super) fn like<R: CubeRuntime>(x: &CubeTensor<R>) -> CubeTensor<R> {
    let handle = x.client.empty(x.meta.num_elements() * x.dtype.size());
    let (client, device) = (x.client.clone(), x.device.clone());
    CubeTensor::new(client, handle, (*x.meta).clone(), device, x.dtype)
}

/// The cubes, and the units of each, for a unit per value of an output.
pub(super) fn unit_per_value<R: CubeRuntime>(
    client: &ComputeClient<R>,
    values: usize,
) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(client, values);
    (calculate_cube_count_elemwise(client, values, dim), dim)
}
