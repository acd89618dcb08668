//! A model as the page uses it.

use std::io::Cursor;
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat};
use serde::Serialize;
use stargan::{ImageSize, LabelKind, LabelSpaces};

use super::answer::Refusal;
use super::query::Query;

/// A trained model, for one image at a time.
pub trait PageModel: Send + 'static {
    /// What can be made of an image.
    type Wish;

    fn description(&self) -> Description;

    /// An image as the page shows it and sends it back, and its own labels. Of what this returns it
    /// is the same again.
    ///
    /// # Errors
    /// As the model's.
    fn prepare(&self, photo: DynamicImage) -> Result<(Picture, OwnLabels), Refusal>;

    /// What a request asks for; `reference` is the file of a second image.
    ///
    /// # Errors
    /// 400 when it makes no sense with this model; 400 and 413 for what is wrong with the
    /// reference.
    fn wish(&self, query: &Query, reference: Option<&[u8]>) -> Result<Self::Wish, Refusal>;

    /// An image, as large as the page shows it, with the wish granted, and the mask of a model that
    /// has one.
    ///
    /// # Errors
    /// 400 when the wish can't be granted.
    fn translate(&self, photo: DynamicImage, wish: &Self::Wish) -> Result<Picture, Refusal>;

    /// As [`translate`](Self::translate), as large as the model makes it and without the mask.
    ///
    /// # Errors
    /// As [`translate`](Self::translate).
    fn whole(&self, photo: DynamicImage, wish: &Self::Wish) -> Result<Picture, Refusal>;

    /// The image and everything that can be made of it, or much of that, side by side.
    ///
    /// # Errors
    /// 400 when the model can't, or the query makes no sense.
    fn every(&self, photo: DynamicImage, query: &Query) -> Result<Picture, Refusal>;
}

/// An image's own label in every dataset, where the model can tell.
pub type OwnLabels = Option<Vec<Vec<f32>>>;

/// An image as PNG, and how long the networks took.
pub struct Picture {
    pub png: Vec<u8>,
    /// Where the model has painted, as a PNG of the same size.
    pub mask: Option<Vec<u8>>,
    pub took: Duration,
}

impl Picture {
    /// Of a model whose networks began then and have just ended.
    pub fn new(image: &DynamicImage, mask: Option<&DynamicImage>, began: Instant) -> Self {
        let took = began.elapsed();
        Self { png: png(image), mask: mask.map(png), took }
    }
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
    pub width: usize,
    pub height: usize,
    pub datasets: Vec<Dataset>,
    /// Whether it can tell an image's own labels.
    pub reads_labels: bool,
    /// Whether it says where it paints.
    pub has_mask: bool,
    /// The styles that it has of its one dataset's labels.
    pub styles: Option<Styles>,
}

/// The styles from noise of a model.
#[derive(Serialize)]
pub struct Styles {
    /// The number of the last one, from 0.
    pub last: u32,
    /// How many of a domain are shown beside each other.
    pub shown: u32,
}

impl Description {
    /// Of a model that can only translate.
    pub fn new(spaces: &LabelSpaces, size: ImageSize) -> Self {
        let names = (0..spaces.len()).map(|dataset| spaces.name(dataset));
        let datasets = names.zip(spaces.iter()).map(|(name, space)| Dataset {
            name: name.to_owned(),
            kind: space.kind(),
            names: space.names().to_vec(),
            exclusive: space.exclusive_groups().to_vec(),
        });
        Self {
            width: size.width,
            height: size.height,
            datasets: datasets.collect(),
            reads_labels: false,
            has_mask: false,
            styles: None,
        }
    }
}

fn png(image: &DynamicImage) -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).expect("a PNG of 8 bits a channel fits in memory");
    png.into_inner()
}
