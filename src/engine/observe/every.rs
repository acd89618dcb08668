//! When an observer acts: one rule for all of them.

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::observer::Run;

/// Every so many iterations, and at the last one of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Every(u64);

impl Every {
    /// At multiples of `iterations`; with 0 at the last iteration only.
    pub fn new(iterations: u64) -> Self {
        Self(iterations)
    }

    /// Whether this is such an iteration.
    pub fn due<B: AutodiffBackend>(self, run: &Run<'_, B>) -> bool {
        self.at(run.iteration(), run.iterations(), 1)
    }

    /// Whether this is such an iteration, rounded up to one after which every network was updated,
    /// so that all loss terms are there.
    pub fn losses_due<B: AutodiffBackend>(self, run: &Run<'_, B>) -> bool {
        self.at(run.iteration(), run.iterations(), run.cycle())
    }

    fn at(self, iteration: u64, last: u64, cycle: u64) -> bool {
        // Never, where there is no such multiple.
        let period = self.0.checked_next_multiple_of(cycle).unwrap_or(0);
        iteration == last || (period > 0 && iteration.is_multiple_of(period))
    }
}

#[cfg(test)]
mod tests {
    use super::Every;

    #[test]
    fn multiples_and_the_last_iteration_are_due() {
        let due = |every: u64, cycle| -> Vec<u64> {
            (1..=11).filter(|&at| Every::new(every).at(at, 11, cycle)).collect()
        };
        assert_eq!(due(4, 1), [4, 8, 11]);
        assert_eq!(due(4, 5), [5, 10, 11], "rounded up to a whole cycle");
        assert_eq!(due(0, 5), [11]);
        assert_eq!(due(20, 1), [11]);
        assert_eq!(due(u64::MAX, 2), [11], "as good as never");
    }
}
