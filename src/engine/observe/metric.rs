//! What observers measure of a run.

use serde::{Deserialize, Serialize};

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// The smaller one, as of an error.
    Lower,
    /// The larger one, as of a similarity.
    Higher,
}

impl Better {
    /// By how much `value` is better than `other`; below 0 where it is worse.
    pub fn gain(self, value: f64, other: f64) -> f64 {
        match self {
            Self::Lower => other - value,
            Self::Higher => value - other,
        }
    }
}

/// A value that an observer has measured of a run's networks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// What others know it by, such as `total/inside`.
    pub name: String,
    /// Any number; one that is not finite is worse than all others.
    pub value: f64,
    /// Which values are good.
    pub better: Better,
}

impl Metric {
    /// The metric called `name`.
    pub fn new(name: impl Into<String>, value: f64, better: Better) -> Self {
        Self { name: name.into(), value, better }
    }
}
