//! Specialised paths for the backends that cubecl drives: wgpu (also as Vulkan and Metal) and CUDA,
//! with burn's fusion around them or without.
//!
//! Weight gradients are matrix products of columns (`conv`), and so are the convolutions themselves
//! where burn has no tensor cores for them or uses them badly. The products are ours (`product`)
//! or, on tensor cores, the fastest of a few of burn's (`tensor_cores`). Tensors have their
//! channels last in memory, which all want. What lies around them are kernels of ours in cubecl's
//! language, which it compiles for every runtime: an operation that would be ten of burn's
//! launches, and ten passes over memory, is one.

mod activation;
mod adam;
mod columns;
mod conv;
mod fold;
mod kernel;
mod norm;
mod operations;
mod plane;
mod product;
mod sigmoid;
mod sums;
mod switches;
mod tensor_cores;
mod window;

pub(super) use self::operations::Gpu;

/// burn's wgpu backend without fusion, by how it stores booleans: `u32` in WGSL, `u8` in SPIR-V and
/// MSL.
#[cfg(feature = "wgpu")]
pub(super) type Wgpu<Bool> =
    burn_cubecl::CubeBackend<burn_cubecl::cubecl::wgpu::WgpuRuntime, f32, i32, Bool>;

/// burn's CUDA backend without fusion.
#[cfg(feature = "cuda")]
pub(super) type Cuda =
    burn_cubecl::CubeBackend<burn_cubecl::cubecl::cuda::CudaRuntime, f32, i32, u8>;

/// What burn's backends are with its feature `fusion`, which another crate may ask for.
pub(super) use burn_fusion::Fusion as Fused;
