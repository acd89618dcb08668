//! Measuring while training.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};

use crate::engine::observe::{Iteration, Observer, continue_csv};
use crate::engine::trainer::Trainer;
use crate::error::{Error, Result};
use crate::metrics::counterfactual::Counterfactuals;
use crate::metrics::scores::{CounterfactualScores, Scores};

const HEADER: &str = "iteration,change,n,inside,inside_nothing,outside,outside_nothing,psnr,\
                      psnr_nothing,ssim,ssim_nothing";

/// Measures [`Counterfactuals`] of one or more datasets every so many iterations and at the end of the
/// run, and writes the scores to `metrics.csv` in the run folder. A resumed run continues the file where
/// the checkpoint left it.
#[derive(Debug)]
pub struct CounterfactualLog {
    pairs: Vec<Counterfactuals>,
    every: u64,
    file: Option<(PathBuf, File)>,
    latest: Option<(u64, DatasetScores)>,
}

/// The scores of one dataset, or of several by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DatasetScores {
    /// Those of the one dataset that is measured.
    One(CounterfactualScores),
    /// Those of several datasets, by name.
    Several(BTreeMap<String, CounterfactualScores>),
}

impl DatasetScores {
    /// Every change with its scores, then the total; of several datasets, `faces/hair` and `faces/total`.
    pub fn rows(&self) -> Vec<(String, &Scores)> {
        match self {
            Self::One(scores) => {
                scores.rows().map(|(change, scores)| (change.to_owned(), scores)).collect()
            }
            Self::Several(datasets) => datasets
                .iter()
                .flat_map(|(name, scores)| {
                    scores.rows().map(move |(change, scores)| (format!("{name}/{change}"), scores))
                })
                .collect(),
        }
    }
}

/// A table per dataset, under its name where there are several.
impl fmt::Display for DatasetScores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(scores) => scores.fmt(f),
            Self::Several(datasets) => {
                let table =
                    |(name, scores): (&String, &CounterfactualScores)| format!("{name}\n{scores}");
                f.write_str(&datasets.iter().map(table).collect::<Vec<_>>().join("\n\n"))
            }
        }
    }
}

impl CounterfactualLog {
    /// Measures `pairs`, those of each dataset together, every `iterations`, or only at the end of the run
    /// when that is 0.
    ///
    /// # Errors
    /// [`Error::Config`] when there are none, or two of one dataset.
    pub fn new(pairs: Vec<Counterfactuals>, iterations: u64) -> Result<Self> {
        let repeated = |at: usize| pairs[..at].iter().any(|p| p.dataset() == pairs[at].dataset());
        if pairs.is_empty() || (0..pairs.len()).any(repeated) {
            let message = "expected the pairs of one dataset or more, and of each only once";
            return Err(Error::Config(message.to_owned()));
        }
        Ok(Self { pairs, every: iterations, file: None, latest: None })
    }

    /// The scores of the trainer's networks as they are now.
    ///
    /// # Errors
    /// As [`Counterfactuals::measure`].
    pub fn measured<B: AutodiffBackend>(&mut self, trainer: &Trainer<B>) -> Result<&DatasetScores> {
        let scores = match self.latest.take() {
            Some((iteration, scores)) if iteration == trainer.iteration() => scores,
            _ => self.measure(trainer)?,
        };
        Ok(&self.latest.insert((trainer.iteration(), scores)).1)
    }

    fn measure<B: AutodiffBackend>(&self, trainer: &Trainer<B>) -> Result<DatasetScores> {
        let translator = trainer.translator();
        Ok(match &self.pairs[..] {
            [pairs] => DatasetScores::One(pairs.measure(&translator)?),
            several => DatasetScores::Several(
                several
                    .iter()
                    .map(|pairs| {
                        let scores = pairs.measure(&translator)?;
                        Ok((translator.spaces().name(pairs.dataset()).to_owned(), scores))
                    })
                    .collect::<Result<_>>()?,
            ),
        })
    }
}

impl<B: AutodiffBackend> Observer<B> for CounterfactualLog {
    fn started(&mut self, trainer: &Trainer<B>) -> Result<()> {
        let path = trainer.folder().join("metrics.csv");
        let file = continue_csv(&path, HEADER, trainer.iteration())?;
        self.file = Some((path, file));
        self.latest = None;
        Ok(())
    }

    fn iteration(&mut self, trainer: &Trainer<B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let last = iteration.number == trainer.config().iterations;
        let due = self.every > 0 && iteration.number.is_multiple_of(self.every);
        if !due && !last {
            return Ok(());
        }
        let mut rows = String::new();
        for (change, scores) in self.measured(trainer)?.rows() {
            let values = [
                scores.inside,
                scores.inside_nothing,
                scores.outside,
                scores.outside_nothing,
                scores.psnr,
                scores.psnr_nothing,
                scores.ssim,
                scores.ssim_nothing,
            ];
            let cells = values.map(|value| value.map_or(String::new(), |v| format!("{v:.5}")));
            rows += &format!("{},{change},{},{}\n", iteration.number, scores.n, cells.join(","));
        }
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all(rows.as_bytes()).map_err(|error| Error::io(path, error))
    }
}
