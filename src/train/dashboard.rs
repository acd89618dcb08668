//! A run on the whole terminal: burn-train's dashboard, driven by an observer.

use std::collections::HashSet;
use std::io::{IsTerminal, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use burn::data::dataloader::Progress;
use burn::tensor::backend::AutodiffBackend;
use burn::train::Interrupter;
use burn::train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{
    MetricState, MetricsRenderer, MetricsRendererTraining, ProgressType, TrainingProgress,
};

use super::observer::{Iteration, Observer, roll_back_message, tell_unreadable};
use super::trainer::Trainer;
use crate::error::{Error, Result};

/// The terminal as a dashboard while a run goes on: a curve for each loss term, for the learning rate and for the
/// images per second, how far the run is and how long it will take. It is that of burn-train.
///
/// The arrow keys choose the curve and its extent; `q`, then `s`, raises the trainer's
/// [stop flag](Trainer::stop_flag), so that the run ends with a checkpoint. Ctrl-C is a key like others meanwhile
/// and does nothing. `q`, then `k`, is burn-train's way to end the process by a panic, without a checkpoint.
///
/// The terminal is taken when the run starts, and given back when it has ended or this is dropped, as when it has failed.
/// Nothing else should write to it meanwhile. burn-train's thread that draws never sleeps: it takes a CPU core.
pub struct Dashboard {
    every: u64,
    interrupter: Interrupter,
    screen: Option<TuiMetricsRendererWrapper>,
    known: HashSet<String>,
    first: u64,
    /// The iteration and the time at which the speed was last measured.
    row: (u64, Instant),
    began: Instant,
    /// What is said once the terminal is given back.
    notes: Vec<String>,
}

impl Dashboard {
    /// Reads the losses every `iterations`: each reading waits for the device.
    ///
    /// # Errors
    /// [`Error::Config`] when standard input or output is no terminal.
    pub fn every(iterations: u64) -> Result<Self> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            return Err(Error::Config(
                "the dashboard needs a terminal, and standard input or output is none".to_owned(),
            ));
        }
        let now = Instant::now();
        Ok(Self {
            every: iterations.max(1),
            interrupter: Interrupter::new(),
            screen: None,
            known: HashSet::new(),
            first: 0,
            row: (0, now),
            began: now,
            notes: Vec::new(),
        })
    }

    /// Gives the terminal back and says what has happened meanwhile.
    fn leave(&mut self) {
        self.screen = None;
        self.notes.drain(..).for_each(|note| eprintln!("{note}"));
    }

    /// Adds a value to the curve `name`.
    fn plot(&mut self, name: &str, value: f64, shown: String) {
        let Some(screen) = &mut self.screen else { return };
        let metric_id = MetricId::new(Arc::new(name.to_owned()));
        if self.known.insert(name.to_owned()) {
            screen.register_metric(MetricDefinition {
                metric_id: metric_id.clone(),
                name: name.to_owned(),
                description: None,
                attributes: MetricAttributes::Numeric(NumericAttributes {
                    unit: None,
                    higher_is_better: false,
                }),
            });
        }
        let entry = MetricEntry::new(metric_id, SerializedEntry::new(shown, value.to_string()));
        screen.update_train(MetricState::Numeric(entry, NumericEntry::Value(value)));
    }

    /// Shows where the run is.
    fn progress(&mut self, iteration: u64, total: u64, waited: Duration) {
        let Some(screen) = &mut self.screen else { return };
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        // Of what this process has to do: the time left is estimated from it.
        let part = Progress {
            items_processed: count(iteration - self.first),
            items_total: count(total - self.first),
        };
        let whole = Progress { items_processed: count(iteration), items_total: count(total) };
        let seconds = |tag: &str, time: Duration| ProgressType::Value {
            tag: tag.to_owned(),
            value: count(time.as_secs()),
        };
        screen.render_train(
            TrainingProgress {
                progress: Some(part),
                global_progress: Progress { items_processed: 1, items_total: 1 },
                iteration: Some(count(iteration)),
            },
            vec![
                ProgressType::Detailed { tag: "Iteration".to_owned(), progress: whole },
                seconds("Seconds", self.began.elapsed()),
                seconds("Seconds waited for images", waited),
            ],
        );
    }
}

impl<B: AutodiffBackend> Observer<B> for Dashboard {
    fn started(&mut self, trainer: &Trainer<B>) -> Result<()> {
        self.first = trainer.iteration();
        self.row = (self.first, Instant::now());
        // After a roll-back the curves go on; a run that is over would take the terminal for nothing.
        if self.screen.is_none() && self.first < trainer.config().iterations {
            self.began = Instant::now();
            self.known.clear();
            self.interrupter.reset();
            self.screen = Some(TuiMetricsRendererWrapper::new(self.interrupter.clone(), None));
        }
        Ok(())
    }

    fn iteration(&mut self, trainer: &Trainer<B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let config = trainer.config();
        // Where G was updated too, so that its terms are there.
        let period = self.every.next_multiple_of(config.critic_steps);
        if iteration.number.is_multiple_of(period) || iteration.number == config.iterations {
            for (name, value) in iteration.losses() {
                self.plot(name, f64::from(*value), format!("{value:.4}"));
            }
            let rate = iteration.learning_rate;
            self.plot("learning rate", rate, format!("{rate:.3e}"));
            let (since, then) = self.row;
            let images = (trainer.images_per_iteration() * (iteration.number - since)) as f64;
            let speed = images / then.elapsed().as_secs_f64().max(1e-9);
            self.plot("images per second", speed, format!("{speed:.1}"));
            self.row = (iteration.number, Instant::now());
        }
        self.progress(iteration.number, config.iterations, iteration.waited);
        if self.interrupter.should_stop() {
            trainer.stop_flag().store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn rolled_back(&mut self, trainer: &Trainer<B>, reason: &Error) -> Result<()> {
        self.notes.push(roll_back_message(trainer, reason));
        Ok(())
    }

    fn finished(&mut self, trainer: &Trainer<B>) -> Result<()> {
        self.leave();
        tell_unreadable(trainer);
        Ok(())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.leave();
    }
}
