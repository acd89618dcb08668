//! `export`: a model's networks in another program's format.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use stargan::burn::tensor::backend::Backend;
use stargan::nn::Head;
use stargan::{BackendKind, StyleTranslator, Translator, replace_file};

use crate::backend::{self, on_backend};
use crate::failure::{Failure, usage};
use crate::model::{Model, has_styles};
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
///
/// Of StarGAN v2 the three networks are one file for PyTorch (--out-nets-ema), and one each as onnx
/// (--out-generator, --out-mapping, --out-encoder).
#[derive(clap::Args)]
pub struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Pytorch)]
    format: Format,
    /// The generator's file
    #[arg(long, value_name = "FILE", required_unless_present = "out_nets_ema")]
    out_generator: Option<PathBuf>,
    /// The discriminator's file
    #[arg(long, value_name = "FILE")]
    out_discriminator: Option<PathBuf>,
    /// The file of StarGAN v2's mapping network, from noise to a style
    #[arg(long, value_name = "FILE")]
    out_mapping: Option<PathBuf>,
    /// The file of StarGAN v2's style encoder, from an image to a style
    #[arg(long, value_name = "FILE")]
    out_encoder: Option<PathBuf>,
    /// The file of all that StarGAN v2 translates with
    #[arg(long, value_name = "FILE")]
    out_nets_ema: Option<PathBuf>,
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

const GENERATOR: &str = "--out-generator";
const DISCRIMINATOR: &str = "--out-discriminator";
const MAPPING: &str = "--out-mapping";
const ENCODER: &str = "--out-encoder";
const NETS_EMA: &str = "--out-nets-ema";

/// The flags that name files, with these files.
type Files<'a> = Vec<(&'static str, &'a Path)>;

pub fn run(args: &Args) -> Result<(), Failure> {
    let existing = args.overwrite.existing();
    let files = args.files();
    let different: Vec<_> = [("--model", &*args.model)].into_iter().chain(files.clone()).collect();
    let different: Vec<_> = different.iter().map(|&(flag, path)| (flag, Some(path))).collect();
    check_different(&different)?;
    files.iter().try_for_each(|(_, path)| args.format.check_name(path))?;
    let has_styles = has_styles(&args.model)?;
    let known: &[&str] = match (has_styles, args.format) {
        (false, _) => &[GENERATOR, DISCRIMINATOR],
        (true, Format::Pytorch) => &[NETS_EMA],
        (true, Format::Onnx) => &[GENERATOR, MAPPING, ENCODER],
    };
    let given: Vec<&str> = files.iter().map(|(flag, _)| *flag).collect();
    if !given.contains(&known[0]) || given.iter().any(|flag| !known.contains(flag)) {
        let name = if has_styles { "StarGAN v2" } else { "StarGAN" };
        let (format, known) = (args.format.name(), known.join(", "));
        return usage(format!("the format {format} of a {name} is written to {known}"));
    }
    let outputs = files.iter().map(|(_, path)| Output::new(path, existing));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = outputs.iter().map(Output::place).collect();
    let places: Files<'_> = given.into_iter().zip(places.iter().map(PathBuf::as_path)).collect();
    on_backend!(args.backend, B => match Model::<B>::open(&args.model)? {
        Model::StarGan(translator) => write(&translator, args.format, &places),
        Model::StarGanV2(translator) => write_styles(&translator, &places),
    })?;
    outputs.into_iter().try_for_each(Output::finish)?;
    files.iter().for_each(|(_, path)| result!("{}", path.display()));
    Ok(())
}

impl Args {
    fn files(&self) -> Files<'_> {
        [
            (GENERATOR, &self.out_generator),
            (DISCRIMINATOR, &self.out_discriminator),
            (MAPPING, &self.out_mapping),
            (ENCODER, &self.out_encoder),
            (NETS_EMA, &self.out_nets_ema),
        ]
        .into_iter()
        .filter_map(|(flag, path)| Some((flag, path.as_deref()?)))
        .collect()
    }
}

/// The file that `flag` names.
fn file<'a>(files: &Files<'a>, flag: &str) -> Option<&'a Path> {
    files.iter().find(|(given, _)| *given == flag).map(|(_, path)| *path)
}

impl Format {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

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
        let [format, named] = [self, named].map(Self::name);
        let path = path.display();
        usage(format!(
            "{path} is named as a file of the format {named}, and would be one of {format}: say \
             --format {named}, or name it otherwise"
        ))
    }
}

fn write<B: Backend>(
    translator: &Translator<B>,
    format: Format,
    files: &Files<'_>,
) -> Result<(), Failure> {
    let [generator, discriminator] = [GENERATOR, DISCRIMINATOR].map(|flag| file(files, flag));
    let generator = generator.expect("the generator's file is always asked for");
    match format {
        Format::Pytorch => {
            translator.export_pytorch(generator, discriminator)?;
            if translator.config().generator.head == Head::Mask {
                tell!(
                    "the model has a mask, so the public code's Generator does not load its file; \
                     docs/interop.md has a MaskGenerator that does"
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

fn write_styles<B: Backend>(
    translator: &StyleTranslator<B>,
    files: &Files<'_>,
) -> Result<(), Failure> {
    for (flag, path) in files {
        match *flag {
            NETS_EMA => translator.export_pytorch(path)?,
            MAPPING => replace_file(path, translator.mapping_to_onnx()?)?,
            ENCODER => replace_file(path, translator.encoder_to_onnx()?)?,
            _ => replace_file(path, translator.to_onnx()?)?,
        }
    }
    Ok(())
}
