//! Specialised paths for the backends that cubecl drives: wgpu (also as Vulkan and Metal) and CUDA,
//! with burn's fusion around them or without.
//!
//! Weight gradients are matrix products of columns (`conv`), and so are the convolutions themselves
//! where burn has no tensor cores for them: burn tunes the products. What lies around them are
//! kernels of ours in cubecl's language, which it compiles for every runtime: an operation that
//! would be ten of burn's launches, and ten passes over memory, is one.

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
mod window;

pub(super) use self::operations::Gpu;

/// burn's wgpu backend, by how it stores booleans: `u32` in WGSL, `u8` in SPIR-V and MSL.
#[cfg(feature = "wgpu")]
pub(super) type Wgpu<Bool> = burn::backend::Wgpu<f32, i32, Bool>;

/// The backend that burn's fusion wraps.
pub(crate) type Unfused<B> = <B as Fused>::Unfused;

/// A backend with burn's fusion around it.
pub(crate) trait Fused {
    type Unfused;
}

impl<B: burn_fusion::FusionBackend> Fused for burn_fusion::Fusion<B> {
    type Unfused = B;
}
