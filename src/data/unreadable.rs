//! What becomes of images that can't be read.

use std::collections::{BTreeMap, HashSet};

use image::DynamicImage;
use serde::{Deserialize, Serialize};

use crate::data::dataset::Dataset;
use crate::data::size::ImageSize;
use crate::error::{Error, Result};

/// What happens when an image can't be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UnreadablePolicy {
    /// It is an error that names the image.
    #[default]
    Fail,
    /// The image is left out and counted. In training the next image of the dataset that can be
    /// read takes its place, with its own label. An error only when a hundred in a row, or all,
    /// can't be read: then it is not the images.
    Skip,
}

impl UnreadablePolicy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Fail, Self::Skip];
}

/// After this many failures in a row, assume that the disk is gone.
pub(crate) const UNREADABLE_IN_A_ROW: usize = 100;

/// Reads images of one dataset as a policy says, and notes those that it leaves out.
#[derive(Debug)]
pub struct Readable<'a> {
    data: &'a dyn Dataset,
    policy: UnreadablePolicy,
    /// Which they are: names may repeat.
    failed: HashSet<usize>,
    unreadable: BTreeMap<String, String>,
    in_a_row: usize,
    any: bool,
}

impl<'a> Readable<'a> {
    /// Nothing is read yet.
    pub fn new(data: &'a dyn Dataset, policy: UnreadablePolicy) -> Self {
        Self {
            data,
            policy,
            failed: HashSet::new(),
            unreadable: BTreeMap::new(),
            in_a_row: 0,
            any: false,
        }
    }

    /// The dataset.
    pub fn data(&self) -> &'a dyn Dataset {
        self.data
    }

    /// The part of image `index` that a model of images of `size` uses
    /// ([`Dataset::load_cropped`]); none where it can't be read and is left out.
    ///
    /// # Errors
    /// When it can't be read and the policy is to fail, or a hundred in a row can't be read.
    ///
    /// # Panics
    /// When there is no image `index`.
    pub fn load_cropped(&mut self, index: usize, size: ImageSize) -> Result<Option<DynamicImage>> {
        if self.failed.contains(&index) {
            return Ok(None);
        }
        let error = match (self.data.load_cropped(index, size), self.policy) {
            (Ok(image), _) => {
                (self.in_a_row, self.any) = (0, true);
                return Ok(Some(image));
            }
            (Err(error), UnreadablePolicy::Fail) => return Err(error),
            (Err(error), UnreadablePolicy::Skip) => error.to_string(),
        };
        self.failed.insert(index);
        self.in_a_row += 1;
        let name = self.data.name(index);
        if self.in_a_row >= UNREADABLE_IN_A_ROW {
            let before = self.in_a_row - 1;
            let message = format!("neither it nor the {before} images before can be read: {error}");
            return Err(Error::data(&*name, None, message));
        }
        self.unreadable.entry(name.into_owned()).or_insert(error);
        Ok(None)
    }

    /// The images that were left out so far, by name, each with the reason.
    pub fn unreadable(&self) -> &BTreeMap<String, String> {
        &self.unreadable
    }

    /// Refuses a dataset none of whose images, of those asked for, could be read.
    ///
    /// # Errors
    /// When all were left out.
    pub fn check(&self) -> Result<()> {
        match self.unreadable.first_key_value() {
            Some((name, reason)) if !self.any => {
                let message = format!("neither it nor any other image can be read: {reason}");
                Err(Error::data(name, None, message))
            }
            _ => Ok(()),
        }
    }
}

/// What a table says of images that can't be read, below all else.
pub(crate) fn left_out(unreadable: &BTreeMap<String, String>) -> Vec<String> {
    if unreadable.is_empty() {
        return Vec::new();
    }
    let images = unreadable.len();
    let title = format!("{images} image(s) could not be read and are left out of all of this:");
    let reasons = unreadable.values().map(|reason| format!("  {reason}"));
    [String::new(), title].into_iter().chain(reasons).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::folder::Folder;
    use crate::tests::broken::Broken;

    const SIZE: ImageSize = ImageSize::square(16);

    fn expressions() -> Folder {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions/test");
        Folder::open(root).unwrap()
    }

    #[test]
    fn the_policy_says_what_becomes_of_an_image() {
        let data = Broken { data: expressions(), broken: vec![1, 3] };
        let mut readable = Readable::new(&data, UnreadablePolicy::Fail);
        assert!(readable.load_cropped(0, SIZE).unwrap().is_some());
        let error = readable.load_cropped(1, SIZE).unwrap_err().to_string();
        assert_eq!(error, "angry/0002.png: broken");

        let mut readable = Readable::new(&data, UnreadablePolicy::Skip);
        for index in [0, 1, 2, 3, 1] {
            let image = readable.load_cropped(index, SIZE).unwrap();
            assert_eq!(image.is_some(), index % 2 == 0, "{index}");
        }
        readable.check().unwrap();
        let names: Vec<_> = readable.unreadable().keys().collect();
        assert_eq!(names, ["angry/0002.png", "angry/0006.png"]);
        let expected = [
            "",
            "2 image(s) could not be read and are left out of all of this:",
            "  angry/0002.png: broken",
            "  angry/0006.png: broken",
        ];
        assert_eq!(left_out(readable.unreadable()), expected);
    }

    #[test]
    fn a_disk_that_is_gone_is_an_error() {
        let data = Broken { data: expressions(), broken: (0..250).collect() };
        let mut readable = Readable::new(&data, UnreadablePolicy::Skip);
        readable.check().unwrap();
        for index in 0..UNREADABLE_IN_A_ROW - 1 {
            assert!(readable.load_cropped(index, SIZE).unwrap().is_none());
        }
        let error = readable.check().unwrap_err().to_string();
        assert!(error.contains("neither it nor any other image can be read"), "{error}");
        // One of those is asked for again: it counts once.
        assert!(readable.load_cropped(0, SIZE).unwrap().is_none());
        let error = readable.load_cropped(UNREADABLE_IN_A_ROW, SIZE).unwrap_err().to_string();
        assert!(error.contains("neither it nor the 99 images before can be read"), "{error}");
    }
}
