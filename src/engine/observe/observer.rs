//! What observers are told of a run, and what they can ask of it.

use std::cell::OnceCell;
use std::path::Path;
use std::time::Duration;

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::data::loader::Unreadable;
use crate::engine::observe::metric::Metric;
use crate::engine::recipe::StepLosses;
use crate::error::{Error, Result};
use crate::translate::grid::Grid;
use crate::translate::relabel::Translate;

/// Watches a run. Every method does nothing unless overridden; an error ends the run.
///
/// [`on_iteration`](crate::on_iteration) makes one of a function. Several observers are a
/// `Vec<Box<dyn Observer<B>>>`, which is one that tells each in turn; a box may hold a `&mut` to
/// one that is looked at after the run.
pub trait Observer<B: AutodiffBackend> {
    /// Before the first iteration of a [`Trainer::run`](crate::Trainer::run), and again after every
    /// roll-back.
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        let _ = run;
        Ok(())
    }

    /// After every iteration. The losses need not be finite: what happens then is decided after
    /// this.
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let _ = (run, iteration);
        Ok(())
    }

    /// After an iteration in which an observer has [shown](Run::show) a grid.
    fn grid(&mut self, run: &Run<'_, B>, grid: &Grid) -> Result<()> {
        let _ = (run, grid);
        Ok(())
    }

    /// After an iteration in which an observer has [recorded](Run::record) a metric, for each.
    fn metric(&mut self, run: &Run<'_, B>, metric: &Metric) -> Result<()> {
        let _ = (run, metric);
        Ok(())
    }

    /// After a checkpoint was written to `path`.
    fn checkpoint(&mut self, run: &Run<'_, B>, path: &Path) -> Result<()> {
        let _ = (run, path);
        Ok(())
    }

    /// After a run that has diverged was rolled back for `reason`
    /// ([`NonFinitePolicy`](crate::NonFinitePolicy)). Next come [`checkpoint`](Self::checkpoint),
    /// since the checkpoint is written again with the new learning rate, and
    /// [`started`](Self::started).
    fn rolled_back(&mut self, run: &Run<'_, B>, reason: &Error) -> Result<()> {
        let _ = (run, reason);
        Ok(())
    }

    /// After the last iteration of a [`Trainer::run`](crate::Trainer::run).
    fn finished(&mut self, run: &Run<'_, B>) -> Result<()> {
        let _ = run;
        Ok(())
    }
}

/// A run as observers see it.
#[derive(Clone, Copy)]
pub struct Run<'a, B: AutodiffBackend>(&'a dyn Source<B>);

/// What knows a run.
pub(crate) trait Source<B: AutodiffBackend> {
    fn folder(&self) -> &Path;
    fn iteration(&self) -> u64;
    fn iterations(&self) -> u64;
    fn cycle(&self) -> u64;
    fn images_per_iteration(&self) -> u64;
    fn learning_rate(&self) -> f64;
    fn base_learning_rate(&self) -> f64;
    fn learning_rate_scale(&self) -> f64;
    fn waited(&self) -> Duration;
    fn unreadable(&self) -> &Unreadable;
    fn translator(&self) -> Result<Box<dyn Translate<B::InnerBackend>>>;
    fn stop(&self);
    fn request_learning_rate(&self, rate: f64);
    fn show(&self, grid: Grid);
    fn record(&self, metric: Metric);
    fn save(&self, path: &Path) -> Result<()>;
}

impl<'a, B: AutodiffBackend> Run<'a, B> {
    pub(crate) fn new(source: &'a dyn Source<B>) -> Self {
        Self(source)
    }

