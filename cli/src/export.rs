//! `export`: a model's networks in another program's format.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use stargan::burn::tensor::backend::Backend;
use stargan::{BackendKind, Translator};

use crate::backend::{self, on_backend};
use crate::failure::Failure;
use crate::output::{Output, OverwriteArg, check_different};
use crate::terminal::result;

/// Writes a model's networks in another program's format.
///
/// The format pytorch is safetensors with the public PyTorch code's keys, for `load_state_dict`.
/// Leave the modules in training mode there: after eval() they normalise by running statistics that
/// were never trained, and translate nothing.
#[derive(clap::Args)]
pub struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Pytorch)]
    format: Format,
    /// The generator's file
    #[arg(long, value_name = "FILE.safetensors")]
    out_generator: PathBuf,
    /// The discriminator's file
    #[arg(long, value_name = "FILE.safetensors")]
    out_discriminator: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArg,
    /// What the model is opened on; the files are the same
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Safetensors for the public PyTorch code
    Pytorch,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    match args.format {
        Format::Pytorch => pytorch(args),
    }
}

fn pytorch(args: &Args) -> Result<(), Failure> {
    let existing = args.overwrite.existing();
    check_different([
        ("--out-generator", Some(&args.out_generator)),
        ("--out-discriminator", args.out_discriminator.as_deref()),
    ])?;
    let paths: Vec<_> =
        std::iter::once(&args.out_generator).chain(&args.out_discriminator).collect();
    let outputs =
        paths.iter().map(|path| Output::new(path, existing)).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = outputs.iter().map(Output::place).collect();
    let discriminator = places.get(1).map(PathBuf::as_path);
    on_backend!(args.backend, B => write::<B>(&args.model, &places[0], discriminator))?;
    outputs.into_iter().try_for_each(Output::finish)?;
    paths.iter().for_each(|path| result!("{}", path.display()));
    Ok(())
}

fn write<B: Backend>(
    model: &Path,
    generator: &Path,
    discriminator: Option<&Path>,
) -> Result<(), Failure> {
    let translator = Translator::<B>::open(model, &Default::default())?;
    Ok(translator.export_pytorch(generator, discriminator)?)
}
