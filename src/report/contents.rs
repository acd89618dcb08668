//! What the files of a run folder say, whatever recipe the run is of.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data::summary::Summary;
use crate::engine::checkpoint::Change;
use crate::engine::recipe::Recipe;
use crate::error::{Error, Result};
use crate::metrics::dataset_scores::DatasetScores;
use crate::metrics::log::SCORES;
use crate::metrics::pixel::metric::PixelMetric;
use crate::recipes::cyclegan::CycleGan;
use crate::recipes::stargan::config::StarGan;
use crate::report::images::IMAGES;
use crate::report::read::{self, Series};
use crate::report::samples::Samples;
use crate::report::settings::{Settings, json, others};
use crate::report::text::grouped;
use crate::report::trained::Trained;

/// What the run is. `{"recipe": ..., "run": {"iterations": ..., "batch_size": ..., ...}, ...}`.
const CONFIG: &str = "config.json";

/// A run folder.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    /// The folder's own name.
    pub name: String,
    /// What is trained, as a title says it.
    pub title: String,
    /// The iterations that the run is to have.
    pub iterations: u64,
    /// Images of a batch of one dataset.
    pub batch: u64,
    /// The configuration, then what else is there in JSON.
    pub settings: Vec<Settings>,
    /// Of the configuration, since the run began.
    pub changes: Vec<Change>,
    pub learning_rate: Series,
    /// By term, in order of appearance.
    pub losses: Vec<Series>,
    /// Images per second; empty without `timing.csv`.
    pub speed: Series,
    /// Of training, where `timing.csv` says.
    pub seconds: Option<f64>,
    /// Of every measure, a curve for every change.
    pub measured: Vec<(&'static PixelMetric, Vec<Series>)>,
    pub scores: Option<DatasetScores>,
    /// The iteration of the last measurement, as `metrics.csv` says.
    pub measured_at: Option<u64>,
    /// What the run was trained and tested on, by name.
    pub images: BTreeMap<String, Summary>,
    pub samples: Samples,
}

impl Contents {
    /// Reads the run folder `run`.
    ///
    /// # Errors
    /// When the folder holds no run, or a file of it can't be read or is not what a run writes.
    pub fn open(run: &Path) -> Result<Self> {
        let path = run.join(CONFIG);
        let begun = json(&path)?.ok_or_else(|| {
            Error::data(&path, None, "there is no such file: expected the folder of a run")
        })?;
        let (about, config, changes) = match Trained::of_run(run) {
            Some(Trained { iteration, config, changes }) if config.is_object() => {
                (format!("Up to iteration {}", grouped(iteration)), config, changes)
            }
            _ => (CONFIG.to_owned(), begun, Vec::new()),
        };
        let earlier = ["image_size", "training"].map(|key| config.get(key).is_some());
        if config["run"].is_null() && earlier.contains(&true) {
            let message =
                "an earlier version of this crate began this run: its report is that version's";
            return Err(Error::data(&path, None, message));
        }
        let expected = |what: &str, of: &str| {
            Error::data(&path, None, format!("expected {what} under {of:?}, as a run writes them"))
        };
        let recipe = config["recipe"].as_str().ok_or_else(|| expected("a name", "recipe"))?;
        let number = |name: &str| {
            let number = config["run"][name].as_u64();
            number.ok_or_else(|| expected("a number", &format!("run.{name}")))
        };
        let (iterations, batch) = (number("iterations")?, number("batch_size")?);
        let title = title(recipe);
        let (learning_rate, losses) = read::losses(&run.join("log.csv"))?;
        let (speed, seconds) = read::timing(&run.join("timing.csv"))?;
        let path = run.join(SCORES);
        let scores = json(&path)?
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Error::data(&path, None, error.to_string()))?;
        let path = run.join(IMAGES);
        let images = json(&path)?
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Error::data(&path, None, error.to_string()))?
            .unwrap_or_default();
        let (measured, measured_at) = read::measured(&run.join("metrics.csv"))?;
        let whole = std::path::absolute(run).unwrap_or_else(|_| run.to_owned());
        let name = whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned();
        let mut settings = vec![Settings { name: about, content: Ok(config) }];
        settings.extend(others(run, &[CONFIG, SCORES, IMAGES])?);
        Ok(Self {
            name,
            title,
            iterations,
            batch,
            settings,
            changes,
            learning_rate,
            losses,
            speed,
            seconds,
            measured,
            scores,
            measured_at,
            images,
            samples: Samples::open(&run.join("samples"))?,
        })
    }

    /// The iteration that the run has come to, as far as its log and samples say.
    pub fn iteration(&self) -> u64 {
        let logged = self.learning_rate.points.last().map_or(0, |point| point.0 as u64);
        let timed = self.speed.points.last().map_or(0, |point| point.0 as u64);
        logged.max(timed).max(self.samples.last().unwrap_or(0))
    }
}

/// `StarGAN training`. A recipe of somebody else's has the name that it has in files.
fn title(recipe: &str) -> String {
    let name = match recipe {
        StarGan::NAME => "StarGAN",
        CycleGan::NAME => "CycleGAN",
        other => other,
    };
    format!("{name} training")
}
