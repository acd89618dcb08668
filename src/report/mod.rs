//! A run on one page: settings, losses, samples and scores as a single HTML file.

mod page;
mod plot;
mod read;
mod samples;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::files::model::replace_file;
use crate::metrics::log::DatasetScores;
use crate::recipes::stargan::config::TrainingConfig;
use read::Series;
use samples::Samples;

/// The name of the page in a run folder.
const FILE: &str = "report.html";

/// What is in a run folder, ready to be shown on one page: configuration, curves of every loss term and of the
/// learning rate, sample grids, scores against true counterfactuals, and time.
///
/// The page is one file without scripts that loads nothing: pictures and plots are in it. Long logs are
/// thinned and large grids shrunk, so that it stays below about 3 MB.
#[derive(Clone, Debug)]
pub struct Report {
    run: PathBuf,
    config: TrainingConfig,
    /// The configuration as it is written.
    settings: Value,
    /// What the run was started with, where `data.json` says.
    command: Option<Value>,
    learning_rate: Series,
    /// By term, in order of appearance.
    losses: Vec<Series>,
    /// Images per second; empty without `timing.csv`.
    speed: Series,
    /// Of training, where `timing.csv` says.
    seconds: Option<f64>,
    /// Of what is measured, such as `inside`, a curve for every change.
    measured: Vec<(String, Vec<Series>)>,
    scores: Option<DatasetScores>,
    samples: Samples,
}

impl Report {
    /// Reads the run folder `run`, of a run that has ended, is under way or was stopped. Only `config.json`
    /// must be there; what else is missing is left out.
    ///
    /// # Errors
    /// When the folder holds no run, or a file of it can't be read or is not what a run writes.
    pub fn of(run: impl AsRef<Path>) -> Result<Self> {
        let run = run.as_ref();
        let path = run.join("config.json");
        let settings = json(&path)?.ok_or_else(|| {
            Error::data(&path, None, "there is no such file: expected the folder of a run")
        })?;
        let config = serde_json::from_value(settings.clone())
            .map_err(|error| Error::data(&path, None, error.to_string()))?;
        let (learning_rate, losses) = read::losses(&run.join("log.csv"))?;
        let (speed, seconds) = read::timing(&run.join("timing.csv"))?;
        let path = run.join("metrics.json");
        let scores = json(&path)?
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Error::data(&path, None, error.to_string()))?;
        Ok(Self {
            samples: Samples::of(run, &config)?,
            command: json(&run.join("data.json"))?,
            measured: read::measured(&run.join("metrics.csv"))?,
            run: run.to_owned(),
            config,
            settings,
            learning_rate,
            losses,
            speed,
            seconds,
            scores,
        })
    }

    /// The page.
    pub fn html(&self) -> String {
        page::html(self)
    }

    /// Writes the page to `report.html` in the run folder, in place of an earlier one, and says where that is.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written; an earlier one is then untouched.
    pub fn save(&self) -> Result<PathBuf> {
        let path = self.run.join(FILE);
        let page = self.html();
        replace_file(&path, |file| fs::write(file, &page).map_err(|e| Error::io(&path, e)))?;
        Ok(path)
    }

    /// The iteration that the run has come to, as far as its log and samples say.
    fn iteration(&self) -> u64 {
        let logged = self.learning_rate.points.last().map_or(0, |point| point.0 as u64);
        let timed = self.speed.points.last().map_or(0, |point| point.0 as u64);
        logged.max(timed).max(self.samples.last().unwrap_or(0))
    }
}

/// A JSON file, or none.
fn json(path: &Path) -> Result<Option<Value>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
    let value = serde_json::from_str(&text);
    value.map(Some).map_err(|error| Error::data(path, error.line(), error.to_string()))
}

#[cfg(test)]
mod tests;
