//! `--backend`: what computes, of what is compiled in.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use stargan::BackendKind;

use crate::failure::{Failure, usage};

#[cfg(not(any(feature = "flex", feature = "ndarray", feature = "wgpu", feature = "cuda")))]
compile_error!("the program needs a backend: enable the feature flex, ndarray, wgpu or cuda");

/// Those that are not compiled in are offered too, to say how to get them.
const OFFERED: [(BackendKind, &str); 4] = [
    (BackendKind::Flex, "CPU: the fast one"),
    (BackendKind::NdArray, "CPU: the reference"),
    (
        BackendKind::Wgpu,
        "Any GPU, through Vulkan, Metal, DirectX or WebGPU, where the feature wgpu is compiled in",
    ),
    (BackendKind::Cuda, "NVIDIA GPUs, where the feature cuda is compiled in"),
];

/// The values of `--backend`.
pub fn values() -> impl TypedValueParser<Value = BackendKind> {
    let values = OFFERED.map(|(kind, help)| PossibleValue::new(kind.feature()).help(help));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<BackendKind>())
}

/// Refuses a backend that is not compiled in.
pub fn check(backend: BackendKind) -> Result<(), Failure> {
    if !backend.is_available() {
        return usage(format!(
            "the backend {backend} is not compiled in: in a clone, cargo run --release --features \
             {backend} -- ..."
        ));
    }
    Ok(())
}

/// Evaluates an expression as [`stargan::any_backend`] does, on a GPU that is prepared. The value
/// is a `Result` whose error is a [`Failure`].
macro_rules! on_backend {
    ($backend:expr, $name:ident => $body:expr) => {
        $crate::backend::check($backend).and_then(|()| {
            #[cfg(feature = "gpu")]
            $crate::gpu::prepare($backend);
            stargan::any_backend!($backend, $name => $body)
        })
    };
}

pub(crate) use on_backend;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_backends_are_offered() {
        assert_eq!(OFFERED.map(|(kind, _)| kind), BackendKind::ALL);
    }
}
