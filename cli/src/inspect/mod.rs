//! `inspect`: what a model, a checkpoint or a run is.

mod words;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use stargan::data::read_text;
use stargan::engine::Recipe;
use stargan::nn::{Head, Upsampling};
use stargan::recipes::StyleModel;
use stargan::{
    Crop, ImageSize, LabelKind, LabelSpaces, ModelConfig, StarGan, StarGanV2, TrainingConfig,
    Transform, describe, load_image, resolve_model,
};

use crate::crop::{PhotoCrop, percent_left_out};
use crate::failure::{Failure, of_file};
use crate::model::has_styles;
use crate::output::{OverwriteArg, save_image};
use crate::preview::preview;
use crate::terminal::{result, tell};
use crate::train::{RecipeName, Trained};
use words::{attributes, differences, duration, thousands};

/// Says what a model, a checkpoint or a run is.
///
/// Labels, image size, crop, networks and their parameters; of a checkpoint or a run also its
/// iteration and the settings that are not the defaults; of a run its newest checkpoint and how
/// long it has been trained.
#[derive(clap::Args)]
pub struct Args {
    /// A model file, a checkpoint, or a run folder
    #[arg(value_name = "MODEL_OR_RUN")]
    path: PathBuf,
    /// Show what the model sees of this photo: a picture of the photo with a frame around it, and
    /// beside it at the model's size
    #[arg(long, value_name = "IMAGE")]
    photo: Option<PathBuf>,
    /// The part of the photo that the model sees, as at `translate`
    #[arg(long, value_name = "PX|square|LEFT,TOP,SIDE|model", requires = "photo")]
    crop: Option<PhotoCrop>,
    /// The picture of the photo [default: seen.png]
    #[arg(long, value_name = "FILE", requires = "photo")]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArg,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let path = &args.path;
    if let Some(photo) = &args.photo {
        return show(args, path, photo);
    }
    if !path.is_dir() {
        result!("{}", describe_file(path)?.trim_end());
        return Ok(());
    }
    let config = path.join("config.json");
    if !config.is_file() {
        return Err(of_file(path, "expected a model file or the folder of a run"));
    }
    let (mut text, newest) = match resolve_model(path) {
        Ok(newest) => (describe_file(&newest)?, newest.display().to_string()),
        // A run has no checkpoint for a while.
        Err(stargan::Error::Checkpoint { .. }) => {
            let begun = match RecipeName::of_run(path) {
                Some(RecipeName::StarGanV2) => begun::<StarGanV2>,
                _ => begun::<StarGan>,
            };
            (begun(&config)?, "none yet".to_owned())
        }
        Err(error) => return Err(error.into()),
    };
    line(&mut text, "newest checkpoint", newest);
    if let Some(seconds) = seconds(&path.join("timing.csv")) {
        line(&mut text, "training time", duration(seconds));
    }
    result!("{}", text.trim_end());
    Ok(())
}

/// Shows what the model at `path` sees of a photo.
fn show(args: &Args, path: &Path, photo: &Path) -> Result<(), Failure> {
    let path = resolve_model(path)?;
    let trained = match has_styles(&path)? {
        true => {
            let model: StyleModel = describe(path)?;
            model.check()?;
            model.transform
        }
        false => {
            let model: ModelConfig = describe(path)?;
            model.check()?;
            model.transform
        }
    };
    let existing = args.overwrite.existing();
    let out = args.out.as_deref().unwrap_or(Path::new("seen.png"));
    existing.check(out)?;
    let image = load_image(photo)?;
    let (width, height) = (image.width(), image.height());
    let transform = match args.crop {
        Some(crop) => Transform { crop: crop.of(trained), ..trained },
        None => trained.for_photo(width, height),
    };
    transform.check_holds(width, height).map_err(|error| of_file(photo, error))?;
    save_image(preview(&image, transform), out, existing)?;
    tell!(
        "of {width} x {height} pixels the model sees {transform}, {} of them are left out",
        percent_left_out(transform, [width, height])
    );
    result!("{}", out.display());
    Ok(())
}

/// What a file of a model says of itself.
#[derive(Deserialize)]
struct Description<M> {
    #[serde(flatten)]
    model: M,
    /// Of a checkpoint; that of an earlier version says other things.
    training: Option<Value>,
}

#[derive(Deserialize)]
#[serde(bound = "")]
struct Training<R: Recipe> {
    config: TrainingConfig<R>,
    iteration: u64,
}

/// A recipe whose models are described.
trait Described: Trained {
    /// What a model of it knows and sees.
    fn parts(model: &Self::Model) -> (&LabelSpaces, Transform);

    /// A line for each of its networks.
    fn networks(text: &mut String, model: &Self::Model);
}

impl Described for StarGan {
    fn parts(model: &ModelConfig) -> (&LabelSpaces, Transform) {
        (&model.spaces, model.transform)
    }

    fn networks(text: &mut String, model: &ModelConfig) {
        networks(text, model);
    }
}

impl Described for StarGanV2 {
    fn parts(model: &StyleModel) -> (&LabelSpaces, Transform) {
        (&model.spaces, model.transform)
    }

    fn networks(text: &mut String, model: &StyleModel) {
        let networks = &model.networks;
        let (base, most) = (networks.base_channels, networks.most_channels);
        let (latent, style) = (networks.latent_width, networks.style_width);
        for (name, params, sizes) in [
            ("generator", networks.generator_params(), format!("{base} to {most} channels")),
            (
                "mapping network",
                networks.mapping_params(),
                format!("{latent} numbers to styles of {style}, width {}", networks.mapping_width),
            ),
            ("style encoder", networks.encoder_params(), format!("{base} to {most} channels")),
        ] {
            line(text, name, format!("{} parameters: {sizes}", thousands(params)));
        }
    }
}

