//! Where the images and the lists of a dataset in CelebA's format are.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::attributes::attribute_names;
use crate::data::whole::read_text;
use crate::error::{Error, Result};

const IMAGE_FOLDERS: [&str; 3] = ["images", "img_align_celeba", "Img/img_align_celeba"];
const ATTRIBUTE_FILES: [&str; 8] = [
    "list_attr_celeba.txt",
    "list_attr_celeba.csv",
    "list_attr.txt",
    "list_attr.csv",
    "Anno/list_attr_celeba.txt",
    "Anno/list_attr_celeba.csv",
    "Anno/list_attr.txt",
    "Anno/list_attr.csv",
];
/// Beside the attribute list.
const PARTITION_FILES: [&str; 6] = [
    "list_eval_partition.txt",
    "list_eval_partition.csv",
    "Eval/list_eval_partition.txt",
    "Eval/list_eval_partition.csv",
    "../Eval/list_eval_partition.txt",
    "../Eval/list_eval_partition.csv",
];

/// What happens when a listed image is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MissingPolicy {
    /// It is an error that names the first.
    #[default]
    Stop,
    /// The images that are not there are left out and counted; an error only when none is there.
    Skip,
}

impl MissingPolicy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Stop, Self::Skip];
}

/// Where the images and the lists of a dataset in CelebA's format are, and what happens when an
/// image is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CelebAFiles {
    /// The folder of images. One that holds a folder of its own name, as archives are unpacked,
    /// stands for the inner one.
    pub images: PathBuf,
    /// The list of attributes, as text or CSV.
    pub attributes: PathBuf,
    /// What happens when a listed image is not there: an error.
    pub missing: MissingPolicy,
}

impl CelebAFiles {
    /// The images in `images` that the list `attributes` has.
    pub fn new(images: impl Into<PathBuf>, attributes: impl Into<PathBuf>) -> Self {
        let (images, attributes) = (images.into(), attributes.into());
        Self { images, attributes, missing: MissingPolicy::default() }
    }

    /// The files in `folder`, which holds `images`, `img_align_celeba` or `Img/img_align_celeba`,
    /// and `list_attr_celeba.txt`, `list_attr_celeba.csv`, `list_attr.txt` or `list_attr.csv`
    /// (or one of them in `Anno`).
    ///
    /// # Errors
    /// When either is missing.
    pub fn find(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let images = locate(folder, &IMAGE_FOLDERS, Path::is_dir, "a folder of images")?;
        let attributes = locate(folder, &ATTRIBUTE_FILES, Path::is_file, "an attribute list")?;
        Ok(Self::new(images, attributes))
    }

    /// Sets what happens when a listed image is not there.
    pub fn with_missing(mut self, policy: MissingPolicy) -> Self {
        self.missing = policy;
        self
    }

    /// The names of all attributes of the list, in its order.
    ///
    /// # Errors
    /// When the list can't be read, or begins as no attribute list does.
    pub fn attribute_names(&self) -> Result<Vec<String>> {
        let text = read_text(&self.attributes)?;
        let names = attribute_names(&self.attributes, &text)?;
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// The official split's file: `list_eval_partition.txt` or `list_eval_partition.csv`, beside
    /// the list or in `Eval` there or one folder above.
    ///
    /// # Errors
    /// When there is none.
    pub fn partition(&self) -> Result<PathBuf> {
        let folder = self.attributes.parent().unwrap_or(Path::new(""));
        locate(folder, &PARTITION_FILES, Path::is_file, "a file of the official split")
    }

    /// The folder that the images are in.
    pub(super) fn image_folder(&self) -> PathBuf {
        let inner = self.images.file_name().map(|name| self.images.join(name));
        inner.filter(|inner| inner.is_dir()).unwrap_or_else(|| self.images.clone())
    }
}

fn locate(
    folder: &Path,
    candidates: &[&str],
    exists: fn(&Path) -> bool,
    what: &str,
) -> Result<PathBuf> {
    let found = candidates.iter().map(|name| folder.join(name)).find(|path| exists(path));
    found.ok_or_else(|| {
        let expected = candidates.join(", ");
        Error::data(folder, None, format!("expected {what}, found none of {expected}"))
    })
}
