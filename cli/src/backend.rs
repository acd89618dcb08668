//! `--backend`: what computes, of what is compiled in.

use std::fmt::{self, Display};

use clap::ValueEnum;

#[cfg(not(any(feature = "flex", feature = "ndarray", feature = "wgpu", feature = "cuda")))]
compile_error!("the program needs a backend: enable the feature flex, ndarray, wgpu or cuda");

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// CPU: the fast one
    #[cfg(feature = "flex")]
    Flex,
    /// CPU: the reference
    #[cfg(feature = "ndarray")]
    Ndarray,
    /// Any GPU, through Vulkan, Metal, DirectX or WebGPU
    #[cfg(feature = "wgpu")]
    Wgpu,
    /// NVIDIA GPUs
    #[cfg(feature = "cuda")]
    Cuda,
}

impl Backend {
    /// Whether it computes on the processor.
    #[cfg(feature = "collective")]
    pub fn is_cpu(self) -> bool {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => true,
            #[cfg(feature = "ndarray")]
            Self::Ndarray => true,
            #[cfg(feature = "wgpu")]
            Self::Wgpu => false,
            #[cfg(feature = "cuda")]
            Self::Cuda => false,
        }
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self::value_variants()[0]
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
            #[cfg(feature = "flex")]
            $crate::backend::Backend::Flex => {
                type $name = stargan::burn::backend::Flex;
                $body
            }
            #[cfg(feature = "ndarray")]
            $crate::backend::Backend::Ndarray => {
                type $name = stargan::burn::backend::NdArray;
                $body
            }
            #[cfg(feature = "wgpu")]
            $crate::backend::Backend::Wgpu => {
                type $name = stargan::burn::backend::Wgpu;
                $body
            }
            #[cfg(feature = "cuda")]
            $crate::backend::Backend::Cuda => {
                type $name = stargan::burn::backend::Cuda;
                $body
            }
        }
    };
}

pub(crate) use on_backend;
