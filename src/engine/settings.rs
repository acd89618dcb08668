//! The settings that every run has, whatever it trains.

use serde::{Deserialize, Serialize};

use crate::data::augment::Augmentation;
use crate::data::balance::Sampling;
use crate::data::unreadable::UnreadablePolicy;
use crate::engine::policy::NonFinitePolicy;
use crate::error::shown::number;
use crate::error::{Error, Result};
use crate::nn::precision::Precision;
use crate::optim::adam::AdamConfig;
use crate::optim::schedule::Schedule;

/// The smallest number that is not taken for a slip: float32 has no much smaller ones.
const SMALLEST: f64 = 1e-38;

/// More threads than any machine has cores to decode images with.
const MOST_THREADS: usize = 1024;

/// How a run goes: how long, how fast, on how many images at once, and what it leaves.
///
/// What is trained is the [`Recipe`](crate::engine::Recipe)'s. The defaults are the paper's, with
/// the moving average of the generator added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunSettings {
    /// Images per batch: 16.
    pub batch_size: usize,
    /// In how many parts a batch goes through the networks, one after the other: 1. An update
    /// follows from all of them together, as it would from the whole, and the memory is that of a
    /// part.
    #[serde(default = "whole")]
    pub accumulate: usize,
    /// What the networks compute in: float32.
    #[serde(default)]
    pub precision: Precision,
    /// Iterations of the whole run: 200,000.
    pub iterations: u64,
    /// Learning rate of every network, which the schedule starts from: 1e-4.
    pub learning_rate: f64,
    /// The learning rate of discriminators in its place, which the same schedule starts from; none,
    /// unless set, for the same one.
    #[serde(default)]
    pub discriminator_learning_rate: Option<f64>,
    /// How the learning rate changes during the run.
    pub schedule: Schedule,
    /// Adam's constants.
    pub adam: AdamConfig,
    /// Decay of the moving average of a recipe's generator, in `[0, 1)`; 0 keeps none: 0.999.
    pub ema: f64,
    /// Mirror training images with probability 1/2.
    pub flip: bool,
    /// How training images are changed beside that: not at all.
    #[serde(default, skip_serializing_if = "Augmentation::is_none")]
    pub augmentation: Augmentation,
    /// Which images batches are drawn from: all alike.
    #[serde(default)]
    pub sampling: Sampling,
    /// Decides every random number of the run.
    pub seed: u64,
    /// A checkpoint is written every so many iterations, and at the end: 1,000.
    pub checkpoint_every: u64,
    /// Checkpoints kept, the newest ones: 3.
    pub keep: usize,
    /// Threads that load images: 2.
    pub loader_threads: usize,
    /// What happens when an image can't be read: the run ends.
    pub on_unreadable: UnreadablePolicy,
    /// What happens when a value is not finite: the run ends.
    pub on_non_finite: NonFinitePolicy,
}

/// What [`RunSettings::accumulate`] is where a file does not name it.
fn whole() -> usize {
    1
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            batch_size: 16,
            accumulate: whole(),
            precision: Precision::default(),
            iterations: 200_000,
            learning_rate: 1e-4,
            discriminator_learning_rate: None,
            schedule: Schedule::default(),
            adam: AdamConfig::default(),
            ema: 0.999,
            flip: true,
            augmentation: Augmentation::default(),
            sampling: Sampling::default(),
            seed: 0,
            checkpoint_every: 1_000,
            keep: 3,
            loader_threads: 2,
            on_unreadable: UnreadablePolicy::default(),
            on_non_finite: NonFinitePolicy::default(),
        }
    }
}

impl RunSettings {
    /// Sets the number of images per batch.
    pub fn with_batch_size(mut self, images: usize) -> Self {
        self.batch_size = images;
        self
    }

    /// Sets in how many parts a batch goes through the networks.
    pub fn with_accumulate(mut self, parts: usize) -> Self {
        self.accumulate = parts;
        self
    }

    /// Sets what the networks compute in.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Sets the number of iterations.
    pub fn with_iterations(mut self, iterations: u64) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the learning rate. A discriminator's own keeps its ratio to it, so whoever sets both
    /// sets that one after this.
    pub fn with_learning_rate(mut self, rate: f64) -> Self {
        let kept = |own: f64| own / self.learning_rate * rate;
        self.discriminator_learning_rate = self.discriminator_learning_rate.map(kept);
        self.learning_rate = rate;
        self
    }

    /// Sets the learning rate of discriminators; none for that of the other networks.
    pub fn with_discriminator_learning_rate(mut self, rate: Option<f64>) -> Self {
        self.discriminator_learning_rate = rate;
        self
    }

    /// Sets Adam's constants.
    pub fn with_adam(mut self, adam: AdamConfig) -> Self {
        self.adam = adam;
        self
    }

    /// Sets how the learning rate changes during the run.
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets the decay of the generator's moving average; 0 keeps none.
    pub fn with_ema(mut self, decay: f64) -> Self {
        self.ema = decay;
        self
    }

    /// Sets how training images are changed beside the flip.
    pub fn with_augmentation(mut self, augmentation: Augmentation) -> Self {
        self.augmentation = augmentation;
        self
    }

    /// Sets which images batches are drawn from.
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets the seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how often a checkpoint is written, in iterations.
    pub fn with_checkpoint_every(mut self, iterations: u64) -> Self {
        self.checkpoint_every = iterations;
        self
    }

