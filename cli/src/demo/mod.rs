//! `demo`: a page on this machine that translates images with a trained model.

mod answer;
mod limits;
mod model;
mod patience;
mod queue;
mod routes;
mod samples;
mod server;
mod upload;
mod visitor;

use std::path::{Path, PathBuf};

use stargan::burn::tensor::backend::Backend;
use stargan::{BackendKind, Translator};

use crate::backend::{self, on_backend};
use crate::bundled;
use crate::failure::Failure;
use crate::terminal::tell;
use model::Model;
use routes::Routes;

/// A page on this machine that translates images with a trained model.
///
/// Prints the page's address; Ctrl-C ends it. The page answers this machine only.
#[derive(clap::Args)]
pub struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint [default: the model
    /// that comes with the examples]
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: Option<PathBuf>,
    /// The port to listen on, of 127.0.0.1; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 7860)]
    port: u16,
    /// What computes
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let model = args.model.clone().map_or_else(bundled::model, Ok)?;
    on_backend!(args.backend, B => demo::<B>(&model, args.port))
}

fn demo<B: Backend>(path: &Path, port: u16) -> Result<(), Failure> {
    let translator = Translator::<B>::open(path, &Default::default())?;
    let samples = samples::load(translator.spaces());
    if samples.is_empty() {
        tell!("the bundled images are not there, the page offers your own only");
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let routes = Routes::new(Model::new(translator), &name, samples);
    server::serve(port, routes)
}
