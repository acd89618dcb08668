//! The translations that are asked of an image when a model is measured.

use crate::data::dataset::Dataset;
use crate::translate::relabel::Relabelling;

/// A translation that is asked for.
pub(super) struct Asked {
    /// Which image of the data.
    pub image: usize,
    /// The label entry that it is about.
    pub name: usize,
    /// The whole label.
    pub label: Vec<f32>,
}

impl Asked {
    /// From the image's own label to the one asked for, in a style of that number.
    pub fn there<'a>(&'a self, data: &'a dyn Dataset, style: u64) -> Relabelling<'a> {
        Relabelling::new(data.label(self.image), &self.label).with_style(style)
    }

    /// From the label asked for to the image's own, in a style of that number.
    pub fn back<'a>(&'a self, data: &'a dyn Dataset, style: u64) -> Relabelling<'a> {
        Relabelling::new(&self.label, data.label(self.image)).with_style(style)
    }
}

/// Every target of an image but its own label: what a sample grid shows of it
/// ([`LabelSpace::targets`](crate::LabelSpace::targets)).
pub(super) fn asked_of(data: &dyn Dataset, image: usize) -> impl Iterator<Item = Asked> {
    let own = data.label(image).to_vec();
    let labels = data.labels().targets(&own).into_iter().map(|target| target.label);
    let asked = labels.enumerate().filter(move |(_, label)| *label != own);
    asked.map(move |(name, label)| Asked { image, name, label })
}

/// The number of the style `at`, from 0, of the image number `image`, of a model that shows
/// `styles` of each: every image has styles of its own, so that a measure is of very many.
pub(super) fn style_of(image: usize, styles: u64, at: u64) -> u64 {
    (image as u64).wrapping_mul(styles).wrapping_add(at)
}
