//! `translate`: images with a trained model.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat};
use stargan::burn::tensor::backend::Backend;
use stargan::data::image_files;
use stargan::{Translator, load_image};

use crate::backend::{self, on_backend};
use crate::bundled;
use crate::failure::{Failure, of_file, usage};
use crate::output::{OverwriteArg, save_image};

/// Translates images with a trained model.
///
/// Writes an image per input and edit, INPUT_EDIT.png, or with --grid one picture of them all.
#[derive(clap::Args)]
pub struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint [default: the model
    /// that comes with the examples]
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: Option<PathBuf>,
    /// What to change: "Blond_Hair", "+Male,-Young", "Male=0.5", "happy", "faces:Young", and
    /// "Blond_Hair,happy" for one after the other where they are of two datasets; repeat it for
    /// several translations of every input
    #[arg(long, value_name = "EDIT", allow_hyphen_values = true)]
    edit: Vec<String>,
    /// The inputs' own label, such as "Black_Hair,Male" [default: predicted for every input]
    #[arg(long, value_name = "LABELS")]
    source: Option<String>,
    /// One picture: a row per input, a column per edit, or per label of the model without --edit
    #[arg(long)]
    grid: bool,
    /// A folder, or for one result a file [default: translated, with --grid translated/grid.png]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArg,
    /// What computes
    #[arg(long, value_name = "B", value_enum, default_value_t)]
    backend: backend::Backend,
    /// Image files, and folders of such
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.edit.is_empty() && !args.grid {
        return usage("--edit is required, unless with --grid: what should change?");
    }
    if args.edit.is_empty() && args.source.is_some() {
        return usage("--source needs --edit");
    }
    let inputs = expand(&args.inputs)?;
    let model = args.model.clone().map_or_else(bundled::model, Ok)?;
    on_backend!(args.backend, B => translate::<B>(args, &model, &inputs))
}

fn translate<B: Backend>(args: &Args, model: &Path, inputs: &[PathBuf]) -> Result<(), Failure> {
    let translator = Translator::<B>::open(model, &Default::default())?;
    if args.grid {
        return grid(args, &translator, inputs);
    }
    let outputs = outputs(args, inputs)?;
    let existing = args.overwrite.existing();
    for (input, outputs) in inputs.iter().zip(outputs) {
        let image = DynamicImage::from(load_image(input)?);
        for (edit, output) in args.edit.iter().zip(outputs) {
            let translated = match &args.source {
                Some(source) => translator.translate_from(&image, source, edit)?,
                None => translator.translate(&image, edit)?,
            };
            save_image(&translated, &output, existing)?;
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
    let existing = args.overwrite.existing();
    existing.check(&output)?;
    let images = inputs
        .iter()
        .map(|input| Ok(DynamicImage::from(load_image(input)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let grid = if args.edit.is_empty() {
        translator.grid(&images)?
    } else {
        translator.grid_of_edits(&images, args.source.as_deref(), &args.edit)?
    };
    save_image(&grid.image, &output, existing)?;
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
            return Err(of_file(input, "there are no images in this folder"));
        }
        files.extend(found);
    }
    // Known before anything is written: nobody wants half of the results.
    match files.iter().find(|file| !file.is_file()) {
        Some(missing) => Err(of_file(missing, "no such file")),
        None => Ok(files),
    }
}

/// The file of every input and edit; none is there already, unless it is to be replaced.
fn outputs(args: &Args, inputs: &[PathBuf]) -> Result<Vec<Vec<PathBuf>>, Failure> {
    let existing = args.overwrite.existing();
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
            existing.check(out)?;
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
            existing.check(&output)?;
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
