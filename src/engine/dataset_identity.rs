//! What tells the dataset that a run was trained on from another one.

use serde::{Deserialize, Serialize};

use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use crate::data::datasets::Datasets;
use crate::engine::difference::{Difference, differences};
use crate::error::{Error, Result};
use crate::labels::space::LabelKind;

/// What tells one dataset from another, wherever its images are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatasetIdentity {
    pub name: String,
    pub images: usize,
    pub crop: Crop,
    /// The CRC-32 of every image's name, without its class's folder, and label, in order.
    /// Checkpoints of earlier versions have none.
    #[serde(default)]
    pub checksum: Option<u32>,
}

impl DatasetIdentity {
    /// Those of `data`, as a recipe names them.
    pub fn all(names: Vec<String>, data: &Datasets) -> Vec<Self> {
        names.into_iter().zip(data.iter()).map(|(name, data)| Self::new(name, data)).collect()
    }

    /// That of `data`, by this name.
    pub fn new(name: String, data: &dyn Dataset) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        for image in 0..data.len() {
            // Ended by what no name holds, so that what one loses the next can't gain.
            hasher.update(below_class(data.labels().kind(), &data.name(image)).as_bytes());
            hasher.update(b"\0");
            data.label(image).iter().for_each(|value| hasher.update(&value.to_le_bytes()));
        }
        let checksum = Some(hasher.finalize());
        Self { name, images: data.len(), crop: data.crop(), checksum }
    }

    /// Checks that `found` are the datasets `expected`.
    ///
    /// # Errors
    /// The first difference, in words.
    pub fn check_same(expected: &[Self], found: &[Self]) -> std::result::Result<(), String> {
        if expected.len() != found.len() {
            return Err(format!("expected {} datasets, found {}", expected.len(), found.len()));
        }
        for (expected, found) in expected.iter().zip(found) {
            let name = &expected.name;
            let sums = expected.checksum.zip(found.checksum);
            if name != &found.name {
                return Err(format!("expected the dataset {name:?}, found {:?}", found.name));
            }
            if expected.images != found.images {
                return Err(format!(
                    "the dataset {name:?} had {} images, it has {} now",
                    expected.images, found.images
                ));
            }
            if expected.crop != found.crop {
                return Err(format!(
                    "the images of the dataset {name:?} were cropped to {}, now to {}",
                    expected.crop, found.crop
                ));
            }
            if sums.is_some_and(|(expected, found)| expected != found) {
                return Err(format!(
                    "the dataset {name:?} has as many images as before, but under other names, \
                     with other labels or in another order"
                ));
            }
        }
        Ok(())
    }

    /// Checks that a run that was trained on `expected` can go on with `found`.
    ///
    /// # Errors
    /// [`Error::Config`] with the first difference, in words.
    pub fn check_unchanged(expected: &[Self], found: &[Self]) -> Result<()> {
        Self::check_same(expected, found).map_err(|difference| {
            Error::Config(format!(
                "these are not the data that the run was trained on: {difference}; resume it with \
                 the data it began with, or begin a new run"
            ))
        })
    }

    /// What a run that was trained on `before` has to take note of when it goes on with `found`,
    /// which are as many.
    ///
    /// # Errors
    /// [`Error::Config`] when a crop differs, which the model keeps.
    pub fn changes(before: &[Self], found: &[Self]) -> Result<Vec<Difference>> {
        let mut changes = Vec::new();
        for (before, found) in before.iter().zip(found) {
            if before.crop != found.crop {
                return Err(Error::Config(format!(
                    "the images of the dataset {:?} were cropped to {}, now to {}, which can't \
                     change during a run",
                    before.name, before.crop, found.crop
                )));
            }
            let named = |difference: Difference| {
                let setting = format!("datasets.{}.{}", before.name, difference.setting);
                Difference { setting, ..difference }
            };
            changes.extend(differences(before, found).into_iter().map(named));
        }
        Ok(changes)
    }
}

/// An image's name without the folder of its class, which the label says.
fn below_class(kind: LabelKind, name: &str) -> &str {
    match (kind, name.split_once('/')) {
        (LabelKind::Classes, Some((_, rest))) => rest,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use image::RgbImage;

    use super::*;
    use crate::data::folder::Folder;

    fn identity(folder: &Path) -> Vec<DatasetIdentity> {
        let data = Folder::open(folder).unwrap();
        DatasetIdentity::all(vec!["data".to_owned()], &Datasets::from(&data))
    }

    #[test]
    fn folders_within_a_class_count_and_where_all_of_it_is_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, first: &str| {
            let root = folder.path().join(name);
            for image in [&format!("happy/{first}/1.png"), "happy/bob/1.png", "sad/1.png"] {
                let path = root.join(image);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                RgbImage::new(2, 2).save(path).unwrap();
            }
            identity(&root)
        };
        let before = make("before", "ann");
        DatasetIdentity::check_same(&before, &make("moved", "ann")).unwrap();
        // The order of two images of one file name is another now.
        let error = DatasetIdentity::check_same(&before, &make("renamed", "zoe")).unwrap_err();
        assert!(error.contains("under other names"), "{error}");
    }
}
