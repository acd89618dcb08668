//! Translates images with a trained model.
//!
//! ```text
//! cargo run --release --example translate -- --model runs/quickstart --edit Blond_Hair face.jpg
//! ```

#![recursion_limit = "256"]

mod common;

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use image::{DynamicImage, ImageFormat};
use stargan::Translator;
use stargan::burn::tensor::backend::Backend;
use stargan::data::{image_files, load_image};

use common::{Failure, usage};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");

/// Translates images with a trained model.
///
/// Writes an image per input and edit, INPUT_EDIT.png, or with --grid one picture of them all. A file
/// that exists is never overwritten.
#[derive(Parser)]
struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint [default: the model that
    /// comes with the examples]
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: Option<PathBuf>,
    /// What to change: "Blond_Hair", "+Male,-Young", "Male=0.5", "happy", "faces:Young", and
    /// "Blond_Hair,happy" for one after the other where they are of two datasets; repeat it for several
    /// translations of every input
    #[arg(long, value_name = "EDIT", allow_hyphen_values = true)]
    edit: Vec<String>,
    /// The inputs' own label, such as "Black_Hair,Male" [default: predicted for every input]
    #[arg(long, value_name = "LABELS")]
    source: Option<String>,
    /// One picture: a row per input, a column per edit, or per label of the model without --edit
    #[arg(long)]
    grid: bool,
    /// A folder, or for one result a new file [default: translated, with --grid translated/grid.png]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// What computes
    #[arg(long, value_name = "B", value_enum, default_value_t)]
    backend: common::Backend,
    /// Image files, and folders of such
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    common::exit(common::on_backend!(args.backend, B => translate::<B>(&args)))
}

fn translate<B: Backend>(args: &Args) -> Result<(), Failure> {
    if args.edit.is_empty() && !args.grid {
        return usage("--edit is required, unless with --grid: what should change?");
    }
    if args.edit.is_empty() && args.source.is_some() {
        return usage("--source needs --edit");
    }
    let inputs = expand(&args.inputs)?;
    let model = match &args.model {
        Some(model) => model.clone(),
        None if Path::new(MODEL).is_file() => MODEL.into(),
        None => {
            return Err(Failure::Failed(format!(
                "there is no model at {MODEL}: train one (cargo run --release --example quickstart) \
                 and say --model runs/quickstart"
            )));
        }
    };
    let translator = Translator::<B>::open(model, &Default::default())?;
    if args.grid {
        return grid(args, &translator, &inputs);
    }
    let outputs = outputs(args, &inputs)?;
    for (input, outputs) in inputs.iter().zip(outputs) {
        let image = DynamicImage::from(load_image(input)?);
        for (edit, output) in args.edit.iter().zip(outputs) {
            let translated = match &args.source {
                Some(source) => translator.translate_from(&image, source, edit)?,
                None => translator.translate(&image, edit)?,
            };
            common::save_image(&translated, &output)?;
            println!("{}", output.display());
        }
    }
    Ok(())
}

fn grid<B: Backend>(
    args: &Args,
    translator: &Translator<B>,
    inputs: &[PathBuf],
) -> Result<(), Failure> {
    let output = match &args.out {
        Some(out) if is_image(out) => out.clone(),
        Some(out) => out.join("grid.png"),
        None => PathBuf::from("translated/grid.png"),
    };
    common::expect_absent(&output)?;
    let images = inputs
        .iter()
        .map(|input| Ok(DynamicImage::from(load_image(input)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let grid = if args.edit.is_empty() {
        let unlabelled: Vec<_> = images.into_iter().map(|image| (image, None)).collect();
        translator.grid(&unlabelled)?
    } else {
        translator.grid_of_edits(&images, args.source.as_deref(), &args.edit)?
    };
    common::save_image(&grid.image, &output)?;
    eprintln!("columns: {}", grid.columns.join("  "));
    println!("{}", output.display());
    Ok(())
}

/// The files that `inputs` name, and those in the folders they name.
fn expand(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(input.clone());
            continue;
        }
        let found = image_files(input)?;
        if found.is_empty() {
            let message = format!("{}: there are no images in this folder", input.display());
            return Err(Failure::Failed(message));
        }
        files.extend(found);
    }
    // Known before anything is written: nobody wants half of the results.
    match files.iter().find(|file| !file.is_file()) {
        Some(missing) => Err(Failure::Failed(format!("{}: no such file", missing.display()))),
        None => Ok(files),
    }
}

/// The file of every input and edit, none of which exists.
fn outputs(args: &Args, inputs: &[PathBuf]) -> Result<Vec<Vec<PathBuf>>, Failure> {
    let single = inputs.len() == 1 && args.edit.len() == 1;
    let folder = match &args.out {
        Some(out) if is_image(out) && !single => {
            return usage(format!(
                "--out {} is one file, but there are {} results: name a folder",
                out.display(),
                inputs.len() * args.edit.len()
            ));
        }
        Some(out) if is_image(out) => {
            common::expect_absent(out)?;
            return Ok(vec![vec![out.clone()]]);
        }
        Some(out) => out.clone(),
        None => PathBuf::from("translated"),
    };
    let mut taken = HashSet::new();
    let mut all = Vec::new();
    for input in inputs {
        let mut row = Vec::new();
        for edit in &args.edit {
            let plain = |c: char| c.is_alphanumeric() || "+-=._".contains(c);
            let edit: String = edit.chars().map(|c| if plain(c) { c } else { '_' }).collect();
            let mut name = OsString::from(input.file_stem().unwrap_or_default());
            name.push(format!("_{edit}.png"));
            let output = folder.join(name);
            common::expect_absent(&output)?;
            if !taken.insert(output.clone()) {
                return usage(format!(
                    "two results would both be {}: translate them into different folders",
                    output.display()
                ));
            }
            row.push(output);
        }
        all.push(row);
    }
    Ok(all)
}

/// Whether the path names an image file that can be written.
fn is_image(path: &Path) -> bool {
    ImageFormat::from_path(path).is_ok_and(|format| format.writing_enabled()) && !path.is_dir()
}
