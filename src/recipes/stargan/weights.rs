//! How much each loss term counts.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::recipes::losses::check_weight;

/// An identity term for the first iterations of a run: `weight * E[||x - G(x, c')||_1]`.
///
/// Cycle consistency also likes solutions that invert the colours and invert them back; this term
/// (CycleGAN's idea, not the paper's) keeps G from starting towards one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityWarmup {
    /// The term's weight, 10 by default.
    pub weight: f64,
    /// The last iteration that has the term, 500 by default; iterations count from 1.
    pub last_iteration: u64,
}

impl Default for IdentityWarmup {
    fn default() -> Self {
        Self { weight: 10.0, last_iteration: 500 }
    }
}

/// The weights of the loss terms; the defaults are the paper's (the adversarial term has weight 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    /// `lambda_cls`, of the domain classification loss in both networks: 1.
    pub domain: f64,
    /// `lambda_rec`, of the reconstruction loss: 10.
    pub reconstruction: f64,
    /// `lambda_gp`, of the gradient penalty: 10.
    pub penalty: f64,
    /// The identity warm-up; none in the paper.
    pub identity: Option<IdentityWarmup>,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self { domain: 1.0, reconstruction: 10.0, penalty: 10.0, identity: None }
    }
}

impl LossWeights {
    /// Checks that every weight is finite and not negative.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the weight.
    pub fn check(&self) -> Result<()> {
        let identity = self.identity.map_or(0.0, |identity| identity.weight);
        for (name, weight) in [
            ("domain", self.domain),
            ("reconstruction", self.reconstruction),
            ("penalty", self.penalty),
            ("identity", identity),
        ] {
            check_weight(name, weight)?;
        }
        Ok(())
    }

    /// The identity term's weight at `iteration` (counted from 1), or none when it is over.
    pub fn identity_at(&self, iteration: u64) -> Option<f64> {
        self.identity
            .filter(|identity| identity.weight > 0.0 && iteration <= identity.last_iteration)
            .map(|identity| identity.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::shown::number;

    #[test]
    fn the_identity_term_ends_with_its_warm_up() {
        let warmup = IdentityWarmup { weight: 3.0, last_iteration: 5 };
        let weights = LossWeights { identity: Some(warmup), ..LossWeights::default() };
        assert_eq!([1, 5, 6].map(|i| weights.identity_at(i)), [Some(3.0), Some(3.0), None]);
        assert_eq!(LossWeights::default().identity_at(1), None);
        let off = IdentityWarmup { weight: 0.0, last_iteration: 5 };
        assert_eq!(LossWeights { identity: Some(off), ..weights }.identity_at(1), None);
    }

    #[test]
    fn bad_weights_are_named() {
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e39] {
            let weights = LossWeights { penalty: value, ..LossWeights::default() };
            let error = weights.check().unwrap_err().to_string();
            let expected = format!("the penalty loss weight is {}; ", number(value));
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