/// A model file or a checkpoint, by its description.
fn describe_file(path: &Path) -> Result<String, Failure> {
    match has_styles(path)? {
        true => describe_as::<StarGanV2>(path),
        false => describe_as::<StarGan>(path),
    }
}

fn describe_as<R: Described>(path: &Path) -> Result<String, Failure> {
    let Description::<R::Model> { model, training } = serde_json::from_value(describe(path)?)
        .map_err(|error| {
            of_file(path, format!("not the model of a StarGAN that can work: {error}"))
        })?;
    let (spaces, transform) = R::parts(&model);
    let mut text = labels(spaces);
    images(&mut text, transform);
    line(&mut text, "crop", transform.to_string());
    R::networks(&mut text, &model);
    let Some(training) = training else { return Ok(text) };
    let earlier = training["iteration"].as_u64();
    match serde_json::from_value(training) {
        Ok(Training::<R> { config, iteration }) => {
            config.check().map_err(|error| of_file(path, error))?;
            line(&mut text, "iteration", format!("{iteration} of {}", config.run.iterations));
            settings(&mut text, &config)?;
        }
        Err(_) => {
            if let Some(iteration) = earlier {
                line(&mut text, "iteration", iteration.to_string());
            }
            line(&mut text, "settings", "of an earlier version of this program");
        }
    }
    Ok(text)
}

/// A run without a checkpoint, by its configuration.
fn begun<R: Described>(path: &Path) -> Result<String, Failure> {
    let json = read_text(path)?;
    let config: TrainingConfig<R> =
        serde_json::from_str(&json).map_err(|error| of_file(path, error))?;
    config.check().map_err(|error| of_file(path, error))?;
    let recipe = &config.recipe;
    let mut text = labels(recipe.labels());
    let transform =
        Transform::new(Crop::Square, recipe.image_size()).with_channels(recipe.channels());
    images(&mut text, transform);
    R::networks(&mut text, &recipe.model(transform));
    line(&mut text, "iteration", format!("0 of {}", config.run.iterations));
    settings(&mut text, &config)?;
    Ok(text)
}

/// What the images are that the model sees.
fn images(text: &mut String, transform: Transform) {
    let ImageSize { width, height } = transform.size;
    line(text, "image size", format!("{width} x {height} pixels"));
    let channels = transform.channels;
    line(text, "channels", format!("{channels} ({})", channels.name()));
}

fn line(text: &mut String, name: &str, value: impl AsRef<str>) {
    writeln!(text, "{name:<18} {}", value.as_ref()).expect("memory is written to");
}

/// The labels of every dataset, those that exclude each other with `|` between them.
fn labels(spaces: &LabelSpaces) -> String {
    let mut text = String::new();
    for (dataset, space) in spaces.iter().enumerate() {
        let kind = match space.kind() {
            LabelKind::Attributes => "attributes",
            LabelKind::Classes => "classes",
        };
        let names = match space.kind() {
            LabelKind::Attributes => attributes(space),
            LabelKind::Classes => space.names().join(" | "),
        };
        let of = if spaces.len() > 1 { format!(" of {}", spaces.name(dataset)) } else { "".into() };
        line(&mut text, &format!("{kind}{of}"), names);
    }
    if spaces.len() > 1 {
        let mask = if spaces.is_masked() { "yes" } else { "no" };
        line(&mut text, "mask vector", mask);
    }
    text
}

fn networks(text: &mut String, model: &ModelConfig) {
    let generator = &model.generator;
    line(
        text,
        "generator",
        format!(
            "{} parameters: {} channels, {} residual blocks, {} downsamplings{}{}",
            thousands(generator.num_params()),
            generator.base_channels,
            generator.residual_blocks,
            generator.downsamplings,
            match generator.upsampling {
                Upsampling::Resize => ", resize-convolutions",
                _ => "",
            },
            match generator.head {
                Head::Mask => ", a mask",
                _ => "",
            }
        ),
    );
    let discriminator = match &model.discriminator {
        None => "none: an image's own labels can't be predicted".to_owned(),
        Some(discriminator) => format!(
            "{} parameters: {} channels, {} downsamplings{}",
            thousands(discriminator.num_params()),
            discriminator.base_channels,
            discriminator.downsamplings,
            if discriminator.spectral_norm { ", spectral normalisation" } else { "" }
        ),
    };
    line(text, "discriminator", discriminator);
}

/// The settings that are not the defaults.
fn settings<R: Trained>(text: &mut String, config: &TrainingConfig<R>) -> Result<(), Failure> {
    let json = |config: &TrainingConfig<R>| {
        serde_json::to_value(config).map_err(|error| Failure::Failed(error.to_string()))
    };
    let default = json(&R::of(config.recipe.labels().clone())?.into())?;
    let mut changed = Vec::new();
    differences("", &json(config)?, &default, &mut changed);
    let mut name = "settings";
    for change in changed {
        line(text, name, change);
        name = "";
    }
    Ok(())
}

/// The seconds in the last row of `timing.csv`, where there is one.
fn seconds(path: &Path) -> Option<f64> {
    let text = read_text(path).ok()?;
    text.lines().last()?.split(',').nth(1)?.parse().ok()
}
