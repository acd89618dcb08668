//! What a dataset is made of: how many images, of which labels, and what was left out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::dataset::Dataset;
use crate::error::shown::Shown;

/// How many images a dataset has, and what stands beside them unused.
///
/// ```
/// use stargan::{Folder, data::Summary};
///
/// # fn main() -> stargan::Result<()> {
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");
/// let summary = Summary::new(&Folder::open(format!("{root}/expressions/test"))?);
/// assert_eq!(
///     summary.to_string(),
///     "250 images (250 .png): angry 50, happy 50, neutral 50, sad 50, surprised 50"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// The number of images.
    pub images: usize,
    /// How many of them have a name of this ending, such as `.png`.
    pub endings: BTreeMap<String, usize>,
    /// How many of them have each label, in label order.
    pub labels: Vec<(String, usize)>,
    /// What stands beside them and is not used ([`Dataset::left_out`]).
    pub left_out: BTreeMap<String, usize>,
}

impl Summary {
    /// Counts the images of `data`; none is read.
    pub fn new(data: &dyn Dataset) -> Self {
        let mut endings = BTreeMap::new();
        let mut counts = vec![0; data.labels().width()];
        for index in 0..data.len() {
            if let Some(ending) = ending(&data.name(index)) {
                *endings.entry(ending).or_default() += 1;
            }
            for (count, value) in counts.iter_mut().zip(data.label(index)) {
                *count += usize::from(*value == 1.0);
            }
        }
        let labels = data.labels().names().iter().cloned().zip(counts).collect();
        Self { images: data.len(), endings, labels, left_out: data.left_out() }
    }
}

/// `68 images (60 .jpg, 8 .tif): happy 30, sad 38; left out: 2 .heic, 1 folder`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{} images", self.images);
        if !self.endings.is_empty() {
            text += &format!(" ({})", list(&self.endings));
        }
        let labels = self.labels.iter().map(|(name, count)| format!("{name} {count}"));
        text += &format!(": {}", labels.collect::<Vec<_>>().join(", "));
        if !self.left_out.is_empty() {
            text += &format!("; left out: {}", list(&self.left_out));
        }
        // Endings are somebody's file names.
        Shown(text).fmt(f)
    }
}

/// `60 .jpg, 8 .tif`.
pub(crate) fn list(counts: &BTreeMap<String, usize>) -> String {
    let counts = counts.iter().map(|(what, count)| format!("{count} {what}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// The ending of a file's name in lower case, such as `.jpg`.
pub(super) fn ending(name: &str) -> Option<String> {
    let ending = Path::new(name).extension().filter(|ending| !ending.is_empty())?;
    Some(format!(".{}", ending.to_string_lossy().to_lowercase()))
}
