//! What labelled images are to everything that uses them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use image::{DynamicImage, GenericImageView};

use crate::data::crop::Crop;
use crate::data::image::no_pixels;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::error::Result;
use crate::labels::space::LabelSpace;

/// Images with one label each, in files or in memory. Several loader threads read them at once.
pub trait Dataset: Debug + Send + Sync {
    /// What the labels mean.
    fn labels(&self) -> &LabelSpace;

    /// The number of images.
    fn len(&self) -> usize;

    /// The label of image `index`: [`LabelSpace::width`] values, each 0 or 1.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    fn label(&self, index: usize) -> &[f32];

    /// What tells image `index` from the others, such as the name of its file: pairs and messages
    /// name it so. What comes before its last `/`, if any, says where it is, such as its class
    /// folder.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    fn name(&self, index: usize) -> Cow<'_, str>;

    /// Reads image `index`, at its own size and with any channels: models that see others take what
    /// [`Channels::convert`](crate::Channels::convert) makes of it.
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    fn load(&self, index: usize) -> Result<DynamicImage>;

    /// The part of an image that is used: the largest one in its centre, unless overridden.
    fn crop(&self) -> Crop {
        Crop::Square
    }

    /// The position of the image named `name`. By default every name is looked at.
    fn find(&self, name: &str) -> Option<usize> {
        (0..self.len()).find(|&index| self.name(index) == name)
    }

    /// The part of image `index` that a model of images of `size` uses, at its own size.
    ///
    /// # Errors
    /// As [`load`](Self::load), and when the image has no pixels.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    fn load_cropped(&self, index: usize, size: ImageSize) -> Result<DynamicImage> {
        Ok(Transform::new(self.crop(), size).cut(&load(self, index)?))
    }

    /// What stands beside the images and is not used, such as `.heic`, `.jpg not in the list` or
    /// `folder`, and how often. Nothing by default.
    fn left_out(&self) -> BTreeMap<String, usize> {
        BTreeMap::new()
    }

    /// Whether there are no images.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Image `index` of `data`, which has pixels.
pub(crate) fn load(data: &(impl Dataset + ?Sized), index: usize) -> Result<DynamicImage> {
    let image = data.load(index)?;
    match image.dimensions() {
        (width, height) if width.min(height) == 0 => {
            Err(no_pixels(&*data.name(index), width, height))
        }
        _ => Ok(image),
    }
}

/// The last part of an image's name, without where it is.
pub(crate) fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
