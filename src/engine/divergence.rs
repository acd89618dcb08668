//! Values that are not finite: noticing them, and what becomes of the run.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::engine::recipe::StepLosses;
use crate::error::{Error, Result};

/// What becomes of a run in which a loss term, a gradient or a weight is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NonFinitePolicy {
    /// It ends with [`Error::NonFinite`]; the checkpoints stay as they are.
    #[default]
    Stop,
    /// It goes on from the last checkpoint with its learning rate multiplied by `factor`, at most
    /// `times` times in all; then it ends as with `Stop`.
    RollBack {
        /// Between 0 and 1, both excluded.
        factor: f64,
        /// At least 1.
        times: u32,
    },
}

impl NonFinitePolicy {
    /// Half the learning rate, three times.
    pub const ROLL_BACK: Self = Self::RollBack { factor: 0.5, times: 3 };

    /// Checks its numbers.
    ///
    /// # Errors
    /// [`Error::Config`] saying which one can't work.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::RollBack { factor, .. } if !(factor > 0.0 && factor < 1.0) => {
                Err(Error::Config(format!(
                    "the roll-back's factor is {factor}; it must be between 0 and 1, such as 0.5"
                )))
            }
            Self::RollBack { times: 0, .. } => Err(Error::Config(
                "the roll-back's times is 0; it must be at least 1, or the policy stop".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

/// A value that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NonFinite {
    pub iteration: u64,
    /// What it is the value of, such as `faces/d/penalty`.
    pub term: String,
    pub value: f32,
}

/// Loss terms and gradients of iterations that are not looked at yet: looking waits for the device.
#[derive(Debug)]
pub(super) struct Watch<B: Backend> {
    pending: Vec<(u64, String, Tensor<B, 1>)>,
}

impl<B: Backend> Default for Watch<B> {
    fn default() -> Self {
        Self { pending: Vec::new() }
    }
}

impl<B: Backend> Watch<B> {
    /// Takes note of what `iteration` has computed.
    pub fn note(&mut self, iteration: u64, steps: &[StepLosses<B>]) {
        let checks = steps.iter().flat_map(StepLosses::finite_checks);
        self.pending.extend(checks.map(|(term, value)| (iteration, term, value.clone())));
    }

    /// The first value since the last look that is not finite.
    pub fn look(&mut self) -> Option<NonFinite> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return None;
        }
        let values = Tensor::cat(pending.iter().map(|(_, _, value)| value.clone()).collect(), 0);
        let values = values.into_data();
        let mut noted = pending.into_iter().zip(values.iter::<f32>());
        let ((iteration, term, _), value) = noted.find(|(_, value)| !value.is_finite())?;
        Some(NonFinite { iteration, term, value })
    }
}
