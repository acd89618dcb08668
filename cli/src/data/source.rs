//! One training dataset: where it is, what of it is used, and how it is opened.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stargan::LabelSpace;
use stargan::{CelebA, Crop, Dataset, Folder};

use super::{ATTRIBUTES, Place, Spec, hair_of};
use crate::failure::Failure;

/// How a dataset is divided into training and test images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    None,
    Public,
    File(PathBuf),
}

impl From<&str> for Split {
    fn from(text: &str) -> Self {
        match text {
            "none" => Self::None,
            "public" => Self::Public,
            file => Self::File(file.into()),
        }
    }
}

/// One `--data` with the flags that belong to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    pub spec: Spec,
    pub crop: Option<Crop>,
    pub split: Split,
    /// Given with `--labels`.
    #[serde(skip)]
    pub labels: Option<Vec<String>>,
    /// Given with `--exclusive`.
    #[serde(skip)]
    pub exclusive: Vec<Vec<String>>,
}

/// A dataset that is open.
pub struct Opened {
    pub train: Arc<dyn Dataset>,
    /// The images that its split holds back.
    pub test: Option<Arc<dyn Dataset>>,
}

impl Source {
    /// The dataset at `spec`, all of it.
    pub fn new(spec: Spec) -> Self {
        Self { spec, crop: None, split: Split::None, labels: None, exclusive: Vec::new() }
    }

    /// The same with the attributes that are trained.
    pub fn with_labels(mut self, labels: &[&str]) -> Self {
        self.labels = Some(labels.iter().map(|label| (*label).to_owned()).collect());
        self
    }

    /// The same with a crop; without one, the format's.
    pub fn with_crop(mut self, crop: Option<Crop>) -> Self {
        self.crop = crop;
        self
    }

    /// Whether the command line says what the labels are.
    pub fn says_labels(&self) -> bool {
        self.labels.is_some() || !self.exclusive.is_empty()
    }

    /// The attributes that the command line asks for, or the default ones.
    fn attributes(&self) -> Result<LabelSpace, Failure> {
        let names = self.labels.clone().unwrap_or_else(|| ATTRIBUTES.map(String::from).to_vec());
        let mut space = LabelSpace::attributes(&names);
        let hair = hair_of(&names);
        let default = if hair.len() > 1 { vec![hair] } else { Vec::new() };
        let groups = if self.exclusive.is_empty() { &default } else { &self.exclusive };
        for group in groups.iter().filter(|group| **group != ["none"]) {
            space = space.exclusive(group)?;
        }
        space.check()?;
        Ok(space)
    }

    /// Opens the dataset; attributes are those of `space`, or else the command line's.
    pub fn open(&self, space: Option<&LabelSpace>) -> Result<Opened, Failure> {
        match &self.spec.place {
            Place::Celeba { images, attributes } => {
                let space = match space {
                    Some(space) if !self.says_labels() => space.clone(),
                    _ => self.attributes()?,
                };
                let data = CelebA::from_files(images, attributes, &space)?;
                let data = match self.crop {
                    Some(crop) => data.with_crop(crop),
                    None => data,
                };
                let (train, test) = match &self.split {
                    Split::None => (data, None),
                    Split::Public => {
                        data.split_public().map(|(train, test)| (train, Some(test)))?
                    }
                    Split::File(file) => {
                        data.split_official(file).map(|(train, _, test)| (train, Some(test)))?
                    }
                };
                let test = test.filter(|test| !test.is_empty());
                Ok(Opened {
                    train: Arc::new(train),
                    test: test.map(|test| Arc::new(test) as Arc<dyn Dataset>),
                })
            }
            Place::Folder(folder) => {
                let data = Folder::open(folder)?;
                let data = match self.crop {
                    Some(crop) => data.with_crop(crop),
                    None => data,
                };
                Ok(Opened { train: Arc::new(data), test: None })
            }
        }
    }
}
