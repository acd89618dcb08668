//! A page on this machine that translates images with a trained model.
//!
//! ```text
//! cargo run --release --example demo
//! ```

#![recursion_limit = "256"]

#[path = "../common/mod.rs"]
mod common;

mod answer;
mod limits;
mod model;
mod routes;
mod samples;
mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use stargan::Translator;
use stargan::burn::tensor::backend::Backend;

use common::Failure;
use model::Model;
use routes::Routes;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");

/// A page on this machine that translates images with a trained model.
///
/// Prints the page's address; Ctrl-C ends it. The page answers this machine only.
#[derive(Parser)]
struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint [default: the model that
    /// comes with the examples]
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: Option<PathBuf>,
    /// The port to listen on, of 127.0.0.1; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 7860)]
    port: u16,
    /// What computes
    #[arg(long, value_name = "B", value_enum, default_value_t)]
    backend: common::Backend,
}

fn main() -> ExitCode {
    let args = Args::parse();
    common::exit(common::on_backend!(args.backend, B => demo::<B>(&args)))
}

fn demo<B: Backend>(args: &Args) -> Result<(), Failure> {
    let path = args.model.as_deref().unwrap_or(Path::new(MODEL));
    if args.model.is_none() && !path.is_file() {
        return Err(Failure::Failed(format!(
            "there is no model at {MODEL}: train one (cargo run --release --example quickstart) and \
             say --model runs/quickstart"
        )));
    }
    let translator = Translator::<B>::open(path, &Default::default())?;
    let samples = samples::load(translator.domains());
    if samples.is_empty() {
        eprintln!("the bundled images are not there, the page offers your own only");
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let routes = Routes::new(Model::new(translator), &name, samples);
    server::serve(args.port, move |request| routes.answer(request))
}
