//! TensorBoard event files: losses, the learning rate, the speed and sample grids.
//!
//! The crates that write them bring a protobuf stack for five messages, so these are encoded here.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::every::Every;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::engine::run_folder::TENSORBOARD;
use crate::error::{Error, Result};
use crate::translate::grid::Grid;
use crate::translate::picture::png;

mod record;

use record::{Message, record};

/// Writes every loss term, the learning rate and images per second to a TensorBoard event file in
/// `tensorboard/` in the run folder, every so many iterations, and every grid that an observer
/// [shows](Run::show).
///
/// A resumed run writes another file, which tells TensorBoard to forget what came after the
/// checkpoint.
#[derive(Debug)]
pub struct TensorBoard {
    every: Every,
    file: Option<(PathBuf, File)>,
    since: (u64, Instant),
}

impl TensorBoard {
    /// Writes every `iterations`-th iteration.
    pub fn every(iterations: u64) -> Self {
        Self { every: Every::new(iterations), file: None, since: (0, Instant::now()) }
    }

    fn write(&mut self, event: Message) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all(&record(&event.into_bytes())).map_err(|error| Error::io(path, error))
    }
}

impl<B: AutodiffBackend> Observer<B> for TensorBoard {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        let folder = run.folder().join(TENSORBOARD);
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let now = now();
        // The name that TensorBoard looks for; nanoseconds keep quick restarts apart, and files in
        // order.
        let path = folder.join(format!(
            "events.out.tfevents.{:010}.{:09}.stargan",
            now.as_secs(),
            now.subsec_nanos()
        ));
        let file = File::create_new(&path).map_err(|error| Error::io(&path, error))?;
        let again = self.file.is_some() || run.iteration() > 0;
        self.file = Some((path, file));
        self.since = (run.iteration(), Instant::now());
        self.write(version(now))?;
        if again { self.write(restart(now, run.iteration() + 1)) } else { Ok(()) }
    }

    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        if !self.every.losses_due(run) {
            return Ok(());
        }
        let step = iteration.number;
        let losses = iteration.losses().iter();
        let mut values: Vec<_> = losses.map(|(term, value)| scalar(term, *value)).collect();
        values.push(scalar("learning_rate", iteration.learning_rate as f32));
        let (before, since) = self.since;
        let images = (run.images_per_iteration() * (step - before)) as f32;
        values.push(scalar("images_per_second", images / since.elapsed().as_secs_f32()));
        self.since = (step, Instant::now());
        self.write(summary(now(), step, values))
    }

    fn grid(&mut self, run: &Run<'_, B>, grid: &Grid) -> Result<()> {
        let shown = grid.picture();
        let image = picture("samples", &png(&shown)?, shown.dimensions());
        self.write(summary(now(), run.iteration(), vec![image]))
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

// The messages of tensorflow/core/util/event.proto and framework/summary.proto, by field number.

fn event(time: Duration) -> Message {
    Message::default().double(1, time.as_secs_f64())
}

/// What every file begins with.
fn version(time: Duration) -> Message {
    event(time).bytes(3, b"brain.Event:2")
}

/// From `step` on, earlier files are void.
fn restart(time: Duration, step: u64) -> Message {
    const START: u64 = 1;
    event(time).integer(2, step).message(7, Message::default().integer(1, START))
}

fn summary(time: Duration, step: u64, values: Vec<Message>) -> Message {
    let values = values.into_iter().fold(Message::default(), |all, value| all.message(1, value));
    event(time).integer(2, step).message(5, values)
}

fn scalar(tag: &str, value: f32) -> Message {
    Message::default().bytes(1, tag.as_bytes()).float(2, value)
}

fn picture(tag: &str, png: &[u8], (width, height): (u32, u32)) -> Message {
    const RGB: u64 = 3;
    let image = Message::default().integer(1, height.into()).integer(2, width.into());
    let image = image.integer(3, RGB).bytes(4, png);
    Message::default().bytes(1, tag.as_bytes()).message(4, image)
}

#[cfg(test)]
mod tests;
