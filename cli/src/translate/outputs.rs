//! Where translations go: the file of every input and edit.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use image::ImageFormat;

use crate::failure::{Failure, of_file, usage};
use crate::output::{Existing, OverwriteArg};
use crate::terminal::tell;

/// The most bytes of a file's name, on most systems.
const MOST_NAME: usize = 255;

/// What `--out` names.
#[derive(Debug, PartialEq)]
pub enum Place {
    File(PathBuf),
    Folder(PathBuf),
}

/// What results are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Images,
    Animations,
}

impl Kind {
    /// Whether such results are written in this format. A GIF has 256 colours, a translation has
    /// more: who wants one wants it to move.
    fn is_written(self, format: &ImageFormat) -> bool {
        match self {
            Self::Images => format.writing_enabled() && *format != ImageFormat::Gif,
            Self::Animations => [ImageFormat::Png, ImageFormat::Gif].contains(format),
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Images => "an image file",
            Self::Animations => "an animation",
        }
    }
}

impl Place {
    /// What `out` names: a file of this kind by its ending, else a folder. Another ending is
    /// refused: nobody means a folder by `result.pgn`.
    pub fn of(out: Option<&Path>, kind: Kind) -> Result<Self, Failure> {
        let Some(out) = out else { return Ok(Self::Folder("translated".into())) };
        if out.exists() && !out.is_dir() && !out.is_file() {
            return usage(format!(
                "--out {}: expected an image file or a folder, found a device, pipe or socket",
                out.display()
            ));
        }
        let ends_in_separator = out.to_string_lossy().ends_with(std::path::is_separator);
        if out.is_dir() || ends_in_separator || out.extension().is_none() {
            return Ok(Self::Folder(out.to_owned()));
        }
        if ImageFormat::from_path(out).is_ok_and(|format| kind.is_written(&format)) {
            return Ok(Self::File(out.to_owned()));
        }
        let formats = ImageFormat::all().filter(|format| kind.is_written(format));
        let endings: Vec<_> = formats.flat_map(ImageFormat::extensions_str).copied().collect();
        usage(format!(
            "--out {}: expected the ending of {} ({}), or a folder, whose name may have another \
             ending if it exists or ends in /",
            out.display(),
            kind.file(),
            endings.join(", ")
        ))
    }

    /// The file of a grid.
    pub fn grid(&self) -> PathBuf {
        match self {
            Self::File(file) => file.clone(),
            Self::Folder(folder) => folder.join("grid.png"),
        }
    }
}

/// What to do about results that are there already.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct ExistingArgs {
    #[command(flatten)]
    overwrite: OverwriteArg,
    /// Leave output files that exist already as they are, and make the others
    #[arg(long, conflicts_with = "overwrite")]
    skip_existing: bool,
}

/// An input and what is to be made of it.
#[derive(Debug, PartialEq)]
pub struct Job<'a> {
    pub input: &'a Path,
    pub edits: Vec<EditFiles<'a>>,
}

/// An edit and its files, of those that are to be made.
#[derive(Debug, PartialEq)]
pub struct EditFiles<'a> {
    pub edit: &'a str,
    pub result: Option<PathBuf>,
    pub mask: Option<PathBuf>,
}

impl ExistingArgs {
    /// The same for one file.
    pub fn existing(self) -> Existing {
        self.overwrite.existing()
    }

    /// Whether `output` is to be made; refuses one that is there and neither replaced nor skipped.
    pub fn is_due(self, output: &Path) -> Result<bool, Failure> {
        if self.existing() == Existing::Refuse && output.symlink_metadata().is_ok() {
            if self.skip_existing {
                tell!("{}: exists already and is skipped", output.display());
                return Ok(false);
            }
            let problem = "exists already and is not overwritten without --overwrite; \
                           --skip-existing makes the others";
            return Err(of_file(output, problem));
        }
        Ok(true)
    }

