//! `--backend`: what computes, of what is compiled in.

use std::fmt::{self, Display};

use clap::ValueEnum;

use crate::failure::{Failure, usage};

#[cfg(not(any(feature = "flex", feature = "ndarray", feature = "wgpu", feature = "cuda")))]
compile_error!("the program needs a backend: enable the feature flex, ndarray, wgpu or cuda");

/// What computes. Those that are not compiled in are known too, to say how to get them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// CPU: the fast one
    Flex,
    /// CPU: the reference
    Ndarray,
    /// Any GPU, through Vulkan, Metal, DirectX or WebGPU, where the feature wgpu is compiled in
    Wgpu,
    /// NVIDIA GPUs, where the feature cuda is compiled in
    Cuda,
}

impl Backend {
    /// Whether it computes on the processor.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Flex | Self::Ndarray)
    }

    /// The failure of a command that asks for this backend where it is not compiled in.
    #[allow(dead_code, reason = "all may be compiled in")]
    pub fn absent<T>(self) -> Result<T, Failure> {
        usage(format!(
            "the backend {self} is not compiled in: in a clone, cargo run --release --features \
             {self} -- ..."
        ))
    }
}

impl Default for Backend {
    fn default() -> Self {
        let compiled = [
            (cfg!(feature = "flex"), Self::Flex),
            (cfg!(feature = "ndarray"), Self::Ndarray),
            (cfg!(feature = "wgpu"), Self::Wgpu),
        ];
        compiled.into_iter().find(|(compiled, _)| *compiled).map_or(Self::Cuda, |(_, first)| first)
    }
}

impl Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Evaluates an expression with a type name standing for the chosen backend. What does not depend
/// on the backend belongs outside: it would be compiled once for each.
macro_rules! on_backend {
    ($backend:expr, $name:ident => $body:expr) => {
        match $backend {
            #[cfg(not(feature = "flex"))]
            $crate::backend::Backend::Flex => $backend.absent(),
            #[cfg(feature = "flex")]
            $crate::backend::Backend::Flex => {
                type $name = stargan::burn::backend::Flex;
                $body
            }
            #[cfg(not(feature = "ndarray"))]
            $crate::backend::Backend::Ndarray => $backend.absent(),
            #[cfg(feature = "ndarray")]
            $crate::backend::Backend::Ndarray => {
                type $name = stargan::burn::backend::NdArray;
                $body
            }
            #[cfg(not(feature = "wgpu"))]
            $crate::backend::Backend::Wgpu => $backend.absent(),
            #[cfg(feature = "wgpu")]
            $crate::backend::Backend::Wgpu => {
                $crate::gpu::prepare();
                type $name = stargan::burn::backend::Wgpu;
                $body
            }
            #[cfg(not(feature = "cuda"))]
            $crate::backend::Backend::Cuda => $backend.absent(),
            #[cfg(feature = "cuda")]
            $crate::backend::Backend::Cuda => {
                $crate::gpu::tell_missing_headers();
                $crate::gpu::prepare();
                type $name = stargan::burn::backend::Cuda;
                $body
            }
        }
    };
}

pub(crate) use on_backend;
