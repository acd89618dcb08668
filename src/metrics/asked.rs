//! The translations that are asked of an image when a model is measured.

use crate::data::dataset::Dataset;

/// The labels that a translation is from and to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relabelling<'a> {
    /// The image's own label.
    pub source: &'a [f32],
    /// The label asked for.
    pub target: &'a [f32],
}

/// A translation that is asked for.
pub(super) struct Asked {
    /// Which image of the data.
    pub image: usize,
    /// The label entry that it is about.
    pub name: usize,
    /// The whole label.
    pub label: Vec<f32>,
}

/// Every target of an image but its own label: what a sample grid shows of it
/// ([`LabelSpace::targets`](crate::labels::space::LabelSpace::targets)).
pub(super) fn asked_of(data: &dyn Dataset, image: usize) -> impl Iterator<Item = Asked> {
    let own = data.label(image).to_vec();
    let labels = data.labels().targets(&own).into_iter().map(|target| target.label);
    let asked = labels.enumerate().filter(move |(_, label)| *label != own);
    asked.map(move |(name, label)| Asked { image, name, label })
}
