//! The datasets of one training.

use std::ops::Index;
use std::sync::Arc;

use crate::data::dataset::Dataset;

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
#[derive(Clone, Debug, Default)]
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
