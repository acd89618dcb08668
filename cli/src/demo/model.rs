//! The model as the page uses it.

use std::io::Cursor;
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat};
use serde::Serialize;
use stargan::burn::tensor::backend::Backend;
use stargan::{Channels, Crop, ImageSize, LabelKind, Result, Transform, Translator};

/// The longer side of a larger photo while it is worked on, in pixels: a screen shows no more.
const LONGEST: u32 = 1024;

/// A translator, for one image at a time.
pub struct Model<B: Backend>(Translator<B>);

/// An image as PNG, and how long the networks took.
pub struct Picture {
    pub png: Vec<u8>,
    /// Where the model has painted, as a PNG of the same size.
    pub mask: Option<Vec<u8>>,
    pub took: Duration,
}

/// What the page must know of a dataset to build its controls.
#[derive(Serialize)]
pub struct Dataset {
    name: String,
    kind: LabelKind,
    names: Vec<String>,
    exclusive: Vec<Vec<usize>>,
}

/// What the page must know of the model.
#[derive(Serialize)]
pub struct Description {
    /// The size of its images, in pixels.
    width: usize,
    height: usize,
    /// Whether it can tell an image's own labels.
    reads_labels: bool,
    /// Whether it says where it paints.
    has_mask: bool,
    datasets: Vec<Dataset>,
}

impl<B: Backend> Model<B> {
    pub fn new(translator: Translator<B>) -> Self {
        Self(translator)
    }

    pub fn description(&self) -> Description {
        let config = self.0.config();
        let names = (0..config.spaces.len()).map(|dataset| config.spaces.name(dataset));
        let datasets = names.zip(config.spaces.iter()).map(|(name, space)| Dataset {
            name: name.to_owned(),
            kind: space.kind(),
            names: space.names().to_vec(),
            exclusive: space.exclusive_groups().to_vec(),
        });
        Description {
            width: config.transform.size.width,
            height: config.transform.size.height,
            reads_labels: config.discriminator.is_some(),
            has_mask: self.0.check_mask().is_ok(),
            datasets: datasets.collect(),
        }
    }

    /// An image as the page shows it and sends it back: of at most [`LONGEST`] pixels a side. As it
    /// is, where the model would see another part of it then, or less than its own size of it. Of
    /// what this returns it is the same again.
    pub fn shown(&self, image: DynamicImage) -> DynamicImage {
        let (width, height) = (image.width(), image.height());
        let scale = f64::from(LONGEST) / f64::from(width.max(height));
        let [across, down] = [width, height].map(|side| (f64::from(side) * scale).round().max(1.0));
        let (across, down) = (across as u32, down as u32);
        let [large, small] =
            [(width, height), (across, down)].map(|(w, h)| self.0.transform_of(w, h));
        // Only of the largest part is it known that it is the same part of an image at any size.
        let same = [large, small].iter().all(|seen| seen.crop == Crop::Square);
        let enough = small.region(across, down).width as usize >= small.size.width;
        if !(scale < 1.0 && same && enough) {
            return image;
        }
        let own = usize::from(image.color().channel_count()).try_into();
        let channels = own.unwrap_or(Channels::Rgba);
        let size = ImageSize::new(across as usize, down as usize);
        Transform::new(Crop::Square, size).with_channels(channels).resize(&image)
    }

    /// An image, and its own label in every dataset where the model can tell.
    pub fn prepare(&self, image: &DynamicImage) -> Result<(Picture, Option<Vec<Vec<f32>>>)> {
        let began = Instant::now();
        let labels = match self.0.config().discriminator {
            Some(_) => {
                let datasets = 0..self.0.spaces().len();
                Some(
                    datasets
                        .map(|dataset| self.0.predict(image, dataset))
                        .collect::<Result<_>>()?,
                )
            }
            None => None,
        };
        Ok((picture(image, None, began), labels))
    }

    /// The image changed as `edit` says (see [`stargan::Edit`]), at its own size, and the mask of a
    /// model that has one.
    pub fn translate(&self, image: &DynamicImage, edit: &str) -> Result<Picture> {
        let began = Instant::now();
        let (translated, mask) = self.0.translate_masked(image, None, edit)?;
        Ok(picture(&translated, mask.as_ref(), began))
    }

    /// As [`translate`](Self::translate), of an image of any size and without the mask.
    pub fn whole(&self, image: &DynamicImage, edit: &str) -> Result<Picture> {
        let began = Instant::now();
        let translated = self.0.translate(image, edit)?;
        Ok(picture(&translated, None, began))
    }

    /// The image and its translations to every label of the model, in order, side by side.
    pub fn every(&self, image: DynamicImage) -> Result<Picture> {
        let began = Instant::now();
        let grid = self.0.grid(&[image])?;
        Ok(picture(&grid.image.into(), None, began))
    }
}

fn picture(image: &DynamicImage, mask: Option<&DynamicImage>, began: Instant) -> Picture {
    let took = began.elapsed();
    Picture { png: png(image), mask: mask.map(png), took }
}

fn png(image: &DynamicImage) -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).expect("a PNG of 8 bits a channel fits in memory");
    png.into_inner()
}
