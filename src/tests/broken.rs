//! A dataset some of whose images can't be read.

use std::borrow::Cow;

use image::DynamicImage;

use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::space::LabelSpace;

/// `data`, but that the images `broken` can't be read.
#[derive(Clone, Debug)]
pub(crate) struct Broken<D> {
    pub data: D,
    pub broken: Vec<usize>,
}

impl<D: Dataset> Dataset for Broken<D> {
    fn labels(&self) -> &LabelSpace {
        self.data.labels()
    }

    fn len(&self) -> usize {
        self.data.len()
    }

    fn label(&self, index: usize) -> &[f32] {
        self.data.label(index)
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.data.name(index)
    }

    fn load(&self, index: usize) -> Result<DynamicImage> {
        match self.broken.contains(&index) {
            true => Err(Error::data(&*self.name(index), None, "broken")),
            false => self.data.load(index),
        }
    }

    fn crop(&self) -> Crop {
        self.data.crop()
    }
}
