//! What becomes of images that can't be read.

use std::collections::BTreeMap;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::data::dataset::Dataset;
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

/// Reads images of one dataset as a policy says, and notes those that are left out.
#[derive(Debug)]
pub(crate) struct Readable<'a> {
    data: &'a dyn Dataset,
    policy: UnreadablePolicy,
    unreadable: BTreeMap<String, String>,
    in_a_row: usize,
    any: bool,
}

impl<'a> Readable<'a> {
    pub(crate) fn new(data: &'a dyn Dataset, policy: UnreadablePolicy) -> Self {
        Self { data, policy, unreadable: BTreeMap::new(), in_a_row: 0, any: false }
    }

    /// The part of image `index` that is used; none where it can't be read and is left out.
    ///
    /// # Errors
    /// When the policy says so, or so many images in a row can't be read that it is not them.
    pub(crate) fn load_cropped(&mut self, index: usize) -> Result<Option<RgbImage>> {
        let error = match (self.data.load_cropped(index), self.policy) {
            (Ok(image), _) => {
                (self.in_a_row, self.any) = (0, true);
                return Ok(Some(image));
            }
            (Err(error), UnreadablePolicy::Fail) => return Err(error),
            (Err(error), UnreadablePolicy::Skip) => error.to_string(),
        };
        self.in_a_row += 1;
        let name = self.data.name(index);
        if self.in_a_row >= UNREADABLE_IN_A_ROW {
            let message =
                format!("neither it nor the {} images before can be read: {error}", self.in_a_row);
            return Err(Error::data(&*name, None, message));
        }
        self.unreadable.entry(name.into_owned()).or_insert(error);
        Ok(None)
    }

    /// The images that were left out, by name, each with the reason.
    ///
    /// # Errors
    /// When none could be read, of some.
    pub(crate) fn finish(self) -> Result<BTreeMap<String, String>> {
        match self.unreadable.first_key_value() {
            Some((name, reason)) if !self.any => {
                let message = format!("neither it nor any other image can be read: {reason}");
                Err(Error::data(name, None, message))
            }
            _ => Ok(self.unreadable),
        }
    }
}
