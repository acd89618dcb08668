//! `translate` with a model of styles: to a domain in styles from noise, or in those of other
//! images.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use image::DynamicImage;
use stargan::burn::tensor::Tensor;
use stargan::burn::tensor::backend::Backend;
use stargan::{LabelSpace, StyleTranslator, Translate, load_image};

use super::outputs::{EditFiles, Place};
use super::photos::{Input, Photos};
use super::{Args, HEADING};
use crate::failure::{Failure, of_file, usage};
use crate::output::save_image;
use crate::terminal::{result, tell};

/// What a model of styles is asked for.
#[derive(clap::Args)]
pub struct StylesArgs {
    /// To translate to this domain; of a --reference the one that it is in. Repeat it for several
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    domain: Vec<String>,
    /// In so many styles from noise; the same of every input [default: 1]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..),
        conflicts_with = "reference",
        help_heading = HEADING
    )]
    styles: Option<u16>,
    /// The first of the styles is of the noise of this number
    #[arg(long, value_name = "N", conflicts_with = "reference", help_heading = HEADING)]
    first_style: Option<u32>,
    /// In the style of this image, and to its domain: the one before "=", or --domain, or the one
    /// that its folder is called. Repeat it for several
    #[arg(long, value_name = "[DOMAIN=]IMAGE", help_heading = HEADING)]
    reference: Vec<Reference>,
}

/// A style, what it is called in names of files, and of what image it is.
struct Style<B: Backend> {
    name: String,
    code: Tensor<B, 2>,
    image: Option<DynamicImage>,
}

