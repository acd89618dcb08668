//! `export`: a model's networks in another program's format.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use stargan::burn::tensor::backend::Backend;
use stargan::nn::Head;
use stargan::{BackendKind, Translator, replace_file};

use crate::backend::{self, on_backend};
use crate::failure::{Failure, usage};
use crate::output::{Output, OverwriteArg, check_different};
use crate::terminal::{result, tell};

/// Writes a model's networks in another program's format.
///
/// The format pytorch is safetensors with the public PyTorch code's keys, for `load_state_dict`; of
/// a generator with a mask, for that of the `MaskGenerator` in docs/interop.md. Leave the modules
/// in training mode there: after eval() they normalise by running statistics that were never
/// trained, and translate nothing.
///
/// The format onnx is for onnxruntime and other runtimes, also in a browser: the generator, for
/// images of any size that its downsamplings divide, and of the discriminator what reads the labels
/// of a photo.
#[derive(clap::Args)]
pub struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Pytorch)]
    format: Format,
    /// The generator's file
    #[arg(long, value_name = "FILE")]
    out_generator: PathBuf,
    /// The discriminator's file
    #[arg(long, value_name = "FILE")]
    out_discriminator: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArg,
    /// What the model is opened on; the files are the same
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Safetensors for the public PyTorch code
    Pytorch,
    /// ONNX
    Onnx,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let existing = args.overwrite.existing();
    check_different(&[
        ("--model", Some(&args.model)),
        ("--out-generator", Some(&args.out_generator)),
        ("--out-discriminator", args.out_discriminator.as_deref()),
    ])?;
    let paths: Vec<_> =
        std::iter::once(&args.out_generator).chain(&args.out_discriminator).collect();
    paths.iter().try_for_each(|path| args.format.check_name(path))?;
    let outputs =
        paths.iter().map(|path| Output::new(path, existing)).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = outputs.iter().map(Output::place).collect();
    let discriminator = places.get(1).map(PathBuf::as_path);
    on_backend!(args.backend, B => write::<B>(args, &places[0], discriminator))?;
    outputs.into_iter().try_for_each(Output::finish)?;
    paths.iter().for_each(|path| result!("{}", path.display()));
    Ok(())
}

impl Format {
    /// Refuses a file that is named as one of another format.
    fn check_name(self, path: &Path) -> Result<(), Failure> {
        let named = match path.extension().and_then(|ending| ending.to_str()) {
            Some("onnx") => Self::Onnx,
            Some("safetensors") => Self::Pytorch,
            _ => return Ok(()),
        };
        if named == self {
            return Ok(());
        }
        let [format, named] = [self, named].map(|format| {
            format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
        });
        let path = path.display();
        usage(format!(
            "{path} is named as a file of the format {named}, and would be one of {format}: say \
             --format {named}, or name it otherwise"
        ))
    }
}

fn write<B: Backend>(
    args: &Args,
    generator: &Path,
    discriminator: Option<&Path>,
) -> Result<(), Failure> {
    let translator = Translator::<B>::open(&args.model, &Default::default())?;
    match args.format {
        Format::Pytorch => {
            translator.export_pytorch(generator, discriminator)?;
            if translator.config().generator.head == Head::Mask {
                tell!(
                    "the model has a mask, so the public code's Generator does not load {}; \
                     docs/interop.md has a MaskGenerator that does",
                    args.out_generator.display()
                );
            }
        }
        Format::Onnx => {
            replace_file(generator, translator.to_onnx()?)?;
            if let Some(path) = discriminator {
                replace_file(path, translator.discriminator_to_onnx()?)?;
            }
        }
    }
    Ok(())
}
