//! Results that move: from an image to its translation, and films.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::DynamicImage;
use stargan::burn::tensor::backend::Backend;
use stargan::data::MAX_IMAGE_BYTES;
use stargan::{Animation, DomainLabel, OutputSize, Sequence, Translator};

use super::photos::load;
use crate::failure::{Failure, of_file, usage};

/// How many frames of a film say what is the same in all of it.
const SAMPLED: usize = 16;

/// What moves of a result.
#[derive(clap::Args)]
pub struct MovingArgs {
    /// Make of every input an animation of N frames, from its own label to the edit's: an animated
    /// PNG, or a GIF with 256 colours, by the ending of --out
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(2..=1000),
        conflicts_with = "grid"
    )]
    pub animate: Option<u16>,
    /// The animation goes back again, so that it has no jump
    #[arg(long, requires = "animate")]
    back: bool,
    /// Frames of an animation in a second
    #[arg(
        long,
        value_name = "F",
        default_value_t = 15,
        value_parser = clap::value_parser!(u16).range(1..=50),
        requires = "animate"
    )]
    fps: u16,
    /// The inputs are the frames of one film: one label and one measure of what is a change for all
    /// of them, so that nothing flickers. Inputs that are animations are translated so in any case,
    /// each by itself
    #[arg(long, conflicts_with_all = ["grid", "animate"])]
    pub sequence: bool,
}

impl MovingArgs {
    /// Refuses edits that have no way to them.
    pub fn check<B: Backend>(
        &self,
        translator: &Translator<B>,
        edits: &[String],
    ) -> Result<(), Failure> {
        for edit in edits.iter().filter(|_| self.animate.is_some()) {
            if translator.spaces().edits(edit)?.len() > 1 {
                return usage(format!(
                    "--animate goes to one label, but {edit:?} is of several datasets: animate \
                     the edits of one dataset"
                ));
            }
        }
        Ok(())
    }

    /// The way from the image to its translation in `count` frames.
    pub fn animate<B: Backend>(
        &self,
        translator: &Translator<B>,
        (image, path): (&DynamicImage, &Path),
        (source, edit): (Option<&str>, &str),
        count: u16,
    ) -> Result<Animation, Failure> {
        let [width, height] = size_of_result(translator, image);
        let channels = channels_of_result(translator, image);
        let count = usize::from(count);
        self.check_bytes(path, count, [width, height], channels)?;
        let frames = match source {
            None => translator.interpolate(image, "", edit, count)?,
            Some(source) => {
                let (from, to) = ends(translator, source, edit)?;
                translator.interpolate_labels(image, &from, &to, count)?
            }
        };
        self.animation(frames)
    }

    /// Refuses frames that would take too much memory, of so many pixels and bytes of each pixel.
    pub fn check_bytes(
        &self,
        path: &Path,
        count: usize,
        [width, height]: [u64; 2],
        channels: u64,
    ) -> Result<(), Failure> {
        let bytes = channels * width * height * count as u64 * (1 + u64::from(self.back));
        if bytes <= MAX_IMAGE_BYTES {
            return Ok(());
        }
        Err(of_file(
            path,
            format!(
                "{count} frames of {width} x {height} pixels take {} MiB, more than {}: fewer \
                 with --animate, a smaller image, or --size model",
                bytes >> 20,
                MAX_IMAGE_BYTES >> 20
            ),
        ))
    }

    /// What `frames` make, as fast as is said, and back again if that is.
    pub fn animation(&self, frames: Vec<DynamicImage>) -> Result<Animation, Failure> {
        let delay = Duration::from_secs_f64(1.0 / f64::from(self.fps));
        let animation = Animation::new(frames, delay)?;
        Ok(if self.back { animation.there_and_back() } else { animation })
    }

    /// What is the same in all of a film, for every edit; nothing where `inputs` are none.
    pub fn sequences<'a, B: Backend>(
        &self,
        translator: &'a Translator<B>,
        inputs: &[PathBuf],
        source: Option<&str>,
        edits: &'a [String],
    ) -> Result<Vec<(&'a str, Sequence<'a, B>)>, Failure> {
        if !self.sequence {
            return Ok(Vec::new());
        }
        // Of all of them, so that a second try, which makes what is missing, makes it alike. What
        // can't be read is told of later.
        let some = inputs.iter().step_by(inputs.len().div_ceil(SAMPLED));
        let holds = |image: &DynamicImage| {
            let (width, height) = (image.width(), image.height());
            translator.transform_of(width, height).check_holds(width, height).is_ok()
        };
        let some: Vec<_> =
            some.filter_map(|input| Some(load(input).ok()?.into_first())).filter(holds).collect();
        let of = |edit: &'a String| Ok((&edit[..], translator.sequence(&some, source, edit)?));
        edits.iter().map(of).collect()
    }
}

/// Width and height of what is made of an image.
fn size_of_result<B: Backend>(translator: &Translator<B>, image: &DynamicImage) -> [u64; 2] {
    let model = translator.config().transform.size;
    match translator.output_size() {
        OutputSize::Model => [model.width as u64, model.height as u64],
        OutputSize::Side(shorter) => model.with_shorter_side(shorter).map(u64::from),
        _ => [image.width(), image.height()].map(u64::from),
    }
}

/// Bytes of a pixel of what is made of an image.
fn channels_of_result<B: Backend>(translator: &Translator<B>, image: &DynamicImage) -> u64 {
    match translator.config().transform.channels.count() {
        // The photo's opacity may stay.
        _ if translator.output_size() == OutputSize::Photo && image.color().has_alpha() => 4,
        channels => channels as u64,
    }
}

/// The label that an image has, and the one that the edit makes of it.
fn ends<B: Backend>(
    translator: &Translator<B>,
    source: &str,
    edit: &str,
) -> Result<(DomainLabel, DomainLabel), Failure> {
    let spaces = translator.spaces();
    let edit = spaces.edits(edit)?.remove(0);
    let mut labels = spaces.source_labels(source)?.into_iter();
    let Some((dataset, label)) = labels.find(|(dataset, _)| *dataset == edit.dataset) else {
        return usage(format!(
            "--source {source:?} says no label of {}",
            spaces.name(edit.dataset)
        ));
    };
    let to = DomainLabel { dataset, label: edit.edit.apply(&label) };
    Ok((DomainLabel { dataset, label }, to))
}
