//! How the learning rate changes during a run.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::shown::{number, quoted};
use crate::error::{Error, Result};

/// The learning-rate schedule: what the rate of an iteration is of the one that the run begins
/// with.
///
/// Files and the command line have it as text, such as `linear:0.5`. A schedule of one's own is
/// [`Constant`](Self::Constant) and an observer that sets the rate
/// ([`Run::set_learning_rate`](crate::Run::set_learning_rate)); here a warm-up, of a run whose
/// learning rate is set to 1e-5, to 1e-4 within 1,000 iterations:
///
/// ```
/// # use stargan::burn::backend::{Autodiff, Flex};
/// # use stargan::{Observer, on_iteration};
/// let mut warm_up = on_iteration(|run, iteration| {
///     if iteration.number.is_multiple_of(100) && iteration.number <= 1_000 {
///         run.set_learning_rate(1e-4 * iteration.number as f64 / 1_000.0);
///     }
///     Ok(())
/// });
/// # let _: &mut dyn Observer<Autodiff<Flex>> = &mut warm_up;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Schedule {
    /// Constant, then linear to 0: `linear:SHARE`. At iteration `i` of `T` (counted from 1) it is
    /// `min(1, (T - i + 1) / (T (1 - after)))` of the learning rate.
    Linear {
        /// The share of the run after which the rate falls, in `[0, 1)`.
        after: f64,
    },
    /// Constant: `constant`.
    Constant,
    /// Half a cosine to 0: `cosine`. At iteration `i` of `T` it is `(1 + cos(pi (i - 1) / T)) / 2`
    /// of the learning rate (Loshchilov and Hutter, ICLR 2017, eq. 5, without restarts).
    Cosine,
    /// Multiplied by a factor again and again: `step:ITERATIONS:FACTOR`.
    Step {
        /// After every so many iterations, at least 1.
        every: u64,
        /// In `(0, 1]`.
        factor: f64,
    },
}

impl Default for Schedule {
    /// Constant in the first half of the run, then linear to 0 (paper, section 4.2).
    fn default() -> Self {
        Self::Linear { after: 0.5 }
    }
}

impl Schedule {
    /// The learning rate of `iteration` (counted from 1) of `iterations`, of a run that begins with
    /// `base`.
    ///
    /// # Panics
    /// When a step is of 0 iterations, which [`check`](Self::check) refuses.
    pub fn learning_rate(self, base: f64, iteration: u64, iterations: u64) -> f64 {
        let done = iteration.saturating_sub(1);
        match self {
            Self::Linear { after } => {
                let left = iterations.saturating_sub(done) as f64;
                base * (left / (iterations as f64 * (1.0 - after))).min(1.0)
            }
            Self::Constant => base,
            Self::Cosine => {
                let share = (done as f64 / iterations as f64).min(1.0);
                base * 0.5 * (1.0 + (PI * share).cos())
            }
            Self::Step { every, factor } => {
                base * factor.powi(i32::try_from(done / every).unwrap_or(i32::MAX))
            }
        }
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// [`Error::Config`] saying which one can't work.
    pub fn check(self) -> Result<()> {
        let problem = match self {
            Self::Linear { after } if !(0.0..1.0).contains(&after) => {
                format!("the share of the run is {}; it must be from 0 to below 1", number(after))
            }
            Self::Step { every: 0, .. } => {
                "the rate changes every 0 iterations; it must be at least 1".to_owned()
            }
            Self::Step { factor, .. } if !(factor > 0.0 && factor <= 1.0) => {
                format!("the factor is {}; it must be above 0 and at most 1", number(factor))
            }
            _ => return Ok(()),
        };
        Err(Error::Config(format!("the schedule {self}: {problem}")))
    }
}

/// What an earlier version called the default.
const EARLIER: &str = "constant-then-linear";

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let schedule = match text.split(':').collect::<Vec<_>>()[..] {
            ["linear"] | [EARLIER] => Some(Self::default()),
            ["linear", after] => after.parse().ok().map(|after| Self::Linear { after }),
            ["constant"] => Some(Self::Constant),
            ["cosine"] => Some(Self::Cosine),
            ["step", every, factor] => every
                .parse()
                .ok()
                .zip(factor.parse().ok())
                .map(|(every, factor)| Self::Step { every, factor }),
            _ => None,
        };
        let schedule = schedule.ok_or_else(|| {
            format!(
                "expected linear:SHARE, constant, cosine or step:ITERATIONS:FACTOR, found {}",
                quoted(text)
            )
        })?;
        schedule.check().map_err(|error| error.to_string())?;
        Ok(schedule)
    }
}

