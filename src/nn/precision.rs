//! The type of float that networks compute in.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The type of float that networks compute in: their convolutions, what is between them, and the
/// gradients of both (Micikevicius et al., 2018, arXiv:1710.03740).
///
/// Weights and optimizer, the statistics and parameters of norms, what comes out of a network,
/// losses and the gradient penalty are float32 under all of them, and so are files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// The backend's own type, which is float32 unless it was chosen otherwise.
    #[default]
    Float32,
    /// 8 bits of precision and the range of float32.
    BFloat16,
    /// 11 bits of precision and a small range, for which losses are scaled before the backward
    /// pass, by less where a gradient is infinite.
    Float16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Float32, Self::BFloat16, Self::Float16];

    /// Checks that `device` computes in it.
    ///
    /// # Errors
    /// [`Error::Config`] when it does not, saying what to take.
    pub fn check<B: Backend>(self, device: &B::Device) -> Result<()> {
        let supported =
            |precision: &Self| precision.dtype().is_none_or(|t| B::supports_dtype(device, t));
        if supported(&self) {
            return Ok(());
        }
        let others = Self::ALL.iter().filter(|other| supported(other));
        let others: Vec<_> = others.map(|other| other.name()).collect();
        Err(Error::Config(format!(
            "precision is {}, which {} does not compute in: choose {}",
            self.name(),
            B::name(device),
            others.join(" or ")
        )))
    }

    /// What files and the command line call it.
    fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::BFloat16 => "bfloat16",
            Self::Float16 => "float16",
        }
    }

    /// None for the type that a tensor has anyway.
    fn dtype(self) -> Option<DType> {
        match self {
            Self::Float32 => None,
            Self::BFloat16 => Some(DType::BF16),
            Self::Float16 => Some(DType::F16),
        }
    }

    /// `x` in this precision.
    pub(crate) fn cast<B: Backend, const D: usize>(self, x: Tensor<B, D>) -> Tensor<B, D> {
        match self.dtype() {
            Some(dtype) => x.cast(dtype),
            None => x,
        }
    }
}
