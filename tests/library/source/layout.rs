//! Files are short and lines not long.

use std::fs;
use std::path::{Path, PathBuf};

/// Of a file.
const LINES: usize = 449;

/// Of a line, in characters.
const COLUMNS: usize = 100;

/// All Rust files of this repository, by path from its root; only those of `src`, where the package
/// stands alone.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let folders = ["src", "kernels/src", "examples", "tests", "benches", "cli/src", "cli/tests"];
    let mut folders: Vec<PathBuf> = folders.map(|folder| root.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    files.sort();
    assert!(files.len() > 150, "{} files", files.len());
    files
}

fn long_files(files: &[(String, String)]) -> Vec<String> {
    let lines = files.iter().map(|(name, text)| (name, text.lines().count()));
    lines
        .filter(|(_, lines)| *lines > LINES)
        .map(|(name, n)| format!("{name}: {n} lines"))
        .collect()
}

fn long_lines(files: &[(String, String)]) -> Vec<String> {
    let lines = files.iter().flat_map(|(name, text)| {
        text.lines().zip(1..).map(move |(line, number)| (name, number, line.chars().count()))
    });
    lines
        .filter(|(.., columns)| *columns > COLUMNS)
        .map(|(name, number, columns)| format!("{name}:{number}: {columns} columns"))
        .collect()
}

#[test]
fn no_file_is_long() {
    let long = long_files(&files());
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn no_line_is_long() {
    let long = long_lines(&files());
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn what_is_long_is_found() {
    let file = |text: String| [("a.rs".to_owned(), text)];
    assert_eq!(long_files(&file("\n".repeat(LINES + 1))), ["a.rs: 450 lines"]);
    assert!(long_files(&file("\n".repeat(LINES))).is_empty());
    let text = format!("{}\n{}\n", "é".repeat(COLUMNS), "x".repeat(COLUMNS + 1));
    assert_eq!(long_lines(&file(text)), ["a.rs:2: 101 columns"]);
}