    /// Sets how many checkpoints are kept.
    pub fn with_keep(mut self, checkpoints: usize) -> Self {
        self.keep = checkpoints;
        self
    }

    /// Sets what happens when an image can't be read.
    pub fn with_on_unreadable(mut self, policy: UnreadablePolicy) -> Self {
        self.on_unreadable = policy;
        self
    }

    /// Sets what happens when a value is not finite.
    pub fn with_on_non_finite(mut self, policy: NonFinitePolicy) -> Self {
        self.on_non_finite = policy;
        self
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`Error::Config`] for the first that cannot work, saying what to change.
    pub fn check(&self) -> Result<()> {
        self.on_non_finite.check()?;
        self.schedule.check()?;
        self.augmentation.check()?;
        for (name, value) in [
            ("batch_size", self.batch_size as u64),
            ("accumulate", self.accumulate as u64),
            ("iterations", self.iterations),
            ("checkpoint_every", self.checkpoint_every),
            ("keep", self.keep as u64),
            ("loader_threads", self.loader_threads as u64),
        ] {
            if value == 0 {
                return Err(Error::Config(format!("{name} is 0; it must be at least 1")));
            }
        }
        self.check_workers(1)?;
        if self.loader_threads > MOST_THREADS {
            return Err(Error::Config(format!(
                "loader_threads is {}; it must be at most {MOST_THREADS}",
                self.loader_threads
            )));
        }
        let discriminator = self.discriminator_learning_rate.unwrap_or(self.learning_rate);
        let AdamConfig { beta1, beta2, epsilon, weight_decay } = self.adam;
        for (name, value, range) in [
            ("learning_rate", self.learning_rate, SMALLEST..=1.0),
            ("discriminator_learning_rate", discriminator, SMALLEST..=1.0),
            ("beta1", beta1, 0.0..=0.999_999),
            ("beta2", beta2, 0.0..=0.999_999_9),
            ("epsilon", epsilon, SMALLEST..=1.0),
            ("weight_decay", weight_decay, 0.0..=1.0),
            ("ema", self.ema, 0.0..=0.999_999_9),
        ] {
            if !range.contains(&value) {
                let [value, start, end] = [value, *range.start(), *range.end()].map(number);
                return Err(Error::Config(format!(
                    "{name} is {value}; it must be between {start} and {end}"
                )));
            }
        }
        Ok(())
    }

    /// Checks that `workers` workers can share a batch, in as many parts each as are accumulated.
    ///
    /// # Errors
    /// [`Error::Config`] when a batch has no equal part for each of them.
    pub fn check_workers(&self, workers: usize) -> Result<()> {
        let (batch, parts) = (self.batch_size, self.accumulate);
        if parts > 1 && !batch.is_multiple_of(parts * workers.max(1)) {
            let workers =
                if workers > 1 { format!(" of each of {workers} workers") } else { String::new() };
            return Err(Error::Config(format!(
                "a batch of {batch} has no {parts} equal parts{workers}: choose another batch size \
                 or another number of parts to accumulate"
            )));
        }
        if workers == 0 || !batch.is_multiple_of(workers) {
            return Err(Error::Config(format!(
                "a batch of {batch} has no equal part for each of {workers} workers: make the \
                 batch size a multiple of {workers}"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_settings_say_what_to_change() {
        RunSettings::default().check().unwrap();
        type Change = fn(&mut RunSettings);
        let cases: [(Change, &str); 14] = [
            (|run| run.batch_size = 0, "batch_size is 0; it must be at least 1"),
            (|run| run.accumulate = 0, "accumulate is 0; it must be at least 1"),
            (|run| run.accumulate = 3, "a batch of 16 has no 3 equal parts: choose another"),
            (|run| run.iterations = 0, "iterations is 0"),
            (|run| run.checkpoint_every = 0, "checkpoint_every is 0"),
            (|run| run.keep = 0, "keep is 0"),
            (|run| run.loader_threads = 0, "loader_threads is 0"),
            (|run| run.loader_threads = 9_999_999, "loader_threads is 9999999; it must be at most"),
            (|run| run.learning_rate = 0.0, "learning_rate is 0; it must be between 1e-38 and 1"),
            (
                |run| run.discriminator_learning_rate = Some(2.0),
                "discriminator_learning_rate is 2; it must be between 1e-38 and 1",
            ),
            (
                |run| run.schedule = Schedule::Linear { after: 1.5 },
                "the schedule linear:1.5: the share of the run is 1.5",
            ),
            (|run| run.adam.beta1 = 1.0, "beta1 is 1; it must be between 0 and 0.999999"),
            (|run| run.adam.epsilon = f64::NAN, "epsilon is NaN"),
            (|run| run.ema = 1.0, "ema is 1; it must be between 0 and 0.9999999"),
        ];
        for (change, expected) in cases {
            let mut run = RunSettings::default();
            change(&mut run);
            let error = run.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn workers_need_an_equal_part_each() {
        let run = RunSettings::default().with_batch_size(6);
        for workers in [1, 2, 3, 6] {
            run.check_workers(workers).unwrap();
        }
        for workers in [0, 4, 7] {
            let error = run.check_workers(workers).unwrap_err().to_string();
            assert!(error.contains("has no equal part for each of"), "{error}");
        }
        let run = run.with_accumulate(2);
        run.check_workers(3).unwrap();
        let error = run.check_workers(2).unwrap_err().to_string();
        assert!(error.contains("no 2 equal parts of each of 2 workers"), "{error}");
    }
}
