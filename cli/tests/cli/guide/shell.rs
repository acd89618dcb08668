//! Blocks of commands: run by a shell, with the built program in the place of `cargo run`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::markdown::Block;
use crate::program::STARGAN;

/// What makes a command quick. The flags that are given are put in the place of the guide's.
fn quick(command: &str, words: &[&str]) -> &'static [(&'static str, &'static str)] {
    let joint = command == "quickstart" && words.contains(&"--joint");
    match command {
        // Every 20th iteration is logged.
        "quickstart" if !joint => &[("--iterations", "20")],
        // The networks of a run stay what they are, and it has done 20 iterations already.
        "train" | "quickstart" if words.contains(&"--resume") => &[("--iterations", "40")],
        "train" | "quickstart" => &[
            ("--iterations", "20"),
            ("--batch", "4"),
            ("--base-channels", "4"),
            ("--residual-blocks", "1"),
        ],
        "evaluate" => &[("--judge-iterations", "2")],
        // The port of the guide may be in use.
        "demo" => &[("--port", "0")],
        _ => &[],
    }
}

/// What a command needs that is not compiled in here: a cargo feature, and the argument that asks
/// for it.
const FEATURES: [(&str, &[&str]); 2] =
    [("wgpu", &["--backend", "wgpu"]), ("cuda", &["--backend", "cuda"])];

/// Runs the commands of `block` in `folder`, every one of which must succeed.
pub fn run(block: &Block, folder: &Path) {
    let commands: Vec<_> = commands(&block.text).map(|line| command(&line, block.line)).collect();
    if let [Server(program)] = &commands[..] {
        return serve(program, folder, block.line);
    }
    let lines = commands.into_iter().map(|command| match command {
        Line(line) => line,
        Server(_) => panic!("guide.md:{}: a server needs a block of its own", block.line),
    });
    let script = lines.collect::<Vec<_>>().join("\n");
    let output = Command::new("bash")
        // Ends at the first failure, in a pipe too; says what it runs.
        .args(["-euxo", "pipefail", "-c", &script])
        .current_dir(folder)
        .output()
        .expect("bash starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "guide.md:{}: {}\n{told}", block.line, output.status);
}

/// The files that a block's commands are told to write.
pub fn promised(block: &Block) -> Vec<String> {
    let flags =
        ["--out", "--json", "--export", "--judge", "--out-generator", "--out-discriminator"];
    let of = |line: String| {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        words.windows(2).filter(|two| flags.contains(&&*two[0])).map(|two| two[1].clone()).collect()
    };
    commands(&block.text).flat_map(|line| -> Vec<String> { of(line) }).collect()
}

/// The logical lines of a script.
fn commands(script: &str) -> impl Iterator<Item = String> {
    let joined = script.replace("\\\n", " ");
    let lines: Vec<_> = joined.lines().map(str::to_owned).collect();
    lines.into_iter().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'))
}

enum Shell {
    /// A line as it is run.
    Line(String),
    /// A line that goes on until it is stopped.
    Server(String),
}
use Shell::{Line, Server};

/// `line` with the built program in the place of cargo, and made quick.
fn command(line: &str, at: usize) -> Shell {
    if !line.contains("cargo") {
        return Line(line.to_owned());
    }
    let form = "cargo run --release [--features F] -- COMMAND [ARGUMENTS]";
    let unknown = || -> ! { panic!("guide.md:{at}: this test knows {form} only, found: {line}") };
    let rest = line.strip_prefix("cargo run --release ").unwrap_or_else(|| unknown());
    let (cargo, arguments) = rest.split_once("-- ").unwrap_or_else(|| unknown());
    let cargo: Vec<_> = cargo.split_whitespace().collect();
    let mut words: Vec<_> = arguments.split_whitespace().collect();
    if words.is_empty() {
        unknown();
    }
    let command = words.remove(0);
    match cargo[..] {
        [] => {}
        ["--features", feature] => {
            let needs = FEATURES.iter().find(|(name, _)| *name == feature);
            let (_, needs) = needs.unwrap_or_else(|| panic!("guide.md:{at}: no feature {feature}"));
            let there = words.windows(needs.len()).position(|found| found == *needs);
            let there = there.unwrap_or_else(|| panic!("guide.md:{at}: expected {needs:?}"));
            words.drain(there..there + needs.len());
        }
        _ => unknown(),
    }
    let quick = quick(command, &words);
    for (flag, _) in quick {
        if let Some(there) = words.iter().position(|word| word == flag) {
            words.drain(there..there + 2);
        }
    }
    let flags = quick.iter().map(|(flag, value)| format!(" {flag} {value}")).collect::<String>();
    let line = format!("'{STARGAN}' {command}{flags} {}", words.join(" "));
    if command == "demo" { Server(line) } else { Line(line) }
}

/// A process, until this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a server, asks for its page once it says its address, and ends it.
fn serve(program: &str, folder: &Path, at: usize) {
    // The shell's place is taken by the program, which is then what is ended.
    let child = Command::new("sh")
        .args(["-c", &format!("exec {program}")])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts");
    let mut running = Running(child);
    let mut address = String::new();
    let output = running.0.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut address).expect("the address");
    let host = address.trim().strip_prefix("http://");
    let host = host.unwrap_or_else(|| panic!("guide.md:{at}: no address from {program}"));
    let mut stream = TcpStream::connect(host).expect("a connection");
    write!(stream, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("</html>"), "{answer}");
}
