//! The checkpoint files in a run folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::files::describe::description;

/// The folder of the checkpoints in a run folder.
pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// The files in a run's folder of checkpoints that have the names of such.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    /// The run's own, by iteration: what they say of themselves agrees with their names.
    pub own: Vec<(u64, PathBuf)>,
    /// Those that can't be read. They are taken for the run's own, so that opening one says what is
    /// wrong with it, but are never deleted.
    pub damaged: Vec<(u64, PathBuf)>,
    /// Files that say something else, which the run did not write: a copy under another number, or
    /// a model of somebody's.
    pub foreign: Vec<PathBuf>,
}

impl Checkpoints {
    /// Those of the run in `run`.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder can't be read.
    pub fn of_run(run: &Path) -> Result<Self> {
        let folder = run.join(CHECKPOINTS);
        let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
        let mut found = Self::default();
        for entry in entries {
            let path = entry.map_err(|error| Error::io(&folder, error))?.path();
            let Some(number) = number(&path) else { continue };
            match description(&path).map(|description| iteration(description.as_deref())) {
                Ok(Said::Iteration(said)) if said == number => found.own.push((number, path)),
                Ok(Said::Iteration(_) | Said::Nothing) => found.foreign.push(path),
                _ if !path.is_file() => found.foreign.push(path),
                _ => found.damaged.push((number, path)),
            }
        }
        found.own.sort();
        found.damaged.sort();
        found.foreign.sort();
        Ok(found)
    }

    /// The newest, and the newest whole one before it.
    pub fn newest(&self) -> (Option<&Path>, Option<&Path>) {
        let newest = self.own.last().max(self.damaged.last());
        let mut whole = self.own.iter().rev();
        let before = whole.find(|(number, _)| newest.is_some_and(|(newest, _)| number < newest));
        (newest.map(|(_, path)| &**path), before.map(|(_, path)| &**path))
    }
}

/// Where the checkpoint of an iteration belongs in `run`.
pub(crate) fn checkpoint_path(run: &Path, iteration: u64) -> PathBuf {
    run.join(CHECKPOINTS).join(format!("{iteration:08}.safetensors"))
}

/// The iteration in the name of a checkpoint, where it is one's.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".safetensors")?;
    let number = stem.parse().ok()?;
    (stem == format!("{number:08}")).then_some(number)
}

/// What a file says of its iteration.
enum Said {
    /// Nothing: it is a model, or no file of this crate.
    Nothing,
    Iteration(u64),
    /// Nothing that can be read.
    Damaged,
}

fn iteration(description: Option<&str>) -> Said {
    let Some(description) = description else { return Said::Nothing };
    let Ok(description) = serde_json::from_str::<Value>(description) else { return Said::Damaged };
    description["training"]["iteration"].as_u64().map_or(Said::Nothing, Said::Iteration)
}

/// The model file that `path` stands for: itself, or the newest checkpoint of the run folder it is.
///
/// # Errors
/// [`Error::Checkpoint`] when a folder holds no checkpoint; [`Error::Io`] when it can't be read.
pub fn resolve_model(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let none = || Error::checkpoint(path, "this folder holds no checkpoint of a run");
    if !path.join(CHECKPOINTS).is_dir() {
        return Err(none());
    }
    Checkpoints::of_run(path)?.newest().0.map(Path::to_owned).ok_or_else(none)
}