    /// The run folder.
    pub fn folder(&self) -> &'a Path {
        self.0.folder()
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        self.0.iteration()
    }

    /// Iterations of the whole run.
    pub fn iterations(&self) -> u64 {
        self.0.iterations()
    }

    /// After how many iterations every network was updated at least once.
    pub fn cycle(&self) -> u64 {
        self.0.cycle()
    }

    /// The images of all datasets that an iteration takes, those of all workers together.
    pub fn images_per_iteration(&self) -> u64 {
        self.0.images_per_iteration()
    }

    /// The learning rate of the current iteration.
    pub fn learning_rate(&self) -> f64 {
        self.0.learning_rate()
    }

    /// The learning rate that the schedule starts from: what
    /// [`set_learning_rate`](Self::set_learning_rate) changes.
    pub fn base_learning_rate(&self) -> f64 {
        self.0.base_learning_rate()
    }

    /// What roll-backs have multiplied the schedule's learning rate by: 1 without any.
    pub fn learning_rate_scale(&self) -> f64 {
        self.0.learning_rate_scale()
    }

    /// How long this [`Trainer::run`](crate::Trainer::run) has waited for images so far.
    pub fn waited(&self) -> Duration {
        self.0.waited()
    }

    /// The images that could not be read and were left out, known after the last iteration.
    pub fn unreadable(&self) -> &'a Unreadable {
        self.0.unreadable()
    }

    /// The networks as they are now, to translate with.
    ///
    /// # Errors
    /// [`Error::Config`] when the recipe's networks don't translate.
    pub fn translator(&self) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        self.0.translator()
    }

    /// Ends the run after this iteration, with a checkpoint, as
    /// [`Trainer::stop_flag`](crate::Trainer::stop_flag) does.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Sets the learning rate that the schedule starts from, as of the next iteration, and changes
    /// a discriminator's own rate by the same factor; with several workers as of the iteration
    /// after the next multiple of ten or checkpoint. A rate that the settings would refuse ends the
    /// run with an error.
    pub fn set_learning_rate(&self, rate: f64) {
        self.0.request_learning_rate(rate);
    }

    /// Gives a grid to all observers ([`Observer::grid`]), once each was told of this iteration.
    pub fn show(&self, grid: Grid) {
        self.0.show(grid);
    }

    /// Gives a metric to all observers ([`Observer::metric`]), once each was told of this
    /// iteration.
    pub fn record(&self, metric: Metric) {
        self.0.record(metric);
    }

    /// Writes a checkpoint of the run as it stands to `path`, in place of an earlier file. It is a
    /// model too, as every checkpoint, and none of those that the run counts and deletes.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written, [`Error::NonFinite`] when a weight is not finite.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.0.save(path)
    }
}

impl<B: AutodiffBackend> std::fmt::Debug for Run<'_, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("folder", &self.folder())
            .field("iteration", &self.iteration())
            .finish_non_exhaustive()
    }
}

/// What one iteration did. Losses stay on the device until [`losses`](Self::losses) is called.
#[derive(Debug)]
pub struct Iteration<'a, B: AutodiffBackend> {
    /// Its number, counted from 1.
    pub number: u64,
    /// The learning rate that it used.
    pub learning_rate: f64,
    steps: &'a [StepLosses<B::InnerBackend>],
    read: OnceCell<Vec<(String, f32)>>,
}

impl<'a, B: AutodiffBackend> Iteration<'a, B> {
    pub(crate) fn new(
        number: u64,
        learning_rate: f64,
        steps: &'a [StepLosses<B::InnerBackend>],
    ) -> Self {
        Self { number, learning_rate, steps, read: OnceCell::new() }
    }

    /// The loss terms by name, such as `data/d/real`: read from the device at the first call, which
    /// waits for it.
    pub fn losses(&self) -> &[(String, f32)] {
        self.read.get_or_init(|| {
            let terms = self.steps.iter().flat_map(StepLosses::losses);
            let (names, values): (Vec<_>, Vec<_>) =
                terms.map(|(name, value)| (name, value.clone())).unzip();
            if values.is_empty() {
                return Vec::new();
            }
            names.into_iter().zip(Tensor::cat(values, 0).into_data().iter::<f32>()).collect()
        })
    }
}

/// No observer.
impl<B: AutodiffBackend> Observer<B> for () {}

/// Several observers, in turn.
impl<B: AutodiffBackend> Observer<B> for Vec<Box<dyn Observer<B> + '_>> {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.started(run))
    }
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.iteration(run, iteration))
    }
    fn grid(&mut self, run: &Run<'_, B>, grid: &Grid) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.grid(run, grid))
    }
    fn metric(&mut self, run: &Run<'_, B>, metric: &Metric) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.metric(run, metric))
    }
    fn checkpoint(&mut self, run: &Run<'_, B>, path: &Path) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.checkpoint(run, path))
    }
    fn rolled_back(&mut self, run: &Run<'_, B>, reason: &Error) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.rolled_back(run, reason))
    }
    fn finished(&mut self, run: &Run<'_, B>) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.finished(run))
    }
}

/// An observer that somebody else keeps.
impl<B: AutodiffBackend, O: Observer<B> + ?Sized> Observer<B> for &mut O {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        (**self).started(run)
    }
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        (**self).iteration(run, iteration)
    }
    fn grid(&mut self, run: &Run<'_, B>, grid: &Grid) -> Result<()> {
        (**self).grid(run, grid)
    }
    fn metric(&mut self, run: &Run<'_, B>, metric: &Metric) -> Result<()> {
        (**self).metric(run, metric)
    }
    fn checkpoint(&mut self, run: &Run<'_, B>, path: &Path) -> Result<()> {
        (**self).checkpoint(run, path)
    }
    fn rolled_back(&mut self, run: &Run<'_, B>, reason: &Error) -> Result<()> {
        (**self).rolled_back(run, reason)
    }
    fn finished(&mut self, run: &Run<'_, B>) -> Result<()> {
        (**self).finished(run)
    }
}
