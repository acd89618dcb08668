//! What the studies that are kept have in common: a run folder per model.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::engine::Recipe;
use stargan::{CsvLog, Datasets, Observer, Outcome, Progress, Trainer, TrainingConfig};

use crate::failure::{Failure, of_file};

/// The model in the folder `run`, trained to its end.
pub fn train_to_the_end<B: AutodiffBackend, R: Recipe>(
    run: &Path,
    config: TrainingConfig<R>,
    data: &Datasets,
    stop: &Arc<AtomicBool>,
) -> Result<Trainer<B, R>, Failure> {
    let device = Default::default();
    let mut trainer = if run.exists() {
        let trainer = Trainer::<B, R>::resume(run, &device)?;
        if *trainer.config() != config {
            let message = "it was trained with other settings: name another --out";
            return Err(of_file(run, message));
        }
        trainer
    } else {
        Trainer::<B, R>::new(run, config, &device)?
    };
    trainer.set_stop_flag(stop.clone());
    let mut observers: Vec<Box<dyn Observer<B>>> =
        vec![Box::new(Progress::default()), Box::new(CsvLog::every(20))];
    match trainer.run(data, &mut observers)? {
        Outcome::Finished { .. } => Ok(trainer),
        Outcome::Stopped { checkpoint } => Err(stopped(&checkpoint.display().to_string())),
    }
}

pub fn stopped(at: &str) -> Failure {
    Failure::Interrupted(format!("stopped at {at}; the same command goes on"))
}
