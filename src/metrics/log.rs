//! Measuring while training.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use burn::tensor::backend::AutodiffBackend;

use super::{CounterfactualScores, Counterfactuals};
use crate::error::{Error, Result};
use crate::train::{Iteration, Observer, Trainer, continue_csv};

const HEADER: &str =
    "iteration,change,n,inside,inside_nothing,outside,outside_nothing,psnr,psnr_nothing";

/// Measures [`Counterfactuals`] every so many iterations and at the end of the run, and writes the
/// scores to `metrics.csv` in the run folder. A resumed run continues the file where the checkpoint
/// left it.
#[derive(Debug)]
pub struct CounterfactualLog {
    pairs: Counterfactuals,
    every: u64,
    file: Option<(PathBuf, File)>,
    latest: Option<CounterfactualScores>,
}

impl CounterfactualLog {
    /// Measures `pairs` every `iterations`, or only at the end of the run when that is 0.
    pub fn new(pairs: Counterfactuals, iterations: u64) -> Self {
        Self { pairs, every: iterations, file: None, latest: None }
    }

    /// The newest scores.
    pub fn latest(&self) -> Option<&CounterfactualScores> {
        self.latest.as_ref()
    }
}

impl<B: AutodiffBackend> Observer<B> for CounterfactualLog {
    fn started(&mut self, trainer: &Trainer<B>) -> Result<()> {
        let path = trainer.folder().join("metrics.csv");
        let file = continue_csv(&path, HEADER, trainer.iteration())?;
        self.file = Some((path, file));
        Ok(())
    }

    fn iteration(&mut self, trainer: &Trainer<B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let last = iteration.number == trainer.config().iterations;
        let due = self.every > 0 && iteration.number.is_multiple_of(self.every);
        if !due && !last {
            return Ok(());
        }
        let scores = self.pairs.measure(&trainer.translator())?;
        let mut rows = String::new();
        for (change, scores) in scores.rows() {
            let values = [
                scores.inside,
                scores.inside_nothing,
                scores.outside,
                scores.outside_nothing,
                scores.psnr,
                scores.psnr_nothing,
            ];
            let cells = values.map(|value| value.map_or(String::new(), |v| format!("{v:.5}")));
            rows += &format!("{},{change},{},{}\n", iteration.number, scores.n, cells.join(","));
        }
        self.latest = Some(scores);
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all(rows.as_bytes()).map_err(|error| Error::io(path, error))
    }
}
