//! The program as its users run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub const STARGAN: &str = env!("CARGO_BIN_EXE_stargan");

/// The clone's root.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
pub const FACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/faces");
pub const EXPRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/expressions");

/// The model that comes with the examples.
pub const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/models/faces64.safetensors");

/// Networks so small that an iteration takes milliseconds.
pub const TINY: &str = "\
    --size 16 --batch 4 --base-channels 4 --residual-blocks 1 --downsamplings 1 --critic-steps 2";

/// The program's `command`, run in `folder` with the arguments in `line` (none holds a space).
pub fn stargan(command: &str, folder: &Path, line: &str) -> Output {
    Command::new(STARGAN)
        .args(command.split_whitespace())
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("the program starts")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
pub fn succeeds(command: &str, folder: &Path, line: &str) -> String {
    let output = stargan(command, folder, line);
    assert!(output.status.success(), "{command} {line}\n{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
pub fn fails(command: &str, folder: &Path, line: &str, code: i32, expected: &str) {
    let output = stargan(command, folder, line);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{command} {line}\n{message}");
    assert!(message.contains("error: "), "{command} {line}\n{message}");
    // Nobody reads all of a file in a message, and a terminal would obey an ESC.
    assert!(message.len() < 10_000 && !message.contains('\u{1b}'), "{command} {line}\n{message}");
    assert!(message.contains(expected), "{command} {line}\nexpected {expected}, found {message}");
    assert_eq!(text(&output.stdout), "", "{command} {line}: results of a failure");
}

pub fn faces(part: &str) -> String {
    format!("celeba:{FACES}/{part}/images:{FACES}/{part}/list_attr.txt")
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub fn names(folder: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| text(entry.file_name().as_encoded_bytes());
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

/// The size of the picture of a grid: images of 128 pixels, to which those of 16 and 64 are
/// enlarged, gaps of 6, and captions of one line.
pub fn grid_of(columns: u32, rows: u32) -> (u32, u32) {
    (columns * 134 + 6, rows * 134 + 6 + 24)
}

pub fn side(path: PathBuf) -> (u32, u32) {
    image::image_dimensions(path).expect("an image")
}
