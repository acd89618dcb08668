//! Pictures of images beside their translations.

use burn::tensor::backend::Backend;
use image::{RgbImage, imageops};

use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::translate::images::{CHUNK, download, upload};
use crate::translate::relabel::{DomainLabel, Relabelling, Translate};

/// A picture of images and their translations.
#[derive(Clone, Debug)]
pub struct Grid {
    /// A row per image: the image, then its translation to every target.
    pub image: RgbImage,
    /// What the columns show: `input`, then the targets' names.
    pub columns: Vec<String>,
    /// Height and width of one image, in pixels.
    pub cell: [u32; 2],
}

/// An image to show in a grid.
#[derive(Clone, Debug)]
pub struct GridImage {
    /// The part of the image that is used, at its own size: cropped already
    /// ([`Dataset::load_cropped`](crate::Dataset::load_cropped)).
    pub image: RgbImage,
    /// Its own label, where it is known.
    pub label: Option<DomainLabel>,
}

impl GridImage {
    /// The first `count` images of `data`, image `i` with the label `label(i)`.
    ///
    /// # Errors
    /// When an image can't be read.
    pub fn first(
        data: &dyn Dataset,
        count: usize,
        label: impl Fn(usize) -> DomainLabel,
    ) -> Result<Vec<Self>> {
        let load = |index| Ok(Self { image: data.load_cropped(index)?, label: Some(label(index)) });
        (0..count.min(data.len())).map(load).collect()
    }
}

impl Grid {
    /// Rows of equally large images as one picture; `columns` says what they show.
    ///
    /// # Panics
    /// When there is no image.
    pub fn new(rows: &[Vec<RgbImage>], columns: Vec<String>) -> Self {
        let (width, height) = rows[0][0].dimensions();
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
        let mut image = RgbImage::new(width * longest, height * rows.len() as u32);
        for (y, row) in (0..).zip(rows) {
            for (x, cell) in (0..).zip(row) {
                let (x, y) = (x * i64::from(width), y * i64::from(height));
                imageops::replace(&mut image, cell, x, y);
            }
        }
        Self { image, columns, cell: [height, width] }
    }

    /// Each of `images` followed by its translation to every target of every dataset
    /// ([`LabelSpace::targets`](crate::LabelSpace::targets)).
    ///
    /// # Errors
    /// [`Error::Label`] when there are no images, a label does not fit, or one is not known and the
    /// model can't read it.
    pub fn of_targets<B: Backend>(
        model: &(impl Translate<B> + ?Sized),
        images: &[GridImage],
    ) -> Result<Self> {
        if images.is_empty() {
            return Err(no_images());
        }
        let (spaces, transform) = (model.spaces(), model.transform());
        let mut columns = Vec::new();
        let mut rows = Vec::new();
        for GridImage { image, label } in images {
            let prepared = transform.resize(image);
            columns = vec!["input".to_owned()];
            let mut row = vec![prepared.clone()];
            for dataset in 0..spaces.len() {
                let known = label.as_ref().filter(|known| known.dataset == dataset);
                let source = match known {
                    Some(known) => {
                        spaces.space(dataset).check_label(&known.label)?;
                        known.label.clone()
                    }
                    None => {
                        let image = upload(std::slice::from_ref(&prepared), model.device());
                        model.read_labels(image, dataset)?.remove(0)
                    }
                };
                let targets = spaces.targets(dataset, &source);
                for targets in targets.chunks(CHUNK) {
                    let label = |target| Relabelling { source: &source, target };
                    let labels: Vec<_> = targets.iter().map(|t| label(&t.label[..])).collect();
                    let inputs = vec![prepared.clone(); targets.len()];
                    let inputs = upload(&inputs, model.device());
                    row.extend(download(model.relabel(inputs, dataset, &labels)));
                }
                columns.extend(targets.into_iter().map(|target| target.name));
            }
            rows.push(row);
        }
        Ok(Self::new(&rows, columns))
    }
}

pub(crate) fn no_images() -> Error {
    Error::Label("a grid needs at least one image".to_owned())
}
