//! `train --tui` on a terminal made by `script`, of util-linux.

#![cfg(all(feature = "tui", feature = "flex", target_os = "linux"))]

#[path = "common/built.rs"]
mod built;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const FACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/train");

/// Entering and leaving the screen on which full-screen programs draw.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// A training with the dashboard.
fn line(iterations: u64) -> String {
    let train = built::example("train");
    format!(
        "'{}' --tui --data 'celeba:{FACES}/images:{FACES}/list_attr.txt' --size 16 --batch 4 --base-channels 4 \
         --residual-blocks 1 --downsamplings 1 --critic-steps 2 --iterations {iterations} --out run",
        train.display()
    )
}

/// A command on a terminal of 120 x 60 characters.
struct Terminal {
    process: Child,
    keys: ChildStdin,
    screen: Option<JoinHandle<String>>,
}

impl Terminal {
    fn start(line: &str, folder: &Path) -> Self {
        let mut process = Command::new("script")
            .args(["-qec", &format!("stty rows 60 cols 120 && exec {line}"), "/dev/null"])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of util-linux");
        let (keys, mut output) =
            (process.stdin.take().expect("a pipe"), process.stdout.take().expect("a pipe"));
        let screen = thread::spawn(move || {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes).expect("the screen");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { process, keys, screen: Some(screen) }
    }

    /// Waits for the end: the exit code, and all that was written to the terminal.
    fn end(mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("the command ends") {
                break status;
            }
            assert!(began.elapsed() < Duration::from_secs(300), "the command does not end");
            thread::sleep(Duration::from_millis(20));
        };
        let screen = self.screen.take().expect("a terminal ends once");
        (status.code(), screen.join().expect("the screen"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Of a test that has failed; `script` takes its command with it.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn checkpoints(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path().join("run/checkpoints")).expect("checkpoints");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn shows_a_run_and_gives_the_terminal_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, screen) = Terminal::start(&line(600), folder.path()).end();
    assert_eq!(code, Some(0), "{screen}");
    let (before, after) = screen.split_once(LEAVE).expect("the terminal is given back");
    assert!(before.contains(ENTER), "{screen}");
    for shown in ["Progress", "Iteration", "Controls", "Status", "data/d/real", "learning rate"] {
        assert!(before.contains(shown), "{shown}: {before}");
    }
    assert!(after.contains("report: run/report.html"), "{after}");
    assert_eq!(checkpoints(&folder).len(), 1);
}

#[test]
fn its_stop_key_ends_the_run_with_a_checkpoint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut terminal = Terminal::start(&line(1_000_000), folder.path());
    let log = folder.path().join("run/log.csv");
    let began = Instant::now();
    while !fs::read_to_string(&log).is_ok_and(|log| log.lines().count() > 1) {
        assert!(began.elapsed() < Duration::from_secs(60), "training does not begin");
        thread::sleep(Duration::from_millis(20));
    }
    // Asks, and confirms once it has been asked; it draws ten times a second.
    terminal.keys.write_all(b"q").expect("a key");
    thread::sleep(Duration::from_secs(1));
    terminal.keys.write_all(b"s").expect("a key");
    let (code, screen) = terminal.end();
    let (_, after) = screen.split_once(LEAVE).expect("the terminal is given back");
    assert_eq!(code, Some(130), "{after}");
    assert!(after.contains("to go on: cargo run"), "{after}");
    assert_eq!(checkpoints(&folder).len(), 1);
}

#[test]
fn without_a_terminal_lines_are_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("sh")
        .args(["-c", &line(2)])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("sh starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("needs a terminal") && told.contains("2/2"), "{told}");
}
