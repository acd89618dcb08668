//! The checkpoint files in a run folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder of the checkpoints in a run folder.
pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// The checkpoints of the run in `run`, oldest first. Only names that a run gives are listed.
pub(crate) fn checkpoints(run: &Path) -> Result<Vec<PathBuf>> {
    let folder = run.join(CHECKPOINTS);
    let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::io(&folder, error))?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let numbered = stem.len() >= 8 && stem.bytes().all(|byte| byte.is_ascii_digit());
        if numbered && path.extension().is_some_and(|extension| extension == "safetensors") {
            found.push(path);
        }
    }
    found.sort_by_key(|path| {
        path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok())
    });
    Ok(found)
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
    checkpoints(path)?.pop().ok_or_else(none)
}
