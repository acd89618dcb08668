//! `translate`: images with a trained model.

mod moving;
mod outputs;
mod photos;
mod styles;

use std::path::{Path, PathBuf};

use stargan::burn::tensor::backend::Backend;
use stargan::data::image_files;
use stargan::{BackendKind, OutputSize, Translate, Translator};

use crate::backend::{self, on_backend};
use crate::bundled;
use crate::crop::PhotoCrop;
use crate::failure::{Failure, of_file, usage};
use crate::model::{Model, has_styles};
use crate::output::save_image;
use crate::terminal::{result, tell};
use moving::MovingArgs;
use outputs::{EditFiles, ExistingArgs, Kind, Place};
use photos::{Input, Photos, load};
use styles::StylesArgs;

const HEADING: &str = "Models of stargan-v2";

/// Translates images with a trained model.
///
/// Writes an image per input and edit, INPUT_EDIT.png, or with --grid one picture of them all. Of
/// an animated GIF, PNG or WebP it makes an animation of as many frames, an animated PNG. Images
/// that can't be read are passed over and named; the exit code is 1 then. A model of stargan-v2
/// takes no edits: it translates to a --domain in some --styles, INPUT_DOMAIN-NUMBER.png, or as a
/// --reference, INPUT_DOMAIN-REFERENCE.png; with --animate through all of these.
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
    /// The part of an input that the model sees: the centre square of so many pixels, "square" for
    /// the largest one, the square of SIDE pixels whose upper left corner is at LEFT,TOP, or
    /// "model" for what the model was trained on, whatever it leaves out; `inspect --photo` shows
    /// it; of a model of rectangles a rectangle of their shape, and the pixels are its shorter
    /// side's [default: that of the model, or square for an input of which that would leave out
    /// most]
    #[arg(long, value_name = "PX|square|LEFT,TOP,SIDE|model")]
    crop: Option<PhotoCrop>,
    /// The size of a result: "original" for the input's own, of which only what the model changes
    /// is touched; "model" for the part that the model sees, at its size; or that part with PX
    /// pixels on its shorter side, at which the model works [default: original]
    #[arg(
        long,
        value_name = "original|model|PX",
        value_parser = parse_size,
        conflicts_with = "grid"
    )]
    size: Option<OutputSize>,
    /// One picture: a row per input, a column per edit, or per label of the model without --edit
    #[arg(long)]
    grid: bool,
    /// Of a model that has a mask, show where it paints, as a grey picture of the result's size:
    /// white where it paints anew, black where the input passes as it is; RESULT_mask.png beside
    /// every RESULT.png, with --grid a column beside each
    #[arg(long, conflicts_with = "animate")]
    mask: bool,
    #[command(flatten)]
    styles: StylesArgs,
    #[command(flatten)]
    moving: MovingArgs,
    /// A folder, or for one result a file [default: translated, with --grid translated/grid.png]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    existing: ExistingArgs,
    /// What computes
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
    /// Image files, and folders of such
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

fn parse_size(text: &str) -> Result<OutputSize, String> {
    match (text, text.parse()) {
        ("original", _) => Ok(OutputSize::Photo),
        ("model", _) => Ok(OutputSize::Model),
        (_, Ok(side @ 1..)) => Ok(OutputSize::Side(side)),
        _ => Err("expected original, model or a number of pixels".to_owned()),
    }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let model = args.model.clone().map_or_else(bundled::model, Ok)?;
    let has_styles = has_styles(&model)?;
    if let Some(flag) = args.styles.given().filter(|_| !has_styles) {
        return usage(format!(
            "{flag} is for models of the recipe stargan-v2; {} takes --edit",
            model.display()
        ));
    }
    if args.edit.is_empty() && !args.grid && !has_styles {
        return usage("--edit is required, unless with --grid: what should change?");
    }
    if args.edit.iter().any(|edit| edit.trim().is_empty()) {
        return usage("--edit is empty: what should change?");
    }
    if args.source.as_ref().is_some_and(|source| source.trim().is_empty()) {
        return usage("--source is empty: which labels have the inputs?");
    }
    if args.edit.is_empty() && args.source.is_some() {
        return usage("--source needs --edit");
    }
    let inputs = expand(&args.inputs)?;
    let place = Place::of(args.out.as_deref(), kind(args, &inputs))?;
    on_backend!(args.backend, B => translate::<B>(args, &model, &place, &inputs))
}

/// What the results are, where `--out` is a file.
fn kind(args: &Args, inputs: &[PathBuf]) -> Kind {
    let moves = || match (args.out.as_deref().and_then(Path::extension), inputs) {
        (Some(_), [input]) if !args.grid => matches!(load(input), Ok(Input::Moving(_))),
        _ => false,
    };
    if args.moving.animate.is_some() || moves() { Kind::Animations } else { Kind::Images }
}