impl TryFrom<String> for Schedule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

/// `linear:0.5`, as it is read.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear { after } => write!(f, "linear:{after}"),
            Self::Constant => f.write_str("constant"),
            Self::Cosine => f.write_str("cosine"),
            Self::Step { every, factor } => write!(f, "step:{every}:{factor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_rates(schedule: Schedule, expected: &[(u64, f64)]) {
        for (iteration, expected) in expected {
            let rate = schedule.learning_rate(1e-4, *iteration, 100);
            assert!((rate - expected * 1e-4).abs() < 1e-12, "{schedule}, {iteration}: {rate}");
        }
    }

    #[test]
    fn linear_is_constant_then_linear_to_zero() {
        let half = [(1, 1.0), (50, 1.0), (51, 1.0), (52, 0.98), (76, 0.5), (100, 0.02)];
        assert_rates(Schedule::default(), &half);
        assert_rates(Schedule::default(), &[(101, 0.0), (200, 0.0)]);
        let late = [(1, 1.0), (81, 1.0), (82, 0.95), (91, 0.5), (100, 0.05), (101, 0.0)];
        assert_rates(Schedule::Linear { after: 0.8 }, &late);
        assert_rates(Schedule::Linear { after: 0.0 }, &[(1, 1.0), (2, 0.99), (51, 0.5)]);
        // To the bit what it was before the share could be chosen.
        for (iteration, iterations) in [(1, 3), (7, 9), (123_457, 200_000), (199_999, 200_001)] {
            let left = (iterations + 1 - iteration) as f64;
            let before = 3e-4 * (left / (iterations as f64 / 2.0)).min(1.0);
            assert_eq!(Schedule::default().learning_rate(3e-4, iteration, iterations), before);
        }
    }

    #[test]
    fn the_others_follow_their_formulas() {
        assert_rates(Schedule::Constant, &[(1, 1.0), (100, 1.0), (200, 1.0)]);
        let cosine = [(1, 1.0), (26, 0.853_553_390_6), (51, 0.5), (101, 0.0), (200, 0.0)];
        assert_rates(Schedule::Cosine, &cosine);
        let step = Schedule::Step { every: 30, factor: 0.1 };
        assert_rates(step, &[(1, 1.0), (30, 1.0), (31, 0.1), (60, 0.1), (61, 0.01), (91, 0.001)]);
        assert_eq!(step.learning_rate(1.0, u64::MAX, 100), 0.0);
    }

    #[test]
    fn they_read_as_they_are_written() {
        for (schedule, text) in [
            (Schedule::Linear { after: 0.75 }, "linear:0.75"),
            (Schedule::Constant, "constant"),
            (Schedule::Cosine, "cosine"),
            (Schedule::Step { every: 1000, factor: 0.3 }, "step:1000:0.3"),
        ] {
            let json = serde_json::to_string(&schedule).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
        }
        for text in ["linear", "constant-then-linear"] {
            assert_eq!(text.parse(), Ok(Schedule::default()));
        }
        for (text, expected) in [
            ("exponential", "expected linear:SHARE, constant, cosine or step:ITERATIONS:FACTOR"),
            ("cosine:3", "found `cosine:3`"),
            ("step:1000", "found `step:1000`"),
            ("linear:x", "found `linear:x`"),
            ("linear:1", "the schedule linear:1: the share of the run is 1; it must be from 0"),
            ("linear:NaN", "the share of the run is NaN"),
            ("step:0:0.5", "the rate changes every 0 iterations; it must be at least 1"),
            ("step:5:0", "the factor is 0; it must be above 0 and at most 1"),
            ("step:5:1.5", "the factor is 1.5"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
