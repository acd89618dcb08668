//! The backends that a program may choose from when it runs.

use std::fmt::{self, Display};
use std::str::FromStr;

use crate::error::{Error, did_you_mean};

/// A backend of burn, as a value: what somebody chooses when the program runs. Those that are not
/// compiled in are known too, to say how to get them. Its text is that of the cargo feature which
/// compiles it in, such as `flex`; the default is the first of [`available`](Self::available).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendKind {
    /// The processor: the fast one.
    Flex,
    /// The processor: the reference.
    NdArray,
    /// Any GPU, through Vulkan, Metal, DirectX or WebGPU.
    Wgpu,
    /// NVIDIA GPUs.
    Cuda,
}

impl BackendKind {
    /// All that are known.
    pub const ALL: [Self; 4] = [Self::Flex, Self::NdArray, Self::Wgpu, Self::Cuda];

    /// Those that are compiled in, in the order of [`ALL`](Self::ALL).
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| kind.is_available())
    }

    /// Whether it is compiled in.
    pub fn is_available(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// Whether it computes on the processor.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Flex | Self::NdArray)
    }

    /// The cargo feature that compiles it in.
    pub fn feature(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// The error of asking for it where it is not compiled in.
    pub fn absent(self) -> Error {
        Error::Config(format!(
            "the backend {self} is not compiled in: build with the cargo feature {self}"
        ))
    }
}

impl Default for BackendKind {
    fn default() -> Self {
        Self::available().next().unwrap_or(Self::Flex)
    }
}

impl Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.feature())
    }
}

impl FromStr for BackendKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let names = Self::ALL.map(Self::feature);
        Self::ALL.into_iter().find(|kind| kind.feature() == text).ok_or_else(|| {
            Error::Config(format!(
                "expected a backend ({}), found {text:?}{}",
                names.join(", "),
                did_you_mean(text, names)
            ))
        })
    }
}

/// Evaluates an expression with a type name standing for the backend that a [`BackendKind`] is. The
/// expression is a `Result` whose error is made from [`Error`]; where the backend is not compiled
/// in, the value is the error [`BackendKind::absent`]. The expression is compiled once for each
/// backend, so what does not depend on it belongs outside. Training takes `Autodiff<B>`.
///
/// ```
/// use stargan::burn::tensor::Tensor;
/// use stargan::{BackendKind, Error, any_backend};
///
/// fn sum(values: [f32; 3], backend: BackendKind) -> Result<f32, Error> {
///     any_backend!(backend, B => {
///         let values = Tensor::<B, 1>::from_floats(values, &Default::default());
///         Ok(values.sum().into_scalar())
///     })
/// }
///
/// assert_eq!(sum([1.0, 2.0, 3.0], BackendKind::default())?, 6.0);
/// # #[cfg(not(feature = "cuda"))]
/// assert!(sum([1.0; 3], "cuda".parse()?).unwrap_err().to_string().contains("feature cuda"));
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! any_backend {
    ($kind:expr, $name:ident => $body:expr) => {
        match $kind {
            $crate::BackendKind::Flex => $crate::__on::flex!(Flex, $name => $body),
            $crate::BackendKind::NdArray => $crate::__on::ndarray!(NdArray, $name => $body),
            $crate::BackendKind::Wgpu => $crate::__on::wgpu!(Wgpu, $name => $body),
            $crate::BackendKind::Cuda => $crate::__on::cuda!(Cuda, $name => $body),
            // One that a later version knows.
            #[allow(unreachable_patterns)]
            other => Err(other.absent().into()),
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __present {
    ($kind:ident, $name:ident => $body:expr) => {{
        type $name = $crate::burn::backend::$kind;
        $body
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __absent {
    ($kind:ident, $name:ident => $body:expr) => {
        Err($crate::BackendKind::$kind.absent().into())
    };
}

/// What [`any_backend`] makes of each backend. The features are this crate's: asked for within that
/// macro, they would be those of the crate that calls it.
#[doc(hidden)]
pub mod on {
    #[cfg(not(feature = "cuda"))]
    pub use crate::__absent as cuda;
    #[cfg(not(feature = "flex"))]
    pub use crate::__absent as flex;
    #[cfg(not(feature = "ndarray"))]
    pub use crate::__absent as ndarray;
    #[cfg(not(feature = "wgpu"))]
    pub use crate::__absent as wgpu;
    #[cfg(feature = "cuda")]
    pub use crate::__present as cuda;
    #[cfg(feature = "flex")]
    pub use crate::__present as flex;
    #[cfg(feature = "ndarray")]
    pub use crate::__present as ndarray;
    #[cfg(feature = "wgpu")]
    pub use crate::__present as wgpu;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_named_as_its_feature() {
        for kind in BackendKind::ALL {
            assert_eq!(kind.to_string().parse::<BackendKind>().unwrap(), kind);
        }
        let message = "flx".parse::<BackendKind>().unwrap_err().to_string();
        let expected = "expected a backend (flex, ndarray, wgpu, cuda), found \"flx\", did you \
                        mean \"flex\"?";
        assert_eq!(message, expected);
        assert_eq!(format!("{:>8}", BackendKind::Flex), "    flex");
    }

    #[test]
    fn what_is_compiled_in_computes_and_what_is_not_says_its_feature() {
        for kind in BackendKind::ALL {
            let name: Result<String, Error> =
                any_backend!(kind, B => Ok(std::any::type_name::<B>().to_owned()));
            match name {
                Ok(name) => {
                    assert!(kind.is_available(), "{kind}");
                    let is_of = name.to_lowercase().contains(match kind.feature() {
                        "wgpu" | "cuda" => "cube",
                        feature => feature,
                    });
                    assert!(is_of, "{kind}: {name}");
                }
                Err(error) => {
                    assert!(!kind.is_available(), "{kind}");
                    let expected = format!(
                        "the backend {kind} is not compiled in: build with the cargo feature {kind}"
                    );
                    assert_eq!(error.to_string(), expected);
                }
            }
        }
        assert!(BackendKind::available().all(BackendKind::is_available));
    }
}
