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

/// The test images of so many people, listed in `few.txt` in `folder`, with their pairs in
/// `few.csv`: measuring all of them takes seconds.
pub fn few_faces(folder: &Path, people: usize) -> String {
    let (count, list) = of_few("list_attr.txt", 2, people);
    fs::write(folder.join("few.txt"), format!("{count}\n{list}")).expect("a file");
    fs::write(folder.join("few.csv"), of_few("pairs.csv", 1, people).1).expect("a file");
    format!("celeba:{FACES}/test/images:few.txt")
}

/// How many lines of a list of the test images are about the first `people`, and these below the
/// last of so many lines of heading.
pub fn of_few(list: &str, heading: usize, people: usize) -> (usize, String) {
    let text = fs::read_to_string(format!("{FACES}/test/{list}")).expect("a list");
    let about = |line: &&str| line[..5].parse::<usize>().is_ok_and(|person| person < people);
    let found = text.lines().skip(heading).filter(about);
    let lines: Vec<_> = text.lines().skip(heading - 1).take(1).chain(found).collect();
    (lines.len() - 1, lines.join("\n") + "\n")
}

/// The expressions of ten test people, copied to `folder`.
pub fn few_expressions(folder: &Path) {
    for class in names(format!("{EXPRESSIONS}/test")) {
        fs::create_dir_all(folder.join(&class)).expect("a folder");
        for person in (0..20).step_by(2) {
            let image = format!("{class}/{person:04}.png");
            fs::copy(format!("{EXPRESSIONS}/test/{image}"), folder.join(image)).expect("a copy");
        }
    }
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
