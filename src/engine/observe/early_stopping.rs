//! Ends a run that no longer becomes better.

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::criterion::{Best, Criterion, Followed, Verdict};
use crate::engine::observe::metric::Metric;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::error::Result;

/// [Stops](Run::stop) a run when a value was not better than its best for some measurements in a
/// row. In a resumed run it begins anew: with no best value, and with the whole patience.
///
/// ```
/// use stargan::{Criterion, EarlyStopping};
///
/// // After five means of 200 iterations each without a gain of 0.001.
/// let loss = Criterion::loss("g/reconstruction", 200).with_min_gain(0.001);
/// let mut stopping = EarlyStopping::new(loss, 5);
/// ```
#[derive(Debug)]
pub struct EarlyStopping {
    followed: Followed,
    patience: u64,
    without_gain: u64,
    stopped: Option<u64>,
}

impl EarlyStopping {
    /// Stops after `patience` (at least 1) measurements in a row that were not better.
    pub fn new(criterion: Criterion, patience: u64) -> Self {
        Self {
            followed: Followed::new(criterion),
            patience: patience.max(1),
            without_gain: 0,
            stopped: None,
        }
    }

    /// The iteration after which it stopped the run; none where it did not.
    pub fn stopped(&self) -> Option<u64> {
        self.stopped
    }

    /// The best value that it saw.
    pub fn best(&self) -> Option<&Best> {
        self.followed.best.as_ref()
    }

    fn heed<B: AutodiffBackend>(&mut self, run: &Run<'_, B>, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::Better) => self.without_gain = 0,
            Some(Verdict::NotBetter) => self.without_gain += 1,
            None => return,
        }
        if self.without_gain >= self.patience {
            self.stopped.get_or_insert(run.iteration());
            run.stop();
        }
    }
}

impl<B: AutodiffBackend> Observer<B> for EarlyStopping {
    fn started(&mut self, _run: &Run<'_, B>) -> Result<()> {
        self.followed.start();
        (self.without_gain, self.stopped) = (0, None);
        Ok(())
    }

    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let verdict = self.followed.iteration(run, iteration)?;
        self.heed(run, verdict);
        Ok(())
    }

    fn metric(&mut self, run: &Run<'_, B>, metric: &Metric) -> Result<()> {
        let verdict = self.followed.metric(metric, run.iteration());
        self.heed(run, verdict);
        Ok(())
    }
}
