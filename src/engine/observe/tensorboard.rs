//! TensorBoard event files: losses, the learning rate, the speed and sample grids.
//!
//! The crates that write them bring a protobuf stack for four messages, so these are encoded here.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::{Iteration, Observer, sample_path};
use crate::engine::recipe::Recipe;
use crate::engine::trainer::Trainer;
use crate::error::{Error, Result};

mod record;

use record::{Message, record};

/// Writes every loss term, the learning rate and images per second to a TensorBoard event file in
/// `tensorboard/` in the run folder, every so many iterations, and the sample grids that
/// [`SampleGrids`](super::SampleGrids) saves, if that observer comes before this one.
///
/// A resumed run writes another file, which tells TensorBoard to forget what came after the checkpoint.
#[derive(Debug)]
pub struct TensorBoard {
    every: u64,
    file: Option<(PathBuf, File)>,
    since: (u64, Instant),
}

impl TensorBoard {
    /// Writes every `iterations`-th iteration.
    pub fn every(iterations: u64) -> Self {
        Self { every: iterations.max(1), file: None, since: (0, Instant::now()) }
    }

    fn write(&mut self, event: Message) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all(&record(&event.into_bytes())).map_err(|error| Error::io(path, error))
    }
}

impl<B: AutodiffBackend, R: Recipe> Observer<B, R> for TensorBoard {
    fn started(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        let folder = trainer.folder().join("tensorboard");
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let now = now();
        // The name that TensorBoard looks for; nanoseconds keep quick restarts apart, and files in order.
        let path = folder.join(format!(
            "events.out.tfevents.{:010}.{:09}.stargan",
            now.as_secs(),
            now.subsec_nanos()
        ));
        let file = File::create_new(&path).map_err(|error| Error::io(&path, error))?;
        let again = self.file.is_some() || trainer.iteration() > 0;
        self.file = Some((path, file));
        self.since = (trainer.iteration(), Instant::now());
        self.write(version(now))?;
        if again { self.write(restart(now, trainer.iteration() + 1)) } else { Ok(()) }
    }

    fn iteration(
        &mut self,
        trainer: &Trainer<B, R>,
        iteration: &Iteration<'_, B, R>,
    ) -> Result<()> {
        let step = iteration.number;
        let last = step == trainer.training().iterations;
        let period = self.every.next_multiple_of(trainer.training().critic_steps);
        let mut values = Vec::new();
        if step.is_multiple_of(period) || last {
            values.extend(iteration.losses().iter().map(|(term, value)| scalar(term, *value)));
            values.push(scalar("learning_rate", iteration.learning_rate as f32));
            let (before, since) = self.since;
            let images = (trainer.images_per_iteration() * (step - before)) as f32;
            values.push(scalar("images_per_second", images / since.elapsed().as_secs_f32()));
            self.since = (step, Instant::now());
        }
        let grid = sample_path(trainer.folder(), step);
        // One that an interrupted run left is replaced by the observer before this one.
        if let Ok(png) = fs::read(&grid) {
            let size = image::image_dimensions(&grid).map_err(|e| Error::image(&grid, e))?;
            values.push(picture("samples", &png, size));
        }
        if values.is_empty() { Ok(()) } else { self.write(summary(now(), step, values)) }
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
