//! Loss scaling: what keeps float16 gradients from vanishing (Micikevicius et al., 2018,
//! arXiv:1710.03740, section 3.2).

use serde::{Deserialize, Serialize};

use crate::nn::precision::Precision;

/// What a run begins with, and PyTorch too.
const FIRST: f64 = 65_536.0;

/// Updates without an infinite gradient after which it is doubled.
const GROWS_AFTER: u32 = 2_000;

/// Beyond, the weights' own gradients, which are float32, might not be finite.
const LARGEST: f64 = 16_777_216.0;

/// What losses are multiplied by before the backward pass, and gradients divided by after it: a
/// power of two, so that nothing is rounded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LossScale {
    scale: f64,
    /// Updates since it changed.
    updates: u32,
}

impl LossScale {
    /// None where gradients have the range of float32.
    pub fn first(precision: Precision) -> Option<Self> {
        (precision == Precision::Float16).then_some(Self { scale: FIRST, updates: 0 })
    }

    pub fn factor(&self) -> f64 {
        self.scale
    }

    /// Takes note of whether an update was `finite`, and says whether it stands. One that is not
    /// finite does not, and the scale is halved; but at 1 the scale is not the reason: the update
    /// stands, to be noticed.
    pub fn stands(&mut self, finite: bool) -> bool {
        if !finite {
            let stands = self.scale <= 1.0;
            *self = Self { scale: (self.scale / 2.0).max(1.0), updates: 0 };
            return stands;
        }
        self.updates += 1;
        if self.updates == GROWS_AFTER {
            *self = Self { scale: (self.scale * 2.0).min(LARGEST), updates: 0 };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_float16_needs_it() {
        assert_eq!(LossScale::first(Precision::Float32), None);
        assert_eq!(LossScale::first(Precision::BFloat16), None);
        assert_eq!(LossScale::first(Precision::Float16).unwrap().factor(), 65_536.0);
    }

    #[test]
    fn infinite_gradients_halve_it_and_finite_ones_double_it() {
        let mut scale = LossScale::first(Precision::Float16).unwrap();
        assert!(!scale.stands(false));
        assert_eq!(scale.factor(), 32_768.0);
        for _ in 1..GROWS_AFTER {
            assert!(scale.stands(true));
        }
        assert_eq!(scale.factor(), 32_768.0);
        assert!(scale.stands(true));
        assert_eq!(scale.factor(), 65_536.0);
        // An infinite gradient begins the count anew.
        for _ in 1..GROWS_AFTER {
            scale.stands(true);
        }
        scale.stands(false);
        scale.stands(true);
        assert_eq!(scale.factor(), 32_768.0);
    }

    #[test]
    fn it_stays_in_bounds() {
        let mut scale = LossScale::first(Precision::Float16).unwrap();
        for _ in 0..16 {
            assert!(!scale.stands(false));
        }
        assert_eq!(scale.factor(), 1.0);
        assert!(scale.stands(false), "it is not the scale");
        assert_eq!(scale.factor(), 1.0);
        for _ in 0..100 * GROWS_AFTER {
            scale.stands(true);
        }
        assert_eq!(scale.factor(), LARGEST);
    }
}