    /// What is to be made of `inputs`, with `masks` or without; those of which there is all are
    /// left out.
    pub fn jobs<'a>(
        self,
        place: &Place,
        inputs: &'a [PathBuf],
        edits: &'a [String],
        masks: bool,
    ) -> Result<Vec<Job<'a>>, Failure> {
        let count = inputs.len() * edits.len();
        if let (Place::File(out), 2..) = (place, count) {
            let out = out.display();
            return usage(format!(
                "--out {out} is one file, but there are {count} results: name a folder"
            ));
        }
        let mut taken = HashSet::new();
        let mut due = |input: &Path, file: PathBuf| {
            if !taken.insert(file.clone()) {
                return usage(format!(
                    "two results would both be {}: translate them into different folders",
                    file.display()
                ));
            }
            check_name(input, &file)?;
            Ok(self.is_due(&file)?.then_some(file))
        };
        let mut jobs = Vec::new();
        for input in inputs {
            let mut job = Job { input, edits: Vec::new() };
            for edit in edits {
                let result = match place {
                    Place::File(file) => file.clone(),
                    Place::Folder(folder) => folder.join(file_name(input, edit)),
                };
                let mask = masks.then(|| mask_of(&result));
                let result = due(input, result)?;
                let mask = mask.map(|mask| due(input, mask)).transpose()?.flatten();
                if result.is_some() || mask.is_some() {
                    job.edits.push(EditFiles { edit, result, mask });
                }
            }
            if !job.edits.is_empty() {
                jobs.push(job);
            }
        }
        Ok(jobs)
    }
}

/// Refuses a file of an input's whose name is too long for one.
fn check_name(input: &Path, file: &Path) -> Result<(), Failure> {
    let length = file.file_name().unwrap_or_default().len();
    if length <= MOST_NAME {
        return Ok(());
    }
    usage(format!(
        "{}: its result would have a name of {length} bytes, of which files have up to \
         {MOST_NAME}: give it a shorter name, or --out a file",
        input.display()
    ))
}

/// `INPUT_EDIT.png`.
fn file_name(input: &Path, edit: &str) -> OsString {
    let plain = |c: char| c.is_alphanumeric() || "+-=._".contains(c);
    let edit: String = edit.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let mut name = OsString::from(input.file_stem().unwrap_or_default());
    name.push(format!("_{edit}.png"));
    name
}

/// `RESULT_mask.png`, beside `RESULT.png`.
fn mask_of(result: &Path) -> PathBuf {
    let mut name = result.file_stem().unwrap_or_default().to_owned();
    name.push("_mask");
    if let Some(ending) = result.extension() {
        name.push(".");
        name.push(ending);
    }
    result.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_beside_its_result() {
        let of = |result: &str| mask_of(Path::new(result));
        assert_eq!(of("out/a_Male=0.5.png"), Path::new("out/a_Male=0.5_mask.png"));
        assert_eq!(of("a.JPG"), Path::new("a_mask.JPG"));
    }

    #[test]
    fn a_place_is_an_image_file_or_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("v1.2");
        std::fs::create_dir(&there).unwrap();
        let of = |out: &str| Place::of(Some(Path::new(out)), Kind::Images);
        for file in ["a.png", "a.JPG", "new/a.webp", "a.bmp"] {
            assert_eq!(of(file).unwrap(), Place::File(file.into()));
        }
        for folder in ["out", "new/out", "v1.3/", there.to_str().unwrap()] {
            assert_eq!(of(folder).unwrap(), Place::Folder(folder.into()));
        }
        #[cfg(unix)]
        assert!(matches!(of("/dev/null"), Err(Failure::Usage(_))));
        for wrong in ["result.gif", "result.pgn", "v1.3"] {
            let Failure::Usage(message) = of(wrong).unwrap_err() else { panic!("{wrong}") };
            assert!(message.contains(&format!("--out {wrong}: ")), "{message}");
            assert!(message.contains("png, ") && !message.contains("gif,"), "{message}");
        }
        let moving = |out: &str| Place::of(Some(Path::new(out)), Kind::Animations);
        for file in ["a.png", "new/a.GIF"] {
            assert_eq!(moving(file).unwrap(), Place::File(file.into()));
        }
        assert_eq!(moving("out").unwrap(), Place::Folder("out".into()));
        let Failure::Usage(message) = moving("a.webp").unwrap_err() else { panic!("webp") };
        assert!(
            message.contains("expected the ending of an animation (gif, png), or"),
            "{message}"
        );
    }
}