fn translate<B: Backend>(
    args: &Args,
    model: &Path,
    place: &Place,
    inputs: &[PathBuf],
) -> Result<(), Failure> {
    let translator = match Model::<B>::open(model)? {
        Model::StarGan(translator) => translator,
        Model::StarGanV2(translator) => {
            return styles::translate(args, translator, place, inputs);
        }
    };
    let translator = match args.crop {
        Some(crop) => {
            let crop = crop.of(translator.transform());
            translator.with_crop(crop)
        }
        None => translator,
    };
    let translator = translator.with_output_size(args.size.unwrap_or_default())?;
    // Known before anything is written: nobody wants half of the results.
    if args.mask {
        translator.check_mask()?;
    }
    for edit in &args.edit {
        translator.check_edit(args.source.as_deref(), edit)?;
    }
    args.moving.check(&translator, &args.edit)?;
    if args.grid {
        return grid(args, &translator, place, inputs);
    }
    let jobs = args.existing.jobs(place, inputs, &args.edit, args.mask)?;
    let (source, existing) = (args.source.as_deref(), args.existing.existing());
    let mut sequences = None;
    let mut photos = Photos::new(&translator);
    for job in &jobs {
        let Some(input) = photos.read(job.input) else { continue };
        if sequences.is_none() {
            sequences = Some(args.moving.sequences(&translator, inputs, source, &args.edit)?);
        }
        let sequence = |edit| {
            let mut sequences = sequences.iter().flatten();
            sequences.find(|(of, _)| *of == edit).map(|(_, sequence)| sequence)
        };
        // Of an animation, the first image is what is animated.
        let input = match args.moving.animate {
            Some(_) => Input::Still(input.into_first()),
            None => input,
        };
        for EditFiles { edit, result, mask } in &job.edits {
            let (translated, touched) = match (&input, args.moving.animate) {
                (Input::Still(image), Some(count)) => {
                    let (image, edit) = ((image, job.input), (source, *edit));
                    let animation = args.moving.animate(&translator, image, edit, count)?;
                    (Input::Moving(animation), None)
                }
                (Input::Still(image), None) => {
                    let (image, touched) = match (sequence(*edit), mask, source) {
                        (Some(sequence), Some(_), _) => sequence.translate_masked(image)?,
                        (Some(sequence), None, _) => (sequence.translate(image)?, None),
                        (None, Some(_), _) => translator.translate_masked(image, source, edit)?,
                        (None, None, Some(source)) => {
                            (translator.translate_from(image, source, edit)?, None)
                        }
                        (None, None, None) => (translator.translate(image, edit)?, None),
                    };
                    (Input::Still(image), touched.map(Input::Still))
                }
                (Input::Moving(animation), _) if mask.is_some() => {
                    let (animation, masks) =
                        translator.translate_animation_masked(animation, source, edit)?;
                    (Input::Moving(animation), masks.map(Input::Moving))
                }
                (Input::Moving(animation), _) => {
                    let animation = translator.translate_animation(animation, source, edit)?;
                    (Input::Moving(animation), None)
                }
            };
            for (made, output) in [(Some(translated), result), (touched, mask)] {
                if let (Some(made), Some(output)) = (made, output) {
                    made.save(output, existing)?;
                    result!("{}", output.display());
                }
            }
        }
    }
    photos.finish()
}

fn grid<B: Backend>(
    args: &Args,
    translator: &Translator<B>,
    place: &Place,
    inputs: &[PathBuf],
) -> Result<(), Failure> {
    let output = place.grid();
    if !args.existing.is_due(&output)? {
        return Ok(());
    }
    let mut photos = Photos::new(translator);
    let images: Vec<_> =
        inputs.iter().filter_map(|input| photos.read(input)).map(Input::into_first).collect();
    if !images.is_empty() {
        let source = args.source.as_deref();
        let grid = match args.edit.is_empty() {
            _ if args.mask => translator.masked_grid(&images, source, &args.edit)?,
            true => translator.grid(&images)?,
            false => translator.grid_of_edits(&images, source, &args.edit)?,
        };
        save_image(grid.picture(), &output, args.existing.existing())?;
        tell!("columns: {}", grid.columns.join("  "));
        result!("{}", output.display());
    }
    photos.finish()
}

/// The files that `inputs` name, and those in the folders they name.
fn expand(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            // A name that is misspelt is not an image that can't be read.
            if input.symlink_metadata().is_err() {
                return Err(of_file(input, "no such file"));
            }
            files.push(input.clone());
            continue;
        }
        let found = image_files(input)?;
        let left_out = found.left_out.iter().map(|(kind, count)| format!("{count} {kind}"));
        let left_out = left_out.collect::<Vec<_>>().join(", ");
        if found.images.is_empty() {
            let found = if left_out.is_empty() { "nothing" } else { &left_out };
            return Err(of_file(input, format!("expected images in this folder, found {found}")));
        }
        if !left_out.is_empty() {
            tell!("{}: left out: {left_out}", input.display());
        }
        files.extend(found.images);
    }
    Ok(files)
}
