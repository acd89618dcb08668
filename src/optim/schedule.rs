//! How the learning rate changes during a run.

use serde::{Deserialize, Serialize};

/// The learning-rate schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Schedule {
    /// Constant for the first half of the run, then linear to 0: at iteration `i` of `T` (counted
    /// from 1) `min(1, (T - i + 1) / (T / 2))` of the learning rate (paper, section 4.2).
    #[default]
    ConstantThenLinear,
    /// Constant.
    Constant,
}

impl Schedule {
    /// The learning rate of `iteration` (counted from 1) of `iterations`.
    pub(crate) fn learning_rate(self, base: f64, iteration: u64, iterations: u64) -> f64 {
        match self {
            Self::ConstantThenLinear => {
                let left = iterations.saturating_add(1).saturating_sub(iteration) as f64;
                base * (left / (iterations as f64 / 2.0)).min(1.0)
            }
            Self::Constant => base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn is_constant_then_linear_to_zero() {
        for (iteration, expected) in [
            (1, 1.0),
            (50, 1.0),
            (51, 1.0),
            (52, 0.98),
            (76, 0.5),
            (100, 0.02),
            (101, 0.0),
            (200, 0.0),
        ] {
            let rate = Schedule::ConstantThenLinear.learning_rate(1e-4, iteration, 100);
            assert!((rate - expected * 1e-4).abs() < 1e-12, "{iteration}: {rate}");
            assert_eq!(Schedule::Constant.learning_rate(1e-4, iteration, 100), 1e-4);
        }
    }
}
