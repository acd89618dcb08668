//! docs/guide.md as its readers follow it: every command in it runs, in order, in a folder like a
//! fresh clone.
//!
//! A reader trains for minutes or days, this test for seconds: `shell::quick` cuts iterations and
//! networks to a few, and `stand_in` puts small data in the place of what has to be downloaded. All
//! else of a command runs as it is written, by a shell. Nothing is left out: a block in another
//! language than those known here, a command of cargo's in another form, or one outside a block, is
//! a failure.

mod markdown;
mod shell;
mod stand_in;

use std::fs;
use std::path::Path;

use crate::program::ROOT;
use markdown::{Block, blocks};

fn guide() -> String {
    fs::read_to_string(format!("{ROOT}/docs/guide.md")).expect("docs/guide.md")
}

#[test]
fn every_command_runs() {
    let guide = guide();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clone = folder.path();
    stand_in::clone(clone);
    stand_in::celeba(&clone.join("celeba"));
    stand_in::rafd(&clone.join("rafd/cropped"));

    let mut ran = 0;
    for block in blocks(&guide).filter(|block| block.language == "sh") {
        if block.text.contains("--generator stargan_celeba_128") {
            stand_in::public_checkpoints(clone, &clone.join("stargan_celeba_128/models"));
        }
        shell::run(&block, clone);
        for file in shell::promised(&block) {
            let there = clone.join(&file).exists();
            assert!(there, "guide.md:{}: {file} did not appear", block.line);
        }
        ran += 1;
    }
    assert!(ran > 20, "only {ran} blocks of commands were found in the guide");

    let left = guide.lines().filter_map(|line| line.trim().strip_prefix("<!-- leaves: "));
    for file in left.flat_map(|files| files.trim_end_matches("-->").split_whitespace()) {
        assert!(clone.join(file).exists(), "{file} did not appear, which the guide says");
    }
}

/// Commands are in `sh` blocks, where they run; code is compiled, or is an excerpt.
#[test]
fn nothing_is_out_of_reach_of_the_tests() {
    let guide = guide();
    let mut outside = guide.clone();
    for block in blocks(&guide) {
        let known = ["sh", "text", "math", "rust", "rust,no_run", "rust,ignore", "python"];
        assert!(
            known.contains(&&*block.language),
            "guide.md:{}: nobody checks a block of {:?}",
            block.line,
            block.language
        );
        if block.language == "sh" {
            outside = outside.replace(&block.text, "");
        }
    }
    let command = outside.lines().find(|line| line.contains("cargo run") || line.starts_with("$ "));
    assert_eq!(command, None, "a command outside of the sh blocks");
}

/// An ignored block is an excerpt: it names its file, and stands there word for word.
#[test]
fn excerpts_are_the_source() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let guide = guide();
    let mut found = 0;
    for block in blocks(&guide).filter(|block| block.language == "rust,ignore") {
        let Block { line, text, .. } = &block;
        let (file, excerpt) = text.split_once('\n').expect("more than a line");
        let file = file.strip_prefix("// ").expect("an excerpt begins with the name of its file");
        let source = fs::read_to_string(Path::new(ROOT).join(file)).expect(file);
        // "..." stands for what is left out.
        let source = words(&source);
        let mut rest = source.as_str();
        for part in excerpt.split("// ...").map(words) {
            let at = rest.find(&part);
            let at = at.unwrap_or_else(|| panic!("guide.md:{line}: {file} is without {part}"));
            rest = &rest[at + part.len()..];
        }
        found += 1;
    }
    assert!(found > 0, "no excerpts were found");
}

#[test]
fn links_and_pictures_are_there() {
    let guide = guide();
    let targets =
        guide.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(to, _)| to);
    for target in targets.filter(|target| !target.starts_with("http")) {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let file = if file.is_empty() { "guide.md" } else { file };
        let path = Path::new(ROOT).join("docs").join(file);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{target}: {error}"));
        let picture = file.starts_with("images/guide");
        assert!(!picture || bytes.len() < 200_000, "{target}: {} bytes", bytes.len());
        let text = String::from_utf8_lossy(&bytes);
        let mut headings = text.lines().filter(|line| line.starts_with('#')).map(anchor);
        assert!(heading.is_empty() || headings.any(|there| there == heading), "{target}");
    }
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
