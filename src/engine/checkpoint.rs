//! Run folders: configuration, whole checkpoints, and which of them to keep.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::datasets::Datasets;
use crate::data::transform::{Crop, Transform};
use crate::engine::config::TrainingConfig;
use crate::engine::recipe::Recipe;
use crate::error::{Error, Result};
use crate::files::model::{self, replace_file};
use crate::files::run::{CHECKPOINTS, checkpoints};
use crate::nn::weights::Weights;

/// What a checkpoint says of itself, beside its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "R: Recipe")]
pub(crate) struct Checkpoint<R: Recipe> {
    /// What a translator needs.
    #[serde(flatten)]
    pub model: R::Model,
    /// What the trainer needs.
    pub training: Progress<R>,
}

/// Where a run stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "R: Recipe")]
pub(crate) struct Progress<R: Recipe> {
    pub config: TrainingConfig<R>,
    /// Iterations done. With the seed it decides the data order and every random number to come.
    pub iteration: u64,
    /// Updates of every network, by name.
    pub updates: BTreeMap<String, u64>,
    /// How often the run was rolled back.
    pub rollbacks: u32,
    /// What the schedule's learning rates are multiplied by since.
    pub learning_rate_scale: f64,
    /// The datasets trained on, refused to change on resume; empty before the first iteration.
    pub datasets: Vec<DatasetIdentity>,
}

/// What tells one dataset from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatasetIdentity {
    pub name: String,
    pub images: usize,
    pub crop: Crop,
}

impl DatasetIdentity {
    /// Those of `data`, as a recipe names them.
    pub fn all(names: Vec<String>, data: &Datasets) -> Vec<Self> {
        let identity = |(name, dataset): (String, &dyn crate::data::dataset::Dataset)| Self {
            name,
            images: dataset.len(),
            crop: dataset.crop(),
        };
        names.into_iter().zip(data.iter()).map(identity).collect()
    }
}

/// What is done to an image before networks see it that were trained on `datasets`.
pub(crate) fn transform(datasets: &[DatasetIdentity], recipe: &impl Recipe) -> Transform {
    let mut crops = datasets.iter().map(|dataset| dataset.crop);
    let first = crops.next().unwrap_or(Crop::Square);
    // A photo from elsewhere belongs to no dataset: it is cropped as all of them are, or square.
    let crop = if crops.all(|crop| crop == first) { first } else { Crop::Square };
    Transform { crop, size: recipe.image_size() as u32 }
}

/// The folder of one run, locked for as long as this value or a copy of it lives.
/// `docs/checkpoints.md` lists what is in it.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Arc<File>,
}

const CONFIG: &str = "config.json";
const LOCK: &str = ".lock";

impl RunFolder {
    /// Makes a new run folder and writes the configuration into it.
    ///
    /// # Errors
    /// [`Error::Config`] when the folder already holds something (nothing is overwritten) or
    /// another process trains in it; [`Error::Io`] when it can't be written.
    pub(crate) fn create<R: Recipe>(path: &Path, config: &TrainingConfig<R>) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| Error::io(path, error))?;
        if !is_unused(path).map_err(|error| Error::io(path, error))? {
            let remedy = if path.join(CONFIG).exists() {
                "it holds a run already: resume it, or choose another folder"
            } else {
                "it is not empty: choose another folder"
            };
            return Err(Error::Config(format!("{}: {remedy}", path.display())));
        }
        let folder = Self::locked(path)?;
        let checkpoints = path.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(|error| Error::io(&checkpoints, error))?;
        let json = serde_json::to_string_pretty(config).map_err(|error| {
            Error::Config(format!("the configuration can't be written: {error}"))
        })?;
        replace_file(&path.join(CONFIG), |temporary| {
            fs::write(temporary, json).map_err(|error| Error::io(path.join(CONFIG), error))
        })?;
        Ok(folder)
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when it holds no run; [`Error::Config`] when another process trains in
    /// it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if !path.join(CONFIG).is_file() {
            return Err(Error::checkpoint(path, "there is no run to resume here (no config.json)"));
        }
        let folder = Self::locked(path)?;
        folder.sweep()?;
        Ok(folder)
    }

    /// Removes the checkpoints that killed processes were writing: for a long run they add up.
    fn sweep(&self) -> Result<()> {
        let folder = self.path.join(CHECKPOINTS);
        for entry in fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))? {
            let path = entry.map_err(|error| Error::io(&folder, error))?.path();
            if model::is_unfinished(&path) {
                fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
            }
        }
        Ok(())
    }

    fn locked(path: &Path) -> Result<Self> {
        let file = path.join(LOCK);
        let lock = File::create(&file).map_err(|error| Error::io(&file, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(Error::Config(format!(
                "{}: another process is training in this folder",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(Error::io(&file, error)),
        }
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration that the run began with.
    ///
    /// # Errors
    /// [`Error::Data`] when it can't be read; [`Error::Checkpoint`] when an earlier version of this
    /// crate wrote it, or another recipe was trained.
    pub(crate) fn config<R: Recipe>(&self) -> Result<TrainingConfig<R>> {
        let file = self.path.join(CONFIG);
        let json = fs::read_to_string(&file).map_err(|error| Error::io(&file, error))?;
        let settings: Value = serde_json::from_str(&json)
            .map_err(|error| Error::data(&file, error.line(), error.to_string()))?;
        if settings.get("run").is_none() {
            return Err(Error::checkpoint(
                &self.path,
                "an earlier version of this crate began this run, and this one can't resume it; \
                 the checkpoints of a StarGAN still translate",
            ));
        }
        match settings.get("recipe").and_then(Value::as_str) {
            Some(found) if found != R::NAME => {
                let problem = format!("expected the recipe {:?}, found {found:?}", R::NAME);
                return Err(Error::data(&file, None, problem));
            }
            _ => {}
        }
        serde_json::from_value(settings)
            .map_err(|error| Error::data(&file, None, error.to_string()))
    }

    /// The newest checkpoint, if the run has one yet.
    pub(crate) fn newest_checkpoint(&self) -> Result<Option<PathBuf>> {
        Ok(checkpoints(&self.path)?.pop())
    }

    /// Writes the checkpoint of `checkpoint.training.iteration`, then deletes all but the newest
    /// `keep`.
    pub(crate) fn save<R: Recipe>(
        &self,
        checkpoint: &Checkpoint<R>,
        weights: &Weights,
    ) -> Result<PathBuf> {
        let folder = self.path.join(CHECKPOINTS);
        let path = folder.join(format!("{:08}.safetensors", checkpoint.training.iteration));
        model::write(&path, checkpoint, weights)?;
        let mut all = checkpoints(&self.path)?;
        let keep = checkpoint.training.config.run.keep.max(1);
        all.truncate(all.len().saturating_sub(keep));
        for old in all {
            fs::remove_file(&old).map_err(|error| Error::io(&old, error))?;
        }
        Ok(path)
    }
}

/// Whether a folder is empty, or holds only what a process that was killed at once makes first.
fn is_unused(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let empty = name == CHECKPOINTS && path.is_dir() && fs::read_dir(&path)?.next().is_none();
        if !(name == LOCK || empty || model::is_unfinished(&path)) {
            return Ok(false);
        }
    }
    Ok(true)
}
