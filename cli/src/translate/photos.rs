//! The inputs of `translate`, read one after the other, bad ones passed over.

use std::path::{Path, PathBuf};

use image::{DynamicImage, GenericImageView};
use stargan::burn::tensor::backend::Backend;
use stargan::data::read_bytes;
use stargan::{Animation, Crop, Transform, Translate, Translator, decode_image};

use crate::crop::percent_left_out;
use crate::failure::Failure;
use crate::output::{Existing, save_animation, save_image};
use crate::terminal::tell;

/// What a file holds, of an input or of a result.
pub enum Input {
    Still(DynamicImage),
    Moving(Animation),
}

impl Input {
    /// The image, or the first of several.
    pub fn into_first(self) -> DynamicImage {
        match self {
            Self::Still(image) => image,
            Self::Moving(animation) => animation.frames()[0].clone(),
        }
    }

    /// Writes a file of it, in the format that the path ends in.
    pub fn save(self, path: &Path, existing: Existing) -> Result<(), Failure> {
        match self {
            Self::Still(image) => save_image(image, path, existing),
            Self::Moving(animation) => save_animation(&animation, path, existing),
        }
    }

    fn dimensions(&self) -> (u32, u32) {
        match self {
            Self::Still(image) => image.dimensions(),
            Self::Moving(animation) => animation.frames()[0].dimensions(),
        }
    }
}

/// What is in an image file.
pub fn load(path: &Path) -> stargan::Result<Input> {
    let bytes = read_bytes(path)?;
    Ok(match Animation::decode(&bytes, path)? {
        Some(animation) => Input::Moving(animation),
        None => Input::Still(decode_image(&bytes, path)?),
    })
}

/// Reads images for a model, and says what is wrong with them.
pub struct Photos<'a> {
    /// What is done to a photo of this width and height.
    transform_of: Box<dyn Fn(u32, u32) -> Transform + 'a>,
    /// What was done to the images that the model was trained on.
    model: Transform,
    read: usize,
    unreadable: Vec<PathBuf>,
    /// Whether it has been said that a crop leaves out most of an image.
    told: bool,
}

impl<'a> Photos<'a> {
    /// For `translator`.
    pub fn new<B: Backend>(translator: &'a Translator<B>) -> Self {
        let transform_of = |width, height| translator.transform_of(width, height);
        Self::transformed(transform_of, translator.transform())
    }

    /// For a model that was trained on images after `model`, which makes of a photo of some width
    /// and height what `transform_of` says.
    pub fn transformed(
        transform_of: impl Fn(u32, u32) -> Transform + 'a,
        model: Transform,
    ) -> Self {
        let transform_of = Box::new(transform_of);
        Self { transform_of, model, read: 0, unreadable: Vec::new(), told: false }
    }

    /// What is at `path`; none where it can't be read or does not hold the crop, which is said.
    pub fn read(&mut self, path: &Path) -> Option<Input> {
        self.read += 1;
        let problem = match load(path) {
            Ok(input) => {
                let (width, height) = input.dimensions();
                match (self.transform_of)(width, height).check_holds(width, height) {
                    Ok(()) => {
                        self.tell(path, [width, height]);
                        return Some(input);
                    }
                    Err(error) => format!("{}: {error}", path.display()),
                }
            }
            Err(error) => error.to_string(),
        };
        tell!("warning: {problem}");
        self.unreadable.push(path.to_owned());
        None
    }

    /// Says once where most of an image is left out, or would be by the crop that the model was
    /// trained on.
    fn tell(&mut self, path: &Path, [width, height]: [u32; 2]) {
        let used = (self.transform_of)(width, height);
        let model = self.model;
        // Whoever says where knows what is left out.
        let is_told = matches!(used.crop, Crop::At { .. });
        if self.told || is_told || !model.leaves_out_most(width, height) {
            return;
        }
        self.told = true;
        let size = format!("{width} x {height} pixels");
        let percent = |transform| percent_left_out(transform, [width, height]);
        let path = path.display();
        if used.leaves_out_most(width, height) {
            let percent = percent(used);
            tell!("warning: {path}: {used} leaves out {percent} of {size}");
        } else {
            let percent = percent(model);
            tell!(
                "{path}: {used} is translated, because {model}, as in training, would leave out \
                 {percent} of {size}; --crop model takes that"
            );
        }
    }

    /// Fails where images could not be read.
    pub fn finish(self) -> Result<(), Failure> {
        let (count, read) = (self.unreadable.len(), self.read);
        match &self.unreadable[..] {
            [] => Ok(()),
            [first, ..] => {
                let others = if count > 1 { " and others, see above" } else { "" };
                let first = first.display();
                let message = format!("{count} of {read} images can't be used: {first}{others}");
                Err(Failure::Failed(message))
            }
        }
    }
}
