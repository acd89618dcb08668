//! Image files with a label each: what every dataset on disk comes down to.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs,
    path::{Path, PathBuf},
};

use crate::data::summary::ending;
use crate::error::{Error, Result};
use crate::labels::space::LabelSpace;

/// The images of a dataset, in order, and their labels.
pub(super) struct Listing {
    /// The file or folder that the listing was read from; errors name it.
    pub(super) source: PathBuf,
    pub(super) labels: LabelSpace,
    paths: Vec<PathBuf>,
    names: Vec<String>,
    values: Vec<f32>,
    index: HashMap<String, usize>,
    /// What stands beside the images and is not used, and how often.
    pub(super) left_out: BTreeMap<String, usize>,
}

impl Listing {
    pub(super) fn new(source: &Path, labels: LabelSpace) -> Self {
        Self {
            source: source.to_owned(),
            labels,
            paths: Vec::new(),
            names: Vec::new(),
            values: Vec::new(),
            index: HashMap::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// Adds an image; false when its name is taken.
    pub(super) fn push(&mut self, name: String, path: PathBuf, label: &[f32]) -> bool {
        debug_assert_eq!(label.len(), self.labels.width());
        if self.index.contains_key(&name) {
            return false;
        }
        self.index.insert(name.clone(), self.names.len());
        self.names.push(name);
        self.paths.push(path);
        self.values.extend_from_slice(label);
        true
    }

    /// The images at `indices`, in that order.
    pub(super) fn subset(&self, indices: &[usize]) -> Self {
        let mut subset = Self::new(&self.source, self.labels.clone());
        for &index in indices {
            let (name, path) = (self.names[index].clone(), self.paths[index].clone());
            subset.push(name, path, self.label(index));
        }
        subset.left_out = self.left_out.clone();
        subset
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn path(&self, index: usize) -> &Path {
        &self.paths[index]
    }

    pub(super) fn label(&self, index: usize) -> &[f32] {
        let width = self.labels.width();
        &self.values[index * width..(index + 1) * width]
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }
}

impl fmt::Debug for Listing {
    // The lists run to hundreds of thousands of entries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("source", &self.source)
            .field("labels", &self.labels)
            .field("images", &self.len())
            .finish()
    }
}

/// What a file is counted as that is left out: `.heic`, `hidden`, or `without ending`.
pub(super) fn kind(name: &str) -> String {
    match ending(name) {
        _ if name.starts_with('.') => "hidden".to_owned(),
        Some(ending) => ending,
        None => "without ending".to_owned(),
    }
}

/// The entries of a folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    fs::read_dir(folder).and_then(Iterator::collect).map_err(|source| Error::io(folder, source))
}
