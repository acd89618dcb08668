//! What a model file says of itself, read without its weights.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::data::whole::regular_length;
use crate::error::{Error, Result};
use crate::files::model::check_length;

/// The most bytes of a safetensors file's head, as in the format's own library.
const MOST_HEAD: u64 = 100_000_000;

/// What a model file or a checkpoint says of itself, its weights left alone: as a
/// [`ModelConfig`](crate::files::model::ModelConfig), or as JSON.
///
/// # Errors
/// [`Error::Io`] when the file can't be read; [`Error::Checkpoint`] when it is not such a file, or
/// says other things.
pub fn describe<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<T> {
    let path = path.as_ref();
    let description = description(path)?;
    let description =
        description.ok_or_else(|| foreign(path, "its metadata has no \"stargan\" entry"))?;
    check_length(&description).map_err(|problem| foreign(path, &problem))?;
    serde_json::from_str(&description)
        .map_err(|error| foreign(path, &format!("its description is invalid: {error}")))
}

/// The description in the head of the safetensors file at `path`; none in a file of others.
///
/// # Errors
/// [`Error::Io`] when the file can't be read; [`Error::Checkpoint`] when it has no such head.
pub(crate) fn description(path: &Path) -> Result<Option<String>> {
    let io = |error| Error::io(path, error);
    let size = regular_length(path)?;
    let mut file = File::open(path).map_err(io)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| foreign(path, "it has no 8 bytes"))?;
    let length = u64::from_le_bytes(length);
    let begins_otherwise = || foreign(path, "it does not begin as safetensors do");
    if length > size.min(MOST_HEAD) {
        return Err(begins_otherwise());
    }
    let mut head = Vec::new();
    file.take(length).read_to_end(&mut head).map_err(io)?;

    // What else the head says is passed over, without memory for it.
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "__metadata__")]
        metadata: Option<Metadata>,
    }
    #[derive(Deserialize)]
    struct Metadata {
        stargan: Option<String>,
    }
    let head: Head = serde_json::from_slice(&head).map_err(|_| begins_otherwise())?;
    Ok(head.metadata.and_then(|metadata| metadata.stargan))
}

fn foreign(path: &Path, problem: &str) -> Error {
    Error::checkpoint(path, format!("not a model file: {problem}"))
}
