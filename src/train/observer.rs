//! Watching a run: progress, a CSV log and sample grids. Observers read; they change nothing.

use std::cell::OnceCell;
use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use image::DynamicImage;
use indicatif::{ProgressBar, ProgressStyle};

use super::config::TrainingConfig;
use super::recipe::{Recipe, StepTerms};
use super::trainer::Trainer;
use crate::data::Datasets;
use crate::error::{Error, Result};
use crate::translator::DomainLabel;

/// Watches a run. Every method does nothing unless overridden; an error ends the run.
pub trait Observer<B: AutodiffBackend, R: Recipe = TrainingConfig> {
    /// Before the first iteration of a [`Trainer::run`], and again after every roll-back.
    fn started(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        let _ = trainer;
        Ok(())
    }

    /// After every iteration. The losses need not be finite: what then becomes of the run is decided after this.
    fn iteration(
        &mut self,
        trainer: &Trainer<B, R>,
        iteration: &Iteration<'_, B, R>,
    ) -> Result<()> {
        let _ = (trainer, iteration);
        Ok(())
    }

    /// After a checkpoint was written to `path`.
    fn checkpoint(&mut self, trainer: &Trainer<B, R>, path: &Path) -> Result<()> {
        let _ = (trainer, path);
        Ok(())
    }

    /// After a run that has diverged was rolled back, as [`NonFinitePolicy`](super::NonFinitePolicy) says,
    /// for `reason`. Next come [`checkpoint`](Self::checkpoint), since the checkpoint is written again with the new
    /// learning rate, and [`started`](Self::started).
    fn rolled_back(&mut self, trainer: &Trainer<B, R>, reason: &Error) -> Result<()> {
        let _ = (trainer, reason);
        Ok(())
    }

    /// After the last iteration of a [`Trainer::run`].
    fn finished(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        let _ = trainer;
        Ok(())
    }
}

/// No observer.
impl<B: AutodiffBackend, R: Recipe> Observer<B, R> for () {}

/// An observer that may be absent.
impl<B: AutodiffBackend, R: Recipe, O: Observer<B, R>> Observer<B, R> for Option<O> {
    fn started(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        self.as_mut().map_or(Ok(()), |observer| observer.started(trainer))
    }
    fn iteration(
        &mut self,
        trainer: &Trainer<B, R>,
        iteration: &Iteration<'_, B, R>,
    ) -> Result<()> {
        self.as_mut().map_or(Ok(()), |observer| observer.iteration(trainer, iteration))
    }
    fn checkpoint(&mut self, trainer: &Trainer<B, R>, path: &Path) -> Result<()> {
        self.as_mut().map_or(Ok(()), |observer| observer.checkpoint(trainer, path))
    }
    fn rolled_back(&mut self, trainer: &Trainer<B, R>, reason: &Error) -> Result<()> {
        self.as_mut().map_or(Ok(()), |observer| observer.rolled_back(trainer, reason))
    }
    fn finished(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        self.as_mut().map_or(Ok(()), |observer| observer.finished(trainer))
    }
}

macro_rules! observe_in_turn {
    ($($name:ident . $index:tt),+) => {
        /// Several observers, in turn.
        impl<B: AutodiffBackend, R: Recipe, $($name: Observer<B, R>),+> Observer<B, R> for ($($name,)+) {
            fn started(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
                $(self.$index.started(trainer)?;)+
                Ok(())
            }
            fn iteration(
                &mut self,
                trainer: &Trainer<B, R>,
                iteration: &Iteration<'_, B, R>,
            ) -> Result<()> {
                $(self.$index.iteration(trainer, iteration)?;)+
                Ok(())
            }
            fn checkpoint(&mut self, trainer: &Trainer<B, R>, path: &Path) -> Result<()> {
                $(self.$index.checkpoint(trainer, path)?;)+
                Ok(())
            }
            fn rolled_back(&mut self, trainer: &Trainer<B, R>, reason: &Error) -> Result<()> {
                $(self.$index.rolled_back(trainer, reason)?;)+
                Ok(())
            }
            fn finished(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
                $(self.$index.finished(trainer)?;)+
                Ok(())
            }
        }
    };
}
observe_in_turn!(O0.0, O1.1);
observe_in_turn!(O0.0, O1.1, O2.2);
observe_in_turn!(O0.0, O1.1, O2.2, O3.3);
observe_in_turn!(O0.0, O1.1, O2.2, O3.3, O4.4);

