//! What the program says: results on standard output, all else on standard error. Neither ends a
//! command: whoever listens may be gone, and a disk behind a stream may be full.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use stargan::Error;

/// Why a result was lost that somebody was waiting for.
static LOST: OnceLock<String> = OnceLock::new();

/// The number of a process that only complains, because another one of its job says the rest.
static RANK: OnceLock<usize> = OnceLock::new();

/// Says a line on standard error, where it can be heard.
macro_rules! tell {
    ($($text:tt)*) => {
        $crate::terminal::say(format_args!($($text)*))
    };
}

/// Gives a result, a line or more, on standard output.
macro_rules! result {
    ($($text:tt)*) => {
        $crate::terminal::give(format_args!($($text)*))
    };
}

pub(crate) use {result, tell};

/// Says no more from here on but complaints, as the process of number `rank`.
#[cfg_attr(not(feature = "mpi"), allow(dead_code))]
pub fn leave_it_to_the_first(rank: usize) {
    let _ = RANK.set(rank);
}

pub fn say(text: Arguments<'_>) {
    if RANK.get().is_none() {
        complain(text);
    }
}

/// Says why something went wrong, and in which process.
pub fn complain(text: Arguments<'_>) {
    let process = RANK.get().map(|rank| format!("process {rank}: ")).unwrap_or_default();
    let _ = writeln!(io::stderr().lock(), "{process}{}", plain(text));
}

/// `text` as the library shows its errors: no line longer than people read, and without what a
/// terminal obeys, such as in the name of a file.
fn plain(text: Arguments<'_>) -> String {
    let plain = |line: &str| Error::Config(line.to_owned()).to_string();
    text.to_string().split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

pub fn give(text: Arguments<'_>) {
    if RANK.get().is_some() {
        return;
    }
    let mut output = io::stdout().lock();
    // A program that reads it needs a file's name as it is.
    let text = if output.is_terminal() { plain(text) } else { text.to_string() };
    let written = writeln!(output, "{text}").and_then(|()| output.flush());
    match written {
        // `stargan ... | head -1` has what it asked for.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            LOST.get_or_init(|| error.to_string());
        }
        _ => {}
    }
}

/// Why a result could not be written, if that has happened.
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}
