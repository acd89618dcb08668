//! Why a command ends early, and its exit code.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use stargan::{BackendKind, Error};

use crate::terminal::{self, tell};

/// Why a command ends early.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense: exit code 2.
    Usage(String),
    /// Something went wrong: exit code 1.
    Failed(String),
    /// A signal such as Ctrl-C, after the checkpoint: exit code 130. The message says how to go on.
    Interrupted(String),
    /// What has been said already, and the exit code.
    #[cfg_attr(not(feature = "collective"), allow(dead_code))]
    Said(ExitCode),
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
    let lost = |reason| Failure::Failed(format!("standard output: {reason}"));
    match result.and_then(|()| terminal::lost().map_or(Ok(()), |reason| Err(lost(reason)))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            terminal::complain(format_args!(
                "error: {message}\n\nFor more information, try '--help'."
            ));
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            terminal::complain(format_args!("error: {message}"));
            ExitCode::FAILURE
        }
        Err(Failure::Interrupted(message)) => {
            tell!("{message}");
            ExitCode::from(130)
        }
        Err(Failure::Said(code)) => code,
    }
}

/// The exit code where the command line asks for help or makes no sense, after that is said.
pub fn exit_of_parser(said: &clap::Error) -> ExitCode {
    match said.print() {
        // Help that nobody could read, such as on a full disk; a reader may have had enough of it.
        Err(error) if !said.use_stderr() && error.kind() != ErrorKind::BrokenPipe => {
            exit(Err(Failure::Failed(format!("standard output: {error}"))))
        }
        _ => ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(2)),
    }
}

/// The end of a run that was asked to stop: where it stands and how to go on.
pub fn interrupted(run: &Path, checkpoint: &Path, backend: BackendKind) -> Failure {
    let go_on = going_on(run, backend);
    Failure::Interrupted(format!("stopped at {}\nto go on: {go_on}", checkpoint.display()))
}

/// The command that goes on with a run.
pub fn going_on(run: &Path, backend: BackendKind) -> String {
    let mut run = run.display().to_string();
    if run.starts_with('-') {
        // Which would be taken for a flag.
        run.insert_str(0, "./");
    }
    // As a shell takes it.
    let mut command = format!("stargan train --resume --out '{}'", run.replace('\'', "'\\''"));
    if backend != BackendKind::default() {
        command += &format!(" --backend {backend}");
    }
    command
}