/// What one iteration did. Losses stay on the device until [`losses`](Self::losses) is called.
pub struct Iteration<'a, B: AutodiffBackend, R: Recipe = TrainingConfig> {
    /// Its number, counted from 1.
    pub number: u64,
    /// The learning rate it used.
    pub learning_rate: f64,
    /// How long the run has waited for images so far.
    pub waited: Duration,
    trainer: &'a Trainer<B, R>,
    steps: &'a [R::Losses<B>],
    read: OnceCell<Vec<(String, f32)>>,
}

impl<'a, B: AutodiffBackend, R: Recipe> Iteration<'a, B, R> {
    pub(crate) fn new(
        trainer: &'a Trainer<B, R>,
        steps: &'a [R::Losses<B>],
        waited: Duration,
    ) -> Self {
        Self {
            number: trainer.iteration(),
            learning_rate: trainer.learning_rate(),
            waited,
            trainer,
            steps,
            read: OnceCell::new(),
        }
    }

    /// The loss terms by name, such as `data/d/real`: read from the device at the first call, which
    /// waits for it.
    pub fn losses(&self) -> &[(String, f32)] {
        self.read.get_or_init(|| {
            let config = self.trainer.config();
            let terms = self.steps.iter().flat_map(|step| {
                let part = config.part(step.part());
                step.losses()
                    .into_iter()
                    .map(move |(term, value)| (format!("{part}/{term}"), value))
            });
            let (names, values): (Vec<_>, Vec<_>) = terms.unzip();
            names.into_iter().zip(Tensor::cat(values, 0).into_data().iter::<f32>()).collect()
        })
    }
}

/// A progress bar with losses, images per second and the time left on a terminal; a plain line every
/// now and then otherwise. Writes to standard error.
#[derive(Debug)]
pub struct Progress {
    every: u64,
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
            every: iterations.max(1),
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
        // The identity term ends with its warm-up.
        self.losses.retain(|(name, _)| {
            !name.ends_with("identity") || losses.iter().any(|(current, _)| current == name)
        });
    }
}

impl<B: AutodiffBackend, R: Recipe> Observer<B, R> for Progress {
    fn started(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        self.began = Instant::now();
        self.printed = self.began;
        self.first = trainer.iteration();
        let total = trainer.training().iterations;
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(
                "{bar:30} {pos}/{len}  {msg}\n{wide_bar:.dim} {elapsed_precise} elapsed, {eta_precise} left",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            self.leave_bar();
            let bar = ProgressBar::new(total).with_style(style).with_position(self.first);
            bar.reset_eta();
            self.bar = Some(bar);
        } else {
            eprintln!(
                "training from iteration {} to {total} in {}",
                self.first,
                trainer.folder().display()
            );
        }
        Ok(())
    }

    fn iteration(
        &mut self,
        trainer: &Trainer<B, R>,
        iteration: &Iteration<'_, B, R>,
    ) -> Result<()> {
        let config = trainer.training();
        // Read where G was updated too, so that its terms are there.
        let period = self.every.next_multiple_of(config.critic_steps);
        let last = iteration.number == config.iterations;
        let due = iteration.number.is_multiple_of(period) || last;
        if due {
            self.remember(iteration.losses());
        }
        let done = iteration.number - self.first;
        let images = (done * trainer.images_per_iteration()) as f64;
        let elapsed = self.began.elapsed();
        let speed = images / elapsed.as_secs_f64();
        match &self.bar {
            Some(bar) => {
                bar.set_position(iteration.number);
                if due {
                    bar.set_message(format!("{speed:.0} images/s  {}", self.summary()));
                }
            }
            None if due && (last || self.printed.elapsed() >= Duration::from_secs(10)) => {
                self.printed = Instant::now();
                let left =
                    elapsed.mul_f64((config.iterations - iteration.number) as f64 / done as f64);
                eprintln!(
                    "{}/{}  {speed:.0} images/s  {} left  {}",
                    iteration.number,
                    config.iterations,
                    clock(left),
                    self.summary()
                );
            }
            None => {}
        }
        Ok(())
    }

    fn rolled_back(&mut self, trainer: &Trainer<B, R>, reason: &Error) -> Result<()> {
        self.leave_bar();
        eprintln!("{}", roll_back_message(trainer, reason));
        Ok(())
    }

    fn finished(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        self.leave_bar();
        tell_unreadable(trainer);
        Ok(())
    }
}

/// What a roll-back for `reason` means for the run.
fn roll_back_message<B: AutodiffBackend, R: Recipe>(
    trainer: &Trainer<B, R>,
    reason: &Error,
) -> String {
    let what = match reason {
        Error::NonFinite { iteration, term, value, .. } => {
            format!("iteration {iteration}: {term} is {value}")
        }
        other => other.to_string(),
    };
    format!(
        "{what}: rolled back to iteration {}, with the learning rate times {} from here on",
        trainer.iteration(),
        trainer.learning_rate_scale()
    )
}

