//! Run folders: configuration, whole checkpoints, and which of them to keep.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::data::whole::{read_text, regular_length};
use crate::engine::checkpoint::{Checkpoint, Progress};
use crate::engine::config::TrainingConfig;
use crate::engine::recipe::Recipe;
use crate::error::{Error, Result};
use crate::files::model;
use crate::files::replace::{is_unfinished, replace_file};
use crate::files::run::{CHECKPOINTS, Checkpoints, checkpoint_path};
use crate::nn::weights::Weights;

/// The folder of one run, locked for as long as this value or a copy of it lives.
/// `docs/checkpoints.md` lists what is in it.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Arc<File>,
}

const CONFIG: &str = "config.json";
const LOCK: &str = ".lock";
/// Where sample grids go.
pub(crate) const SAMPLES: &str = "samples";
/// Where event files go, the first before the first iteration.
pub(crate) const TENSORBOARD: &str = "tensorboard";

impl RunFolder {
    /// Makes a new run folder and writes the configuration into it. The folder of a run that never
    /// did an iteration may be begun anew.
    ///
    /// # Errors
    /// [`Error::Config`] when the folder already holds something (nothing is overwritten) or
    /// another trainer has it; [`Error::Io`] when it can't be written.
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
        folder.write_config(config)?;
        Ok(folder)
    }

    /// Writes the configuration, in place of an earlier one.
    pub(crate) fn write_config<R: Recipe>(&self, config: &TrainingConfig<R>) -> Result<()> {
        let file = self.path.join(CONFIG);
        let json = serde_json::to_string_pretty(config).map_err(|error| {
            Error::Config(format!("the configuration can't be written: {error}"))
        })?;
        replace_file(file, json)
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when it holds no run; [`Error::Config`] when another trainer has it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let config = path.join(CONFIG);
        match fs::metadata(&config) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Error::io(config, error));
            }
            Err(_) => {
                let none = "there is no run to resume here (no config.json)";
                return Err(Error::checkpoint(path, none));
            }
            Ok(_) => regular_length(&config)?,
        };
        let checkpoints = path.join(CHECKPOINTS);
        if !checkpoints.is_dir() {
            let gone = "expected the folder of the run's checkpoints, which is not there: put it \
                        back, or begin a new run in another folder";
            return Err(Error::checkpoint(checkpoints, gone));
        }
        let folder = Self::locked(path)?;
        folder.sweep()?;
        Ok(folder)
    }

    /// Removes what killed processes were writing: for a long run it adds up.
    fn sweep(&self) -> Result<()> {
        for folder in [self.path.clone(), self.path.join(CHECKPOINTS), self.path.join(SAMPLES)] {
            let entries = match fs::read_dir(&folder) {
                Err(_) if !folder.exists() => continue,
                entries => entries.map_err(|error| Error::io(&folder, error))?,
            };
            for entry in entries {
                let path = entry.map_err(|error| Error::io(&folder, error))?.path();
                if is_unfinished(&path) {
                    fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
                }
            }
        }
        Ok(())
    }

    fn locked(path: &Path) -> Result<Self> {
        let file = path.join(LOCK);
        let refuse = |problem: &str| Error::Config(format!("{}: {problem}", file.display()));
        // A link would be followed, and a pipe waited for.
        if file.symlink_metadata().is_ok_and(|there| !there.is_file()) {
            return Err(refuse("expected a file of the run, found something else: remove it"));
        }
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&file);
        let lock = lock.map_err(|error| Error::io(&file, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(Error::Config(format!(
                "{}: another trainer, of this process or of another one, has this folder",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(Error::io(&file, error)),
        }
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration of the run.
    ///
    /// # Errors
    /// [`Error::Data`] when it can't be read; [`Error::Checkpoint`] when an earlier version of this
    /// crate wrote it, or another recipe was trained.
    pub(crate) fn config<R: Recipe>(&self) -> Result<TrainingConfig<R>> {
        let file = self.path.join(CONFIG);
        let json = read_text(&file)?;
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

    /// The checkpoints, and what only has the name of one.
    pub(crate) fn checkpoints(&self) -> Result<Checkpoints> {
        Checkpoints::of_run(&self.path)
    }

    /// Writes the checkpoint of `checkpoint.training.iteration`, then deletes all but the newest
    /// `keep`.
    pub(crate) fn save<R: Recipe>(
        &self,
        checkpoint: &Checkpoint<R>,
        weights: &Weights,
    ) -> Result<PathBuf> {
        let Progress { config, iteration, .. } = &checkpoint.training;
        let path = checkpoint_path(&self.path, *iteration);
        let Checkpoints { mut own, foreign, .. } = self.checkpoints()?;
        if foreign.contains(&path) {
            set_aside(&path)?;
        }
        model::write(&path, checkpoint, weights)?;
        own.retain(|(number, _)| number != iteration);
        let superfluous = (own.len() + 1).saturating_sub(config.run.keep.max(1));
        for (_, old) in own.iter().take(superfluous) {
            fs::remove_file(old).map_err(|error| Error::io(old, error))?;
        }
        Ok(path)
    }

    /// Puts the checkpoints after `iteration` aside, under names that no checkpoint has, so that
    /// the run goes on from there whenever it is resumed.
    pub(crate) fn set_aside_after(&self, iteration: u64) -> Result<()> {
        let Checkpoints { own, damaged, .. } = self.checkpoints()?;
        let mut after = own.iter().chain(&damaged).filter(|(number, _)| *number > iteration);
        after.try_for_each(|(_, path)| set_aside(path))
    }
}

/// Gives a file a name that no checkpoint has.
fn set_aside(path: &Path) -> Result<()> {
    let free = |number: u32| path.with_extension(format!("aside-{number}.safetensors"));
    let aside = (1..).map(free).find(|path| path.symlink_metadata().is_err());
    let aside = aside.expect("some number is free");
    fs::rename(path, aside).map_err(|error| Error::io(path, error))
}

/// Whether it has the form of a [`TrainingConfig`].
fn is_configuration(json: &Value) -> bool {
    ["recipe", "run", "settings"].iter().all(|key| json.get(key).is_some())
}

/// Whether nothing is in a folder but what a run makes before its first iteration.
fn is_unused(path: &Path) -> io::Result<bool> {
    let config = read_text(path.join(CONFIG)).unwrap_or_default();
    let begun = serde_json::from_str(&config).is_ok_and(|config: Value| is_configuration(&config));
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let empty = [CHECKPOINTS, SAMPLES].contains(&name)
            && path.is_dir()
            && fs::read_dir(&path)?.next().is_none();
        let fresh = begun
            && match name {
                TENSORBOARD => true,
                // Whoever began the run says there what it was begun with.
                _ if name.ends_with(".json") => true,
                // A header at most.
                _ if name.ends_with(".csv") => {
                    read_text(&path).is_ok_and(|text| text.lines().count() < 2)
                }
                _ => false,
            };
        if !(name == LOCK || empty || fresh || is_unfinished(&path)) {
            return Ok(false);
        }
    }
    Ok(true)
}
