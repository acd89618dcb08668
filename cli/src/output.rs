//! Files that commands write: nothing is overwritten unless that is asked for.

use std::ffi::OsString;
use std::fs;
use std::io::Cursor;
use std::path::{Component, Path, PathBuf};

use image::{DynamicImage, ImageFormat};
use serde::Serialize;
use stargan::{Animation, Channels, replace_file};
use tempfile::TempDir;

use crate::failure::{Failure, of_file, usage};

/// `--overwrite`.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct OverwriteArg {
    /// Replace output files that exist already
    #[arg(long)]
    pub overwrite: bool,
}

impl OverwriteArg {
    /// What to do about files that exist already.
    pub fn existing(self) -> Existing {
        if self.overwrite { Existing::Replace } else { Existing::Refuse }
    }
}

/// What to do about an output file that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Refuse,
    /// The earlier file stays until the new one is whole.
    Replace,
}

impl Existing {
    /// Refuses a path at which there is something, unless it is a file and to be replaced.
    pub fn check(self, path: &Path) -> Result<(), Failure> {
        if path.is_dir() {
            return Err(of_file(path, "this is a folder"));
        }
        if self == Self::Refuse && path.symlink_metadata().is_ok() {
            return Err(of_file(path, "exists already and is not overwritten without --overwrite"));
        }
        if path.exists() && !path.is_file() {
            return Err(of_file(path, "this is a device, pipe or socket"));
        }
        Ok(())
    }
}

/// Refuses two flags of several that name one file.
pub fn check_different(files: &[(&str, Option<&Path>)]) -> Result<(), Failure> {
    let given: Vec<_> =
        files.iter().filter_map(|&(flag, path)| Some((flag, path?, place(path?)))).collect();
    for (i, (other, _, second)) in given.iter().enumerate() {
        if let Some((one, path, _)) = given[..i].iter().find(|(_, _, first)| first == second) {
            return usage(format!("{one} and {other} name one file: {}", path.display()));
        }
    }
    Ok(())
}

/// One path for all that lead to one place, whether there is something or not.
fn place(path: &Path) -> PathBuf {
    let mut place = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            part => place.push(part),
        }
        // Links are followed where they are.
        place = place.canonicalize().unwrap_or(place);
    }
    place
}

/// A file that is being written: until it is whole, it has not its name.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    name: OsString,
    existing: Existing,
    /// Beside the file.
    temporary: TempDir,
}

impl Output {
    /// A file to be written to `path`, with the folders that it is in.
    pub fn new(path: &Path, existing: Existing) -> Result<Self, Failure> {
        existing.check(path)?;
        let name = path.file_name().ok_or_else(|| of_file(path, "this is a folder"))?.to_owned();
        let folder = folder_of(path)?;
        let temporary = tempfile::Builder::new().prefix(".stargan-").tempdir_in(folder);
        let temporary = temporary.map_err(|error| of_file(folder, error))?;
        Ok(Self { path: path.to_owned(), name, existing, temporary })
    }

    /// Where to write: there is nothing.
    pub fn place(&self) -> PathBuf {
        self.temporary.path().join(&self.name)
    }

    /// Gives the file, which is whole, its name.
    pub fn finish(self) -> Result<(), Failure> {
        self.existing.check(&self.path)?;
        fs::rename(self.place(), &self.path).map_err(|error| of_file(&self.path, error))
    }
}

/// Writes a file, with the folders that it is in.
pub fn write_new(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), Failure> {
    existing.check(path)?;
    folder_of(path)?;
    Ok(replace_file(path, bytes)?)
}

/// The folder that a file is in, which is made where it is not there.
pub fn folder_of(path: &Path) -> Result<&Path, Failure> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| of_file(folder, error))?;
    Ok(folder)
}

/// Writes a file of a run folder, in place of an earlier one.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_new(path, bytes, Existing::Replace)
}

/// Writes an image file, in the format that its extension names; a JPEG, which has no opacity, of
/// what is seen on white.
pub fn save_image(
    image: impl Into<DynamicImage>,
    path: &Path,
    existing: Existing,
) -> Result<(), Failure> {
    write_new(path, &encode(image.into(), path)?, existing)
}

/// Writes an animation, in the format that its extension names.
pub fn save_animation(
    animation: &Animation,
    path: &Path,
    existing: Existing,
) -> Result<(), Failure> {
    let format = ImageFormat::from_path(path).map_err(|error| of_file(path, error))?;
    write_new(path, &animation.encode(format)?, existing)
}

/// Writes an image file of a run folder, in place of an earlier one.
pub fn save_image_of_run(image: impl Into<DynamicImage>, path: &Path) -> Result<(), Failure> {
    write(path, &encode(image.into(), path)?)
}

fn encode(mut image: DynamicImage, path: &Path) -> Result<Vec<u8>, Failure> {
    let format = ImageFormat::from_path(path).map_err(|error| of_file(path, error))?;
    let mut bytes = Cursor::new(Vec::new());
    if format == ImageFormat::Jpeg && image.color().has_alpha() {
        image = Channels::Rgb.convert(image);
    }
    image.write_to(&mut bytes, format).map_err(|error| of_file(path, error))?;
    Ok(bytes.into_inner())
}

/// `value` as indented JSON.
pub fn json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec_pretty(value).map_err(|error| Failure::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_that_is_asked_for_and_only_by_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        write_new(&path, b"first", Existing::Refuse).unwrap();
        let refused = write_new(&path, b"second", Existing::Refuse).unwrap_err();
        assert!(matches!(refused, Failure::Failed(text) if text.contains("exists already")));
        let unfinished = Output::new(&path, Existing::Replace).unwrap();
        fs::write(unfinished.place(), "half").unwrap();
        drop(unfinished);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let half = folder.path().join("half");
        let unfinished = Output::new(&half, Existing::Refuse).unwrap();
        fs::write(unfinished.place(), "half").unwrap();
        assert!(!half.exists(), "--skip-existing would take it for whole");
        drop(unfinished);
        write_new(&path, b"second", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
        assert!(write_new(folder.path(), b"", Existing::Replace).is_err(), "a folder");
    }
}
