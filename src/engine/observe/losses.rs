//! Every loss term in a CSV file.

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::csv::CsvFile;
use crate::engine::observe::every::Every;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::error::Result;

const HEADER: &str = "iteration,learning_rate,term,value";

/// Writes every loss term to `log.csv` in the run folder: `iteration,learning_rate,term,value`.
/// A resumed run continues the file where the checkpoint left it.
#[derive(Debug)]
pub struct CsvLog {
    every: Every,
    file: Option<CsvFile>,
}

impl CsvLog {
    /// Logs every `iterations`-th iteration, and the last.
    pub fn every(iterations: u64) -> Self {
        Self { every: Every::new(iterations), file: None }
    }
}

impl<B: AutodiffBackend> Observer<B> for CsvLog {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        let path = run.folder().join("log.csv");
        self.file = Some(CsvFile::go_on(path, HEADER, run.iteration())?);
        Ok(())
    }

    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        if !self.every.losses_due(run) {
            return Ok(());
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut rows = String::new();
        for (term, value) in iteration.losses() {
            rows += &format!("{},{:e},{term},{value}\n", iteration.number, iteration.learning_rate);
        }
        file.write(&rows)
    }
}
