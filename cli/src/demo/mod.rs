//! `demo`: a page on this machine that translates images with a trained model.

mod answer;
mod labels;
mod limits;
mod model;
mod patience;
mod query;
mod queue;
mod routes;
mod samples;
mod server;
mod styles;
mod upload;
mod visitor;

use std::path::{Path, PathBuf};

use stargan::BackendKind;
use stargan::burn::tensor::backend::Backend;

use crate::backend::{self, on_backend};
use crate::bundled;
use crate::failure::Failure;
use crate::model::Model;
use crate::terminal::tell;
use labels::Labels;
use routes::Routes;
use styles::Styles;

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
    let model = Model::<B>::open(path)?;
    let samples = samples::load(model.translate().spaces());
    if samples.is_empty() {
        tell!("the bundled images are not there, the page offers your own only");
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    match model {
        Model::StarGan(model) => server::serve(port, Routes::new(Labels(model), &name, samples)),
        Model::StarGanV2(model) => server::serve(port, Routes::new(Styles(model), &name, samples)),
    }
}
