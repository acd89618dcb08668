//! Writes a model's networks as safetensors that the public PyTorch code's modules load.
//!
//! ```text
//! cargo run --release --example export_pytorch -- --model runs/mine --out-generator G.safetensors
//! ```

#![recursion_limit = "256"]

mod common;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use stargan::Translator;
use stargan::burn::tensor::backend::Backend;

use common::Failure;

/// Writes a model's networks as safetensors with the public PyTorch code's keys, for `load_state_dict`.
///
/// Leave the modules in training mode there: after eval() they normalise by running statistics that were never
/// trained, and translate nothing.
#[derive(Parser)]
struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: PathBuf,
    /// The generator's file, which must not exist yet
    #[arg(long, value_name = "FILE.safetensors")]
    out_generator: PathBuf,
    /// The discriminator's file, which must not exist yet
    #[arg(long, value_name = "FILE.safetensors")]
    out_discriminator: Option<PathBuf>,
    /// What the model is opened on; the files are the same
    #[arg(long, value_name = "B", value_enum, default_value_t)]
    backend: common::Backend,
}

fn main() -> ExitCode {
    let args = Args::parse();
    common::exit(common::on_backend!(args.backend, B => export::<B>(&args)))
}

fn export<B: Backend>(args: &Args) -> Result<(), Failure> {
    let translator = Translator::<B>::open(&args.model, &Default::default())?;
    translator.export_pytorch(&args.out_generator, args.out_discriminator.as_ref())?;
    println!("{}", args.out_generator.display());
    if let Some(path) = &args.out_discriminator {
        println!("{}", path.display());
    }
    Ok(())
}
