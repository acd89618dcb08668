//! A number with how many images it is of.

use serde::{Deserialize, Serialize};

use crate::metrics::mean::Mean;
use crate::metrics::readings::Agreement;

/// A number and how many images it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// None where there was nothing, or too little, to measure.
    pub value: Option<f64>,
    /// Images, translations or pairs.
    pub n: usize,
}

impl From<Mean> for Measured {
    fn from(mean: Mean) -> Self {
        Self { value: mean.value(), n: mean.count }
    }
}

/// The share that was read otherwise than expected.
impl From<Agreement> for Measured {
    fn from(agreement: Agreement) -> Self {
        Self { value: agreement.error(), n: agreement.n }
    }
}
