//! Labelled images: the datasets, what is done to an image before a network sees it, and the loader
//! that turns them into batches.
//!
//! The formats are described in `docs/data-formats.md`. One dataset is [`Datasets`] of length one:
//! nothing here or in training asks how many there are.

mod attributes;
mod celeba;
mod folder;
mod image;
mod listing;
mod loader;
mod python_random;
mod sampler;
mod splits;
mod subset;
mod transform;

use std::{ops::Index, path::Path, sync::Arc};

use ::image::RgbImage;

pub(crate) use self::attributes::read_text;
pub use self::{
    celeba::CelebA,
    folder::{Folder, image_files},
    image::{MAX_IMAGE_SIDE, decode_image, load_image},
    loader::{Batch, Loader, LoaderConfig, Share, UnreadablePolicy},
    subset::Subset,
    transform::{Crop, Transform, to_network, to_rgb_image},
};
use crate::{error::Result, labels::LabelSpace};

/// Images with one label each. Read by several loader threads at once.
pub trait Dataset: Send + Sync {
    /// What the labels mean.
    fn labels(&self) -> &LabelSpace;

    /// The number of images.
    fn len(&self) -> usize;

    /// The label of image `index`: [`LabelSpace::width`] values, each 0 or 1.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    fn label(&self, index: usize) -> &[f32];

    /// The file of image `index`.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    fn path(&self, index: usize) -> &Path;

    /// The position of the image of that name. By default a name is a file name, and every path is
    /// looked at.
    fn find(&self, name: &str) -> Option<usize> {
        let is_named = |index: &usize| {
            self.path(*index).file_name().is_some_and(|file| file == std::ffi::OsStr::new(name))
        };
        (0..self.len()).find(is_named)
    }

    /// The part of an image that is used.
    fn crop(&self) -> Crop;

    /// Reads image `index`, at its own size.
    ///
    /// # Errors
    /// When the file cannot be read or decoded.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    fn load(&self, index: usize) -> Result<RgbImage> {
        load_image(self.path(index))
    }

    /// The part of image `index` that is used, at its own size.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Panics
    /// As [`load`](Self::load).
    fn load_cropped(&self, index: usize) -> Result<RgbImage> {
        Ok(self.crop().apply(&self.load(index)?))
    }

    /// Whether there are no images.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The datasets of one training, in the order of the unified label (paper, section 3.2).
///
/// ```
/// # use stargan::{CelebA, Datasets, Folder, LabelSpace};
/// # fn main() -> stargan::Result<()> {
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");
/// let faces = CelebA::open(format!("{root}/faces/train"), &LabelSpace::attributes(["Male"]))?;
/// let expressions = Folder::open(format!("{root}/expressions/train"))?;
/// let joint = Datasets::from(&faces).with(&expressions);
/// assert_eq!(joint.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Datasets(Vec<Arc<dyn Dataset>>);

impl Datasets {
    /// Adds a dataset at the end.
    pub fn with<D: Dataset + Clone + 'static>(mut self, dataset: &D) -> Self {
        self.0.push(Arc::new(dataset.clone()));
        self
    }

    /// The number of datasets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The datasets, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &dyn Dataset> {
        self.0.iter().map(|dataset| &**dataset)
    }
}

impl Index<usize> for Datasets {
    type Output = dyn Dataset;

    /// # Panics
    /// When `index` is not below [`len`](Datasets::len).
    fn index(&self, index: usize) -> &Self::Output {
        &*self.0[index]
    }
}

impl<D: Dataset + Clone + 'static> From<&D> for Datasets {
    fn from(dataset: &D) -> Self {
        Self::default().with(dataset)
    }
}

impl From<&Datasets> for Datasets {
    fn from(datasets: &Datasets) -> Self {
        datasets.clone()
    }
}

impl From<Vec<Arc<dyn Dataset>>> for Datasets {
    fn from(datasets: Vec<Arc<dyn Dataset>>) -> Self {
        Self(datasets)
    }
}
