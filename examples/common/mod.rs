//! What the examples share: backends, exit codes, data on the command line.

// Every example is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod bundled;
pub mod data;
pub mod training;
pub mod weights;
pub mod workers;

use std::fmt::Display;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use stargan::{Error, Report};

// Training allocates and frees buffers of many megabytes at every step, which the system's allocator
// hands back to the kernel every time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(not(any(feature = "flex", feature = "ndarray", feature = "wgpu", feature = "cuda")))]
compile_error!("the examples need a backend: enable the feature flex, ndarray, wgpu or cuda");

/// What computes.
// A debug build has one CPU backend, where the features bring any, and nothing else: each takes minutes to compile, for
// every example, and nobody trains in a debug build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// CPU: the fast one
    #[cfg(feature = "flex")]
    Flex,
    /// CPU: the reference
    #[cfg(all(feature = "ndarray", any(not(debug_assertions), not(feature = "flex"))))]
    Ndarray,
    /// Any GPU, through Vulkan, Metal, DirectX or WebGPU
    #[cfg(all(
        feature = "wgpu",
        any(not(debug_assertions), not(any(feature = "flex", feature = "ndarray")))
    ))]
    Wgpu,
    /// NVIDIA GPUs
    #[cfg(all(
        feature = "cuda",
        any(not(debug_assertions), not(any(feature = "flex", feature = "ndarray")))
    ))]
    Cuda,
}

impl Backend {
    /// Whether it computes on the processor.
    pub fn is_cpu(self) -> bool {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => true,
            #[cfg(all(feature = "ndarray", any(not(debug_assertions), not(feature = "flex"))))]
            Self::Ndarray => true,
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self::value_variants()[0]
    }
}

impl Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Evaluates an expression with a type name standing for the chosen backend.
macro_rules! on_backend {
    ($backend:expr, $name:ident => $body:expr) => {
        match $backend {
            #[cfg(feature = "flex")]
            $crate::common::Backend::Flex => {
                type $name = stargan::burn::backend::Flex;
                $body
            }
            #[cfg(all(feature = "ndarray", any(not(debug_assertions), not(feature = "flex"))))]
            $crate::common::Backend::Ndarray => {
                type $name = stargan::burn::backend::NdArray;
                $body
            }
            #[cfg(all(
                feature = "wgpu",
                any(not(debug_assertions), not(any(feature = "flex", feature = "ndarray")))
            ))]
            $crate::common::Backend::Wgpu => {
                type $name = stargan::burn::backend::Wgpu;
                $body
            }
            #[cfg(all(
                feature = "cuda",
                any(not(debug_assertions), not(any(feature = "flex", feature = "ndarray")))
            ))]
            $crate::common::Backend::Cuda => {
                type $name = stargan::burn::backend::Cuda;
                $body
            }
        }
    };
}

pub(crate) use on_backend;

/// Why an example ends early.
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

/// A usage error, to be returned.
pub fn usage<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(message.into()))
}

/// The exit code of `result`, with its message on standard error.
pub fn exit(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}\n\nFor more information, try '--help'.");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
        Err(Failure::Interrupted(message)) => {
            eprintln!("{message}");
            ExitCode::from(130)
        }
    }
}

/// Raises `stop` at Ctrl-C; a second Ctrl-C ends the process at once.
pub fn stop_at_ctrl_c(stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let handler = move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!(
            "\nstopping after this iteration, several workers after ten at most (Ctrl-C again: at once, without a checkpoint)"
        );
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Failed(format!("Ctrl-C: {error}")))
}

/// Refuses a path at which there is something.
pub fn expect_absent(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        let message = format!("{}: exists already and is not overwritten", path.display());
        return Err(Failure::Failed(message));
    }
    Ok(())
}

/// Writes a file that must not exist yet, with the folders it is in.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    expect_absent(path)?;
    File::create_new(path).and_then(|mut file| file.write_all(bytes)).map_err(failed)
}

/// Writes a file of a run folder, in place of an earlier one.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}

/// Writes the page that shows a run, and says where it is. A run is worth no less without it.
pub fn report(run: &Path) -> Option<PathBuf> {
    let written = Report::of(run).and_then(|report| report.save());
    written.map_err(|error| eprintln!("warning: there is no report: {error}")).ok()
}

/// The end of a run that Ctrl-C stopped: where it stands and how to go on.
pub fn interrupted(run: &Path, checkpoint: &Path, backend: Backend) -> Failure {
    let mut command = format!("cargo run --release --example train -- --resume --out {run:?}");
    if backend != Backend::default() {
        command += &format!(" --backend {backend}");
    }
    Failure::Interrupted(format!("stopped at {}\nto go on: {command}", checkpoint.display()))
}

/// Writes an image file that must not exist yet, in the format that its extension names.
pub fn save_image(image: &image::RgbImage, path: &Path) -> Result<(), Failure> {
    write_new(path, &encode(image, path)?)
}

/// Writes an image file of a run folder, in place of an earlier one.
pub fn save_image_over(image: &image::RgbImage, path: &Path) -> Result<(), Failure> {
    write(path, &encode(image, path)?)
}

fn encode(image: &image::RgbImage, path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: image::ImageError| Failure::Failed(format!("{}: {error}", path.display()));
    let format = image::ImageFormat::from_path(path).map_err(failed)?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).map_err(failed)?;
    Ok(bytes.into_inner())
}

/// `value` as indented JSON.
pub fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec_pretty(value).map_err(|error| Failure::Failed(error.to_string()))
}
