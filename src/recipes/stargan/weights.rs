//! How much each loss term counts.

use serde::{Deserialize, Serialize};

use crate::error::shown::number;
use crate::error::{Error, Result};
use crate::recipes::losses::{check_factor, check_weight};

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

/// A reconstruction weight of which only a share counts for a part of the run, and then more.
///
/// A small weight leaves G free to change what it is asked to, and a large one brings back the
/// rest; from its beginning on, a large one makes edits by halves (`docs/training.md` has figures).
/// It is this crate's, not the paper's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconstructionRamp {
    /// The share of [`LossWeights::reconstruction`], from 0 to 1, that the run begins with.
    pub start: f64,
    /// The share of the run's iterations, from 0 to less than 1, that have no more of it; from
    /// there it grows linearly to the whole.
    pub from: f64,
}

/// 0.15 of the weight for three eighths of the run.
impl Default for ReconstructionRamp {
    fn default() -> Self {
        Self { start: 0.15, from: 0.375 }
    }
}

impl ReconstructionRamp {
    /// How far it has grown at `iteration` (counted from 1) of so many, from 0 to 1.
    fn way(self, iteration: u64, iterations: u64) -> f64 {
        let first = self.from * iterations as f64;
        ((iteration as f64 - first) / (iterations as f64 - first)).clamp(0.0, 1.0)
    }
}

/// The weights of the loss terms; the defaults are the paper's (the adversarial term has weight 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    /// `lambda_cls`, of the domain classification loss in both networks: 1.
    pub domain: f64,
    /// The share of [`domain`](Self::domain) with which D's domain head also learns to read
    /// *translations* as what they were before: 0, none, in the paper.
    ///
    /// D's domain head sees real images only in the paper, so that whatever pattern it takes for a
    /// label is as good for G as what has that label. With this term the head looks for what gives
    /// a translation away, and G has to draw what can't be told from a real image *of that label*:
    /// an adversarial game per label (`docs/training.md` has figures). It is this crate's; that a
    /// classifier should tell generated images apart is the idea of Hou et al., "Conditional GANs
    /// with Auxiliary Discriminative Classifier", ICML 2022.
    #[serde(default)]
    pub fake_domain: f64,
    /// `lambda_rec`, of the reconstruction loss: 10. With a [ramp](Self::reconstruction_ramp) it is
    /// what the run ends with.
    pub reconstruction: f64,
    /// How that weight is reached; it is the same all the time in the paper.
    #[serde(default)]
    pub reconstruction_ramp: Option<ReconstructionRamp>,
    /// `lambda_gp`, of the gradient penalty: 10.
    pub penalty: f64,
    /// The identity warm-up; none in the paper.
    pub identity: Option<IdentityWarmup>,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            domain: 1.0,
            fake_domain: 0.0,
            reconstruction: 10.0,
            reconstruction_ramp: None,
            penalty: 10.0,
            identity: None,
        }
    }
}

impl LossWeights {
    /// Checks that every weight is finite and not negative, and that shares are shares.
    ///
    /// # Errors
    /// [`Error::Config`] naming the weight or the share.
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
        check_factor("fake domain share", self.fake_domain)?;
        let wrong = match self.reconstruction_ramp {
            Some(ReconstructionRamp { start, .. }) if !(0.0..=1.0).contains(&start) => {
                let start = number(start);
                format!("begins with {start} of the weight; it must be a share from 0 to 1")
            }
            Some(ReconstructionRamp { from, .. }) if !(0.0..1.0).contains(&from) => {
                let from = number(from);
                format!("is from {from} of the run on; it must be a share from 0 to less than 1")
            }
            _ => return Ok(()),
        };
        Err(Error::Config(format!("the reconstruction ramp {wrong}")))
    }

    /// The weights at `iteration` (counted from 1) of a run of `iterations`: without an identity
    /// term when its warm-up is over, and with the reconstruction's as its ramp says.
    pub fn at(&self, iteration: u64, iterations: u64) -> Self {
        let mut weights = self.clone();
        weights.identity = self
            .identity
            .filter(|identity| identity.weight > 0.0 && iteration <= identity.last_iteration);
        if let Some(ramp) = weights.reconstruction_ramp.take() {
            let way = ramp.way(iteration, iterations);
            let start = ramp.start * self.reconstruction;
            weights.reconstruction = (1.0 - way) * start + way * self.reconstruction;
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_term_ends_with_its_warm_up() {
        let warmup = IdentityWarmup { weight: 3.0, last_iteration: 5 };
        let weights = LossWeights { identity: Some(warmup), ..LossWeights::default() };
        let at = |weights: &LossWeights, iteration| weights.at(iteration, 9).identity;
        assert_eq!([1, 5, 6].map(|i| at(&weights, i)), [Some(warmup), Some(warmup), None]);
        assert_eq!(at(&LossWeights::default(), 1), None);
        let off = IdentityWarmup { weight: 0.0, last_iteration: 5 };
        assert_eq!(at(&LossWeights { identity: Some(off), ..weights }, 1), None);
    }

    #[test]
    fn the_reconstruction_weight_grows_from_a_share_of_the_run_on() {
        let ramp = |start, from| LossWeights {
            reconstruction_ramp: Some(ReconstructionRamp { start, from }),
            ..LossWeights::default()
        };
        let at = |weights: LossWeights, of: u64, iterations: [u64; 4]| {
            iterations.map(|iteration| weights.at(iteration, of).reconstruction)
        };
        assert_eq!(at(ramp(0.25, 0.5), 40, [1, 20, 30, 40]), [2.5, 2.5, 6.25, 10.0]);
        assert_eq!(at(ramp(0.0, 0.0), 10, [1, 5, 10, 11]), [1.0, 5.0, 10.0, 10.0]);
        assert_eq!(at(ramp(1.0, 0.5), 10, [1, 5, 10, 11]), [10.0; 4]);
        assert_eq!(at(LossWeights::default(), 10, [1, 5, 10, 11]), [10.0; 4]);
        ramp(0.0, 0.999).check().unwrap();
        ramp(1.0, 0.0).check().unwrap();
        for from in [-0.1, 1.0, f64::NAN] {
            let error = ramp(0.5, from).check().unwrap_err().to_string();
            assert!(error.contains("of the run on; it must be a share from 0 to less"), "{error}");
        }
        for start in [-0.1, 3.0, f64::NAN] {
            let error = ramp(start, 0.5).check().unwrap_err().to_string();
            assert!(error.contains("of the weight; it must be a share from 0 to 1"), "{error}");
        }
    }

    #[test]
    fn bad_weights_are_named() {
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e39] {
            let weights = LossWeights { penalty: value, ..LossWeights::default() };
            let error = weights.check().unwrap_err().to_string();
            let expected = format!("the penalty loss weight is {}; ", number(value));
            assert!(error.starts_with(&expected), "{error}");
        }
        let share = LossWeights { fake_domain: -0.5, ..LossWeights::default() };
        let error = share.check().unwrap_err().to_string();
        assert!(error.starts_with("the fake domain share is -0.5; "), "{error}");
    }
}
