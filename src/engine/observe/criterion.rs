//! Which value of a run is followed, and when it has become better.

use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};

use crate::engine::observe::every::Every;
use crate::engine::observe::metric::{Better, Metric};
use crate::engine::observe::observer::{Iteration, Run};
use crate::error::{Error, Result};

/// Values of a loss term that its mean is taken of: enough to even it out, and each one waits for
/// the device.
const SAMPLES: u64 = 20;

/// A value of a run that [`EarlyStopping`](crate::EarlyStopping) and
/// [`KeepBest`](crate::KeepBest) follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    name: String,
    /// In how many iterations a loss term is averaged; none for a metric.
    window: Option<u64>,
    min_gain: f64,
}

impl Criterion {
    /// A metric that an observer [records](Run::record), whenever it does, such as `total/inside`
    /// of a [`CounterfactualLog`](crate::metrics::CounterfactualLog).
    pub fn metric(name: impl Into<String>) -> Self {
        Self { name: name.into(), window: None, min_gain: 0.0 }
    }

    /// The mean of a loss term over every `iterations` (at least 1, rounded up to a
    /// [cycle](Run::cycle)), the lower the better: `faces/g/reconstruction`, or
    /// `g/reconstruction` of all datasets together. The mean is of some twenty values.
    pub fn loss(term: impl Into<String>, iterations: u64) -> Self {
        Self { name: term.into(), window: Some(iterations.max(1)), min_gain: 0.0 }
    }

    /// Sets by how much, in its own unit, a value has to be better than the best before to count
    /// as better: 0 unless set.
    pub fn with_min_gain(mut self, gain: f64) -> Self {
        self.min_gain = gain;
        self
    }

    /// The metric's or the loss term's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The best value of a run so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Best {
    /// The metric or loss term.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The iteration after which it was measured.
    pub iteration: u64,
}

/// What a value is, beside those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Better,
    NotBetter,
}

/// A criterion through a run.
#[derive(Debug)]
pub(crate) struct Followed {
    criterion: Criterion,
    pub best: Option<Best>,
    /// Of the loss term since the last mean.
    samples: Vec<f32>,
}

impl Followed {
    pub fn new(criterion: Criterion) -> Self {
        Self { criterion, best: None, samples: Vec::new() }
    }

    pub fn criterion(&self) -> &Criterion {
        &self.criterion
    }

    /// A part of the run begins.
    pub fn start(&mut self) {
        self.samples.clear();
    }

    /// The verdict on a loss term's mean, where one is due.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no such term.
    pub fn iteration<B: AutodiffBackend>(
        &mut self,
        run: &Run<'_, B>,
        iteration: &Iteration<'_, B>,
    ) -> Result<Option<Verdict>> {
        let Some(window) = self.criterion.window else { return Ok(None) };
        let Some(window_of_cycles) = window.checked_next_multiple_of(run.cycle()) else {
            return Ok(None);
        };
        let ends = iteration.number.is_multiple_of(window_of_cycles);
        // At the end too: a run that was resumed late in a window may have no other value of it.
        if ends || Every::new(window.div_ceil(SAMPLES)).losses_due(run) {
            let name = &self.criterion.name;
            let is_it = |term: &str| {
                term.strip_suffix(&**name)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            };
            let found = iteration.losses().iter().filter(|(term, _)| is_it(term));
            self.samples.extend(found.map(|(_, value)| value));
        }
        if !ends {
            return Ok(None);
        }
        if self.samples.is_empty() {
            let terms: Vec<_> = iteration.losses().iter().map(|(term, _)| &term[..]).collect();
            return Err(Error::Config(format!(
                "no loss term is called {:?}; the run has {}",
                self.criterion.name,
                terms.join(", ")
            )));
        }
        let sum: f64 = self.samples.iter().copied().map(f64::from).sum();
        let mean = sum / self.samples.len() as f64;
        self.samples.clear();
        Ok(self.judge(mean, Better::Lower, iteration.number))
    }

    /// The verdict on a metric, where it is the one that is followed.
    pub fn metric(&mut self, metric: &Metric, iteration: u64) -> Option<Verdict> {
        let is_it = self.criterion.window.is_none() && metric.name == self.criterion.name;
        if is_it { self.judge(metric.value, metric.better, iteration) } else { None }
    }

    /// None on a value that is not finite: the run's policy is to deal with what made it so.
    fn judge(&mut self, value: f64, better: Better, iteration: u64) -> Option<Verdict> {
        if !value.is_finite() {
            return None;
        }
        let gained = |best: &Best| better.gain(value, best.value) > self.criterion.min_gain;
        if self.best.as_ref().is_none_or(gained) {
            self.best = Some(Best { name: self.criterion.name.clone(), value, iteration });
            return Some(Verdict::Better);
        }
        Some(Verdict::NotBetter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(criterion: Criterion, better: Better, values: &[f64]) -> Vec<bool> {
        let mut followed = Followed::new(criterion);
        let judge = |(iteration, value): (u64, &f64)| {
            let metric = Metric::new("error", *value, better);
            followed.metric(&metric, iteration) == Some(Verdict::Better)
        };
        (1..).zip(values).map(judge).collect()
    }

    #[test]
    fn a_value_is_better_by_more_than_the_least_gain() {
        let error = Criterion::metric("error");
        let found = verdicts(error.clone(), Better::Lower, &[3.0, 3.0, 2.9, f64::NAN, 3.5, 1.0]);
        assert_eq!(found, [true, false, true, false, false, true]);
        let found = verdicts(error.clone(), Better::Higher, &[f64::INFINITY, -1.0, 2.0, 1.0]);
        assert_eq!(found, [false, true, true, false]);
        let found = verdicts(error.with_min_gain(0.5), Better::Lower, &[3.0, 2.6, 2.4, 2.0]);
        assert_eq!(found, [true, false, true, false]);
    }

    #[test]
    fn other_metrics_and_losses_are_not_followed() {
        let other = Metric::new("other", 1.0, Better::Lower);
        assert_eq!(Followed::new(Criterion::metric("error")).metric(&other, 1), None);
        assert_eq!(Followed::new(Criterion::loss("other", 1)).metric(&other, 1), None);
    }
}
