//! The model as the page uses it.

use std::io::Cursor;
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, RgbImage};
use serde::Serialize;
use stargan::burn::tensor::backend::Backend;
use stargan::{Crop, ImageSize, LabelKind, Result, Transform, Translator};

/// A translator, for one image at a time.
pub struct Model<B: Backend>(Translator<B>);

/// An image as PNG, and how long the networks took.
pub struct Picture {
    pub png: Vec<u8>,
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
            datasets: datasets.collect(),
        }
    }

    /// The part of an image of any size that the model translates, scaled down to what its crop
    /// takes. Of what this returns it is the same again.
    pub fn part(&self, image: &RgbImage) -> DynamicImage {
        let transform = self.0.config().transform;
        let ImageSize { width, height } = transform.size;
        let shorter = width.min(height);
        let side = match transform.crop {
            Crop::Centre(side) | Crop::At { side, .. } => side as usize,
            Crop::Square => shorter,
        };
        let part = self.0.transform_of(image.width(), image.height());
        let region = part.region(image.width(), image.height());
        let side = side.min(region.width.min(region.height) as usize);
        // The model's shape, at least a pixel of it.
        let scaled = |length: usize| ((length * side + shorter / 2) / shorter).max(1);
        let size = ImageSize::new(scaled(width), scaled(height));
        DynamicImage::from(Transform { size, ..part }.resize(&part.cut(image)))
    }

    /// A [`part`](Self::part) of an image, and its own label in every dataset where the model can
    /// tell.
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
        Ok((picture(&image.to_rgb8(), began), labels))
    }

    /// The image, of any size, changed as `edit` says (see [`stargan::Edit`]), at its own size.
    pub fn translate(&self, image: &DynamicImage, edit: &str) -> Result<Picture> {
        let began = Instant::now();
        let translated = self.0.translate(image, edit)?;
        Ok(picture(&translated, began))
    }

    /// The image and its translations to every label of the model, in order, side by side.
    pub fn every(&self, image: DynamicImage) -> Result<Picture> {
        let began = Instant::now();
        let grid = self.0.grid(&[image])?;
        Ok(picture(&grid.image, began))
    }
}

fn picture(image: &RgbImage, began: Instant) -> Picture {
    let took = began.elapsed();
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).expect("a PNG of 8-bit RGB fits in memory");
    Picture { png: png.into_inner(), took }
}
