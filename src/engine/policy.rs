//! What happens when a value of a run is not finite.

use serde::{Deserialize, Serialize};

use crate::error::shown::number;
use crate::error::{Error, Result};

/// What happens when a loss term, a gradient or a weight of a run is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
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
                    "the roll-back's factor is {}; it must be between 0 and 1, such as 0.5",
                    number(factor)
                )))
            }
            Self::RollBack { times: 0, .. } => Err(Error::Config(
                "the roll-back's times is 0; it must be at least 1, or the policy stop".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}