/// Says which images a run has passed over.
fn tell_unreadable<B: AutodiffBackend, R: Recipe>(trainer: &Trainer<B, R>) {
    let unreadable = trainer.unreadable();
    if !unreadable.is_empty() {
        eprintln!("{} image(s) could not be read, others took their places:", unreadable.len());
        unreadable.values().for_each(|reason| eprintln!("  {reason}"));
    }
}

/// `1:02:03`.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Writes every loss term to `log.csv` in the run folder: `iteration,learning_rate,term,value`.
/// A resumed run continues the file where the checkpoint left it.
#[derive(Debug)]
pub struct CsvLog {
    every: u64,
    file: Option<(PathBuf, File)>,
}

/// Opens the log at `path`, whose rows begin with their iteration, to write on after `iteration`.
pub(crate) fn continue_csv(path: &Path, header: &str, iteration: u64) -> Result<File> {
    let io = |error| Error::io(path, error);
    let mut kept = header.to_owned() + "\n";
    if path.exists() {
        let bytes = fs::read(path).map_err(io)?;
        // What a process that was killed did not write to its end is no row, and perhaps no text.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let whole = String::from_utf8_lossy(&bytes[..end]);
        for row in whole.lines().skip(1) {
            let number = row.split(',').next().and_then(|number| number.parse::<u64>().ok());
            // Rows after the checkpoint belong to iterations that will be done again.
            if number.is_some_and(|number| number <= iteration) {
                kept += row;
                kept += "\n";
            }
        }
    }
    crate::model::replace_file(path, |temporary| fs::write(temporary, kept).map_err(io))?;
    OpenOptions::new().append(true).open(path).map_err(io)
}

const HEADER: &str = "iteration,learning_rate,term,value";

impl CsvLog {
    /// Logs every `iterations`-th iteration.
    pub fn every(iterations: u64) -> Self {
        Self { every: iterations.max(1), file: None }
    }
}

impl<B: AutodiffBackend, R: Recipe> Observer<B, R> for CsvLog {
    fn started(&mut self, trainer: &Trainer<B, R>) -> Result<()> {
        let path = trainer.folder().join("log.csv");
        let file = continue_csv(&path, HEADER, trainer.iteration())?;
        self.file = Some((path, file));
        Ok(())
    }

    fn iteration(
        &mut self,
        trainer: &Trainer<B, R>,
        iteration: &Iteration<'_, B, R>,
    ) -> Result<()> {
        let period = self.every.next_multiple_of(trainer.training().critic_steps);
        if !iteration.number.is_multiple_of(period) {
            return Ok(());
        }
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let mut rows = String::new();
        for (term, value) in iteration.losses() {
            rows += &format!("{},{:e},{term},{value}\n", iteration.number, iteration.learning_rate);
        }
        file.write_all(rows.as_bytes()).map_err(|error| Error::io(path, error))
    }
}

/// Saves a grid of fixed images and their translations to `samples/` in the run folder.
#[derive(Debug)]
pub struct SampleGrids {
    every: u64,
    images: Vec<(DynamicImage, Option<DomainLabel>)>,
}

impl SampleGrids {
    /// A grid of `images`, with their own labels where known, every `iterations`.
    pub fn new(images: Vec<(DynamicImage, Option<DomainLabel>)>, iterations: u64) -> Self {
        Self { every: iterations.max(1), images }
    }

    /// A grid of the first `count` images of each dataset, every `iterations`.
    ///
    /// # Errors
    /// When an image can't be read.
    pub fn of(datasets: &Datasets, count: usize, iterations: u64) -> Result<Self> {
        let mut images = Vec::new();
        for (dataset, data) in datasets.iter().enumerate() {
            for index in 0..count.min(data.len()) {
                let label = DomainLabel { dataset, label: data.label(index).to_vec() };
                images.push((data.load_cropped(index)?.into(), Some(label)));
            }
        }
        Ok(Self::new(images, iterations))
    }
}

/// Where the sample grid of an iteration is, in a run folder.
pub(super) fn sample_path(run: &Path, iteration: u64) -> PathBuf {
    run.join("samples").join(format!("{iteration:08}.png"))
}

impl<B: AutodiffBackend> Observer<B> for SampleGrids {
    fn iteration(&mut self, trainer: &Trainer<B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let last = iteration.number == trainer.config().iterations;
        if !iteration.number.is_multiple_of(self.every) && !last {
            return Ok(());
        }
        let path = sample_path(trainer.folder(), iteration.number);
        let folder = path.parent().unwrap_or(trainer.folder());
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let grid = trainer.translator().grid(&self.images)?;
        grid.image.save(&path).map_err(|error| Error::image(&path, error))
    }
}
