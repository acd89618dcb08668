//! Loss scaling: what keeps float16 gradients from vanishing (Micikevicius et al., 2018,
//! arXiv:1710.03740, section 3.2).

use serde::{Deserialize, Serialize};

use crate::nn::precision::Precision;

/// What a run begins with, and PyTorch too.
const FIRST: f64 = 65_536.0;

/// Iterations without an infinite gradient after which it is doubled, as in PyTorch.
const GROWS_AFTER: u32 = 2_000;

/// A gradient that is infinite at the smallest, or lost below the largest, is no matter of scale.
const SMALLEST: f64 = 1.0 / 16_777_216.0;
const LARGEST: f64 = 16_777_216.0;

/// What losses are multiplied by before the backward pass, and gradients divided by after it: a
/// power of two, so that nothing is rounded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LossScale {
    scale: f64,
    /// Since it changed.
    iterations: u32,
    /// Updates in the whole run.
    left_out: u64,
    #[serde(skip)]
    left_out_now: u64,
}

impl LossScale {
    /// None where gradients have the range of float32.
    pub fn first(precision: Precision) -> Option<Self> {
        let first = Self { scale: FIRST, iterations: 0, left_out: 0, left_out_now: 0 };
        (precision == Precision::Float16).then_some(first)
    }

    /// Checks one that a file holds.
    pub fn check(&self) -> Result<(), String> {
        let power = self.scale.log2();
        if !(SMALLEST..=LARGEST).contains(&self.scale) || power.fract() != 0.0 {
            return Err(format!("the loss scale is {}, which no run has", self.scale));
        }
        if self.iterations >= GROWS_AFTER {
            return Err(format!("the loss scale has stood for {} iterations", self.iterations));
        }
        Ok(())
    }

    pub fn factor(&self) -> f64 {
        self.scale
    }

    /// Updates left out in the run.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether an update stands. One that is not `finite` does not and is left out; but at the
    /// smallest scale it stands, to be noticed.
    pub fn stands(&mut self, finite: bool) -> bool {
        let stands = finite || self.scale <= SMALLEST;
        self.left_out_now += u64::from(!stands);
        stands
    }

    /// Ends an iteration: halved where an update was left out, doubled now and then where none was.
    pub fn next_iteration(&mut self) {
        let left_out = std::mem::take(&mut self.left_out_now);
        self.left_out = self.left_out.saturating_add(left_out);
        self.iterations += 1;
        let factor = match left_out {
            0 if self.iterations < GROWS_AFTER => return,
            0 => 2.0,
            _ => 0.5,
        };
        self.scale = (self.scale * factor).clamp(SMALLEST, LARGEST);
        self.iterations = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first() -> LossScale {
        LossScale::first(Precision::Float16).unwrap()
    }

    /// Iterations of two updates, of which the first is `finite`.
    fn iterate(scale: &mut LossScale, times: u32, finite: bool) {
        for _ in 0..times {
            scale.stands(finite);
            assert!(scale.stands(true));
            scale.next_iteration();
            scale.check().unwrap();
        }
    }

    #[test]
    fn only_float16_needs_it() {
        assert_eq!(LossScale::first(Precision::Float32), None);
        assert_eq!(LossScale::first(Precision::BFloat16), None);
        assert_eq!(first().factor(), 65_536.0);
    }

    #[test]
    fn infinite_gradients_halve_it_and_finite_ones_double_it() {
        let mut scale = first();
        iterate(&mut scale, 1, false);
        assert_eq!((scale.factor(), scale.left_out()), (32_768.0, 1));
        iterate(&mut scale, GROWS_AFTER - 1, true);
        assert_eq!(scale.factor(), 32_768.0);
        iterate(&mut scale, 1, true);
        assert_eq!(scale.factor(), 65_536.0);
        // An infinite gradient begins the count anew.
        iterate(&mut scale, GROWS_AFTER - 1, true);
        iterate(&mut scale, 1, false);
        iterate(&mut scale, 1, true);
        assert_eq!((scale.factor(), scale.left_out()), (32_768.0, 2));
    }

    #[test]
    fn it_is_halved_once_an_iteration() {
        let mut scale = first();
        assert!(!scale.stands(false) && !scale.stands(false));
        assert_eq!(scale.factor(), 65_536.0, "gradients of one pass have one scale");
        scale.next_iteration();
        assert_eq!((scale.factor(), scale.left_out()), (32_768.0, 2));
    }

    #[test]
    fn it_stays_in_bounds() {
        let mut scale = first();
        iterate(&mut scale, 40, false);
        assert_eq!((scale.factor(), scale.left_out()), (SMALLEST, 40));
        assert!(scale.stands(false), "it is not the scale");
        iterate(&mut scale, 100 * GROWS_AFTER, true);
        assert_eq!(scale.factor(), LARGEST);
    }

    #[test]
    fn what_no_run_has_is_refused() {
        for scale in [0.0, -65_536.0, 1e-300, 1e300, 3.7, f64::NAN] {
            assert!(LossScale { scale, ..first() }.check().is_err(), "{scale}");
        }
        assert!(LossScale { iterations: GROWS_AFTER, ..first() }.check().is_err());
    }
}
