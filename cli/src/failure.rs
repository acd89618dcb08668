//! Why a command ends early, and its exit code.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stargan::Error;

use crate::backend::Backend;

/// Why a command ends early.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense: exit code 2.
    Usage(String),
    /// Something went wrong: exit code 1.
    Failed(String),
    /// Ctrl-C, after the checkpoint: exit code 130. The message says how to go on.
    Interrupted(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What is wrong with a file: exit code 1.
pub fn of_file(path: &Path, problem: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("{}: {problem}", path.display()))
}

/// A usage error, to be returned.
pub fn usage<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(message.into()))
}

/// The exit code of `result`, with its message on standard error.
pub fn exit(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            let message = shown(message);
            eprintln!("error: {message}\n\nFor more information, try '--help'.");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("error: {}", shown(message));
            ExitCode::FAILURE
        }
        Err(Failure::Interrupted(message)) => {
            eprintln!("{message}");
            ExitCode::from(130)
        }
    }
}

/// `message` as the library shows its errors: of a length that people can read, without what a
/// terminal obeys.
fn shown(message: String) -> impl std::fmt::Display {
    Error::Config(message)
}

/// Raises `stop` at Ctrl-C; a second Ctrl-C ends the process at once.
pub fn stop_at_ctrl_c(stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let handler = move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!(
            "\nstopping after this iteration, several workers after ten at most (Ctrl-C again: at \
             once, without a checkpoint)"
        );
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Failed(format!("Ctrl-C: {error}")))
}

/// The end of a run that Ctrl-C stopped: where it stands and how to go on.
pub fn interrupted(run: &Path, checkpoint: &Path, backend: Backend) -> Failure {
    let mut command = format!("stargan train --resume --out {run:?}");
    if backend != Backend::default() {
        command += &format!(" --backend {backend}");
    }
    Failure::Interrupted(format!("stopped at {}\nto go on: {command}", checkpoint.display()))
}
