//! How long a run takes.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::csv::continue_csv;
use crate::engine::observe::every::Every;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::error::{Error, Result};

const HEADER: &str = "iteration,seconds,images_per_second,waited";

/// Writes the time to `timing.csv` in the run folder every so many iterations and at the end:
/// `iteration,seconds,images_per_second,waited`.
///
/// `seconds` are those of training since the run began, observers included, pauses between resumed
/// parts not; `images_per_second` counts the images of all datasets since the row before; `waited`
/// is the part of the time since then, in seconds, that was spent waiting for images. A resumed run
/// continues the file where the checkpoint left it.
#[derive(Debug)]
pub struct TimingLog {
    every: Every,
    file: Option<(PathBuf, File)>,
    /// What earlier parts of the run took.
    before: f64,
    began: Instant,
    /// The iteration, the time and the wait of the row before.
    row: (u64, Instant, Duration),
}

impl TimingLog {
    /// Logs every `iterations`-th iteration.
    pub fn every(iterations: u64) -> Self {
        let now = Instant::now();
        let row = (0, now, Duration::ZERO);
        Self { every: Every::new(iterations), file: None, before: 0.0, began: now, row }
    }
}

impl<B: AutodiffBackend> Observer<B> for TimingLog {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        // What a roll-back throws away has taken its time all the same.
        let rolled_back =
            self.file.is_some().then(|| self.before + self.began.elapsed().as_secs_f64());
        let path = run.folder().join("timing.csv");
        let file = continue_csv(&path, HEADER, run.iteration())?;
        let text = fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
        let seconds = |row: &str| row.split(',').nth(1)?.parse().ok();
        self.before = rolled_back.or_else(|| text.lines().last().and_then(seconds)).unwrap_or(0.0);
        self.file = Some((path, file));
        self.began = Instant::now();
        self.row = (run.iteration(), self.began, Duration::ZERO);
        Ok(())
    }

    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        if !self.every.due(run) {
            return Ok(());
        }
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let (from, since, waited) = self.row;
        let now = Instant::now();
        self.row = (iteration.number, now, run.waited());
        let images = (run.images_per_iteration() * (iteration.number - from)) as f64;
        let row = format!(
            "{},{:.3},{:.2},{:.3}\n",
            iteration.number,
            self.before + (now - self.began).as_secs_f64(),
            images / (now - since).as_secs_f64(),
            run.waited().saturating_sub(waited).as_secs_f64()
        );
        file.write_all(row.as_bytes()).map_err(|error| Error::io(path, error))
    }

    fn finished(&mut self, _run: &Run<'_, B>) -> Result<()> {
        self.file = None;
        Ok(())
    }
}
