//! What every trained model can do, whatever method trained it.

use std::fmt::Debug;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::labels::spaces::LabelSpaces;

/// The labels that a translation is from and to, both of the width of one dataset's label space.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Relabelling<'a> {
    /// The image's own label.
    pub source: &'a [f32],
    /// The label asked for.
    pub target: &'a [f32],
    /// The number of the style that it is asked for in: 0, or any other of a model that has
    /// [several](Translate::styles); others take no notice of it.
    pub style: u64,
}

impl<'a> Relabelling<'a> {
    /// From `source` to `target`, in style number 0.
    pub fn new(source: &'a [f32], target: &'a [f32]) -> Self {
        Self { source, target, style: 0 }
    }

    /// Sets the number of the style.
    pub fn with_style(mut self, style: u64) -> Self {
        self.style = style;
        self
    }
}

/// A label of one dataset: an image's own, or one to translate to.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainLabel {
    /// The dataset, from 0.
    pub dataset: usize,
    /// The label, as wide as the dataset's label space.
    pub label: Vec<f32>,
}

/// A trained model that translates images from one label to another. Grids, metrics and observers
/// take anything that is `Translate`: a [`Translator`](crate::Translator), the two directions of a
/// CycleGAN, a model of your own.
pub trait Translate<B: Backend>: Debug + Send + Sync {
    /// The label spaces that the model knows.
    fn spaces(&self) -> &LabelSpaces;

    /// What is done to an image before the model sees it.
    fn transform(&self) -> Transform;

    /// Where the model computes.
    fn device(&self) -> &B::Device;

    /// How many styles of every label grids show and metrics measure: 1 of models that have no
    /// others. Grids show those of the numbers from 0 on, the same of every image; metrics ask for
    /// others for each, those of the image number `i` from `i` times so many on.
    fn styles(&self) -> u64 {
        1
    }

    /// Translates `images` `[N, C, H, W]` in `[-1, 1]`, whose labels are of `dataset`, each from
    /// its source to its target label; the result has the same shape and range.
    ///
    /// # Panics
    /// When there is no such dataset, there are not as many labels as images, or a label has
    /// another width than the dataset's.
    fn relabel(
        &self,
        images: Tensor<B, 4>,
        dataset: usize,
        labels: &[Relabelling<'_>],
    ) -> Tensor<B, 4>;

    /// The images' own labels in `dataset` as the model reads them, 0 or 1 per entry.
    ///
    /// # Errors
    /// [`Error::Label`] when the model can't read labels, which is the default.
    ///
    /// # Panics
    /// When there is no such dataset.
    fn read_labels(&self, images: Tensor<B, 4>, dataset: usize) -> Result<Vec<Vec<f32>>> {
        let _ = (images, dataset);
        Err(Error::Label(
            "this model can't read the images' own labels: give the source labels".to_owned(),
        ))
    }
}