impl StylesArgs {
    /// Whether any of these flags is given.
    pub fn given(&self) -> Option<&'static str> {
        [
            ("--domain", !self.domain.is_empty()),
            ("--styles", self.styles.is_some()),
            ("--first-style", self.first_style.is_some()),
            ("--reference", !self.reference.is_empty()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    fn styles<B: Backend>(
        &self,
        translator: &StyleTranslator<B>,
    ) -> Result<Vec<Style<B>>, Failure> {
        let space = translator.spaces().space(0);
        let domains = self.domain.iter().map(|name| space.index_of(name));
        let domains = domains.collect::<stargan::Result<Vec<_>>>()?;
        if self.reference.is_empty() {
            if domains.is_empty() {
                let names = space.names().join(", ");
                return usage(format!(
                    "--domain or --reference is required with this model: its domains are {names}"
                ));
            }
            let first = u64::from(self.first_style.unwrap_or(0));
            let numbers = first..first + u64::from(self.styles.unwrap_or(1));
            let of = |domain: usize| {
                numbers.clone().map(move |number| Style {
                    name: format!("{}-{number}", space.names()[domain]),
                    code: translator.latent_style(number, domain),
                    image: None,
                })
            };
            return Ok(domains.into_iter().flat_map(of).collect());
        }
        if domains.len() > 1 {
            return usage(
                "a --reference is in one domain: say each one's by --reference DOMAIN=IMAGE, in \
                 place of several --domain",
            );
        }
        let of = |reference: &Reference| {
            let domain = match (domains.first(), &reference.domain) {
                (Some(_), Some(_)) => {
                    return usage(
                        "the domain of a --reference is said twice: by --domain, and before its =",
                    );
                }
                (Some(domain), None) => *domain,
                (None, _) => reference.domain(space)?,
            };
            let image = load_image(&reference.image)?;
            let code = translator.reference_style(&image, domain)?;
            let stem = reference.image.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{}-{stem}", space.names()[domain]);
            Ok(Style { name, code, image: Some(image) })
        };
        self.reference.iter().map(of).collect()
    }
}

/// Translates as the command line says.
pub fn translate<B: Backend>(
    args: &Args,
    translator: StyleTranslator<B>,
    place: &Place,
    inputs: &[PathBuf],
) -> Result<(), Failure> {
    check(args)?;
    let translator = match args.crop {
        Some(crop) => {
            let crop = crop.of(translator.transform());
            translator.with_crop(crop)
        }
        None => translator,
    };
    let styles = args.styles.styles(&translator)?;
    let transform_of = |width, height| translator.transform_of(width, height);
    let mut photos = Photos::transformed(transform_of, translator.transform());
    if args.grid {
        grid(args, &translator, place, inputs, &mut photos, &styles)?;
        return photos.finish();
    }
    if args.moving.animate.is_some() {
        // All styles are in one animation.
        let names = [styles.iter().map(|style| &style.name[..]).collect::<Vec<_>>().join("+")];
        return animate(args, &translator, place, inputs, photos, &styles, &names);
    }
    let names: Vec<_> = styles.iter().map(|style| style.name.clone()).collect();
    for job in args.existing.jobs(place, inputs, &names, false)? {
        let Some(input) = photos.read(job.input) else { continue };
        for EditFiles { edit, result, .. } in &job.edits {
            let style = styles.iter().find(|style| style.name == *edit).expect("one of them");
            let translate = |image| translator.translate(image, style.code.clone());
            let translated = match &input {
                Input::Still(image) => Input::Still(translate(image)?),
                Input::Moving(animation) => {
                    let frames = animation.frames().iter().map(translate);
                    let frames = frames.collect::<stargan::Result<Vec<_>>>()?;
                    Input::Moving(animation.with_frames(frames)?)
                }
            };
            if let Some(output) = result {
                translated.save(output, args.existing.existing())?;
                result!("{}", output.display());
            }
        }
    }
    photos.finish()
}

/// Refuses what such a model has not.
fn check(args: &Args) -> Result<(), Failure> {
    let others = [
        ("--edit", !args.edit.is_empty()),
        ("--source", args.source.is_some()),
        ("--size", args.size.is_some()),
        ("--mask", args.mask),
        ("--sequence", args.moving.sequence),
    ];
    match others.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => usage(format!(
            "{flag} is for models of the recipe stargan; this one translates to a --domain or as a \
             --reference, at the size that it was trained on"
        )),
        None => Ok(()),
    }
}

fn grid<B: Backend>(
    args: &Args,
    translator: &StyleTranslator<B>,
    place: &Place,
    inputs: &[PathBuf],
    photos: &mut Photos<'_>,
    styles: &[Style<B>],
) -> Result<(), Failure> {
    let output = place.grid();
    if !args.existing.is_due(&output)? {
        return Ok(());
    }
    let images: Vec<_> =
        inputs.iter().filter_map(|input| photos.read(input)).map(Input::into_first).collect();
    if images.is_empty() {
        return Ok(());
    }
    let columns = styles.iter().map(|style| (style.name.clone(), style.code.clone())).collect();
    let references = styles.iter().map(|style| style.image.clone()).collect::<Option<Vec<_>>>();
    let grid = translator.style_grid(references.as_deref(), &images, columns)?;
    save_image(grid.picture(), &output, args.existing.existing())?;
    tell!("columns: {}", grid.columns.join("  "));
    result!("{}", output.display());
    Ok(())
}

/// An animation of every input on the way through all styles.
fn animate<B: Backend>(
    args: &Args,
    translator: &StyleTranslator<B>,
    place: &Place,
    inputs: &[PathBuf],
    mut photos: Photos<'_>,
    styles: &[Style<B>],
    names: &[String],
) -> Result<(), Failure> {
    let codes: Vec<_> = styles.iter().map(|style| style.code.clone()).collect();
    let frames = usize::from(args.moving.animate.unwrap_or_default());
    if codes.len() < 2 || frames < codes.len() {
        return usage(format!(
            "--animate goes through several styles, with a frame for each at least: there are {} \
             styles and {frames} frames",
            codes.len()
        ));
    }
    for job in args.existing.jobs(place, inputs, names, false)? {
        let Some(input) = photos.read(job.input) else { continue };
        let size = translator.transform().size;
        let pixels = [size.width as u64, size.height as u64];
        args.moving.check_bytes(job.input, frames, pixels, 4)?;
        let frames = translator.interpolate(&input.into_first(), &codes, frames)?;
        let animation = args.moving.animation(frames)?;
        for output in job.edits.iter().filter_map(|files| files.result.as_ref()) {
            Input::Moving(animation.clone()).save(output, args.existing.existing())?;
            result!("{}", output.display());
        }
    }
    photos.finish()
}

/// `--reference [DOMAIN=]IMAGE`.
#[derive(Clone, Debug)]
struct Reference {
    domain: Option<String>,
    image: PathBuf,
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A path may hold the sign too.
        let (domain, image) = match text.split_once('=') {
            Some((domain, image)) if !Path::new(text).exists() => (Some(domain.to_owned()), image),
            _ => (None, text),
        };
        match image {
            "" => Err("expected [DOMAIN=]IMAGE, such as dog=rex.jpg".to_owned()),
            image => Ok(Self { domain, image: image.into() }),
        }
    }
}

impl Reference {
    /// The domain that is said, or that the image's folder is called.
    fn domain(&self, space: &LabelSpace) -> Result<usize, Failure> {
        if let Some(name) = &self.domain {
            return Ok(space.index_of(name)?);
        }
        let folder = self.image.parent().and_then(Path::file_name).unwrap_or_default();
        let known = space.names().iter().position(|name| folder == name.as_str());
        known.ok_or_else(|| {
            let names = space.names().join(", ");
            let problem = format!(
                "which of the domains {names} is it in? --reference DOMAIN={}",
                self.image.display()
            );
            of_file(&self.image, problem)
        })
    }
}
