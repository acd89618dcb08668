//! How far a run is, for whoever looks at the terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use burn::tensor::backend::AutodiffBackend;
use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::observe::every::Every;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::error::shown::Shown;
use crate::error::{Error, Result};

/// No loss of a training that goes well is as large as this.
const RUNAWAY: f32 = 1e6;

/// Writes a line to standard error. Nobody need listen: a run does not end with its terminal.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = writeln!(std::io::stderr().lock(), $($text)*);
    }};
}

/// A progress bar with losses, images per second and the time left on a terminal; a plain line
/// every now and then otherwise. Writes to standard error.
#[derive(Debug)]
pub struct Progress {
    every: Every,
    bar: Option<ProgressBar>,
    began: Instant,
    first: u64,
    losses: Vec<(String, f32)>,
    printed: Instant,
}

impl Default for Progress {
    /// Losses every 20 iterations.
    fn default() -> Self {
        Self::every(20)
    }
}

impl Progress {
    /// Reads the losses every `iterations`: each reading waits for the device.
    pub fn every(iterations: u64) -> Self {
        let now = Instant::now();
        Self {
            every: Every::new(iterations),
            bar: None,
            began: now,
            first: 0,
            losses: Vec::new(),
            printed: now,
        }
    }

    fn leave_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }

    /// The newest value of every term, the names shortened where no two datasets share them.
    fn summary(&self) -> String {
        let single = self.losses.iter().map(|(name, _)| name.split('/').next()).collect::<Vec<_>>();
        let shared = single.windows(2).all(|pair| pair[0] == pair[1]);
        self.losses
            .iter()
            .map(|(name, value)| {
                let name = if shared {
                    name.split_once('/').map_or(&name[..], |(_, term)| term)
                } else {
                    name
                };
                format!("{name} {value:.3}")
            })
            .collect::<Vec<_>>()
            .join("  ")
    }

    fn remember(&mut self, losses: &[(String, f32)]) {
        for (name, value) in losses {
            match self.losses.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => *old = *value,
                None => self.losses.push((name.clone(), *value)),
            }
        }
    }
}

impl<B: AutodiffBackend> Observer<B> for Progress {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        self.began = Instant::now();
        self.printed = self.began;
        self.first = run.iteration();
        let total = run.iterations();
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(
                "{bar:30} {pos}/{len}  {msg}\n{wide_bar:.dim} {elapsed_precise} elapsed, \
                 {eta_precise} left",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            self.leave_bar();
            let bar = ProgressBar::new(total).with_style(style).with_position(self.first);
            bar.reset_eta();
            self.bar = Some(bar);
        } else if self.first < total {
            let folder = Shown(run.folder().display());
            say!("training from iteration {} to {total} in {folder}", self.first);
        }
        Ok(())
    }

    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let total = run.iterations();
        let due = self.every.losses_due(run);
        if due && iteration.number.is_multiple_of(run.cycle()) {
            // All terms that there are now: one may have ended, as a warm-up does.
            self.losses = iteration.losses().to_vec();
        } else if due {
            self.remember(iteration.losses());
        }
        let done = iteration.number - self.first;
        let images = (done * run.images_per_iteration()) as f64;
        let elapsed = self.began.elapsed();
        let speed = images / elapsed.as_secs_f64();
        let last = iteration.number == total;
        match &self.bar {
            Some(bar) => {
                bar.set_position(iteration.number);
                if due {
                    bar.set_message(format!("{speed:.0} images/s  {}", self.summary()));
                }
            }
            None if due && (last || self.printed.elapsed() >= Duration::from_secs(10)) => {
                self.printed = Instant::now();
                let left = elapsed.mul_f64((total - iteration.number) as f64 / done as f64);
                say!(
                    "{}/{total}  {speed:.0} images/s  {} left  {}",
                    iteration.number,
                    clock(left),
                    self.summary()
                );
            }
            None => {}
        }
        Ok(())
    }

    fn rolled_back(&mut self, run: &Run<'_, B>, reason: &Error) -> Result<()> {
        self.leave_bar();
        let what = match reason {
            Error::NonFinite { iteration, term, value, .. } => {
                format!("iteration {iteration}: {term} is {value}")
            }
            other => other.to_string(),
        };
        say!(
            "{what}: rolled back to iteration {}, with the learning rate times {} from here on",
            run.iteration(),
            run.learning_rate_scale()
        );
        Ok(())
    }

    fn finished(&mut self, run: &Run<'_, B>) -> Result<()> {
        self.leave_bar();
        if let Some((name, value)) = self.losses.iter().find(|(_, value)| value.abs() > RUNAWAY) {
            say!(
                "warning: {name} is {value:.1e}: the losses have run away, so the model is of no \
                 use; begin again with a smaller learning rate"
            );
        }
        let unreadable = run.unreadable();
        if !unreadable.is_empty() {
            say!("{} image(s) could not be read, others took their places:", unreadable.len());
            unreadable.values().for_each(|reason| say!("  {reason}"));
        }
        Ok(())
    }
}

/// `1:02:03`.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
