//! How long a run takes.

use std::time::{Duration, Instant};

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::csv::CsvFile;
use crate::engine::observe::every::Every;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::error::Result;

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
    file: Option<CsvFile>,
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
        let file = CsvFile::go_on(run.folder().join("timing.csv"), HEADER, run.iteration())?;
        let seconds = |row: &str| row.split(',').nth(1)?.parse().ok();
        self.before = rolled_back.or_else(|| file.last().and_then(seconds)).unwrap_or(0.0);
        self.file = Some(file);
        self.began = Instant::now();
        self.row = (run.iteration(), self.began, Duration::ZERO);
        Ok(())
    }

    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        if !self.every.due(run) {
            return Ok(());
        }
        let Some(file) = &mut self.file else { return Ok(()) };
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
        file.write(&row)
    }

    fn finished(&mut self, _run: &Run<'_, B>) -> Result<()> {
        self.file = None;
        Ok(())
    }
}
