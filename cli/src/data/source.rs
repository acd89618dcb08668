//! One training dataset: where it is, what of it is used, and how it is opened.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stargan::LabelSpace;
use stargan::{CelebA, CelebAFiles, Crop, Dataset, Folder, MissingPolicy};

use super::{ALL, ATTRIBUTES, Place, Spec, hair_of};
use crate::failure::Failure;

/// How a dataset is divided into training and test images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    None,
    Public,
    /// By the file that is found beside the list.
    Official,
    File(PathBuf),
}

impl From<&str> for Split {
    fn from(text: &str) -> Self {
        match text {
            "none" => Self::None,
            "public" => Self::Public,
            "official" => Self::Official,
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
    /// What happens when a listed image is not there.
    #[serde(default)]
    pub missing: MissingPolicy,
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
    /// The listed images that are not there and are left out.
    pub missing: Vec<String>,
}

impl Source {
    /// The dataset at `spec`, all of it.
    pub fn new(spec: Spec) -> Self {
        Self {
            spec,
            crop: None,
            split: Split::None,
            missing: MissingPolicy::default(),
            labels: None,
            exclusive: Vec::new(),
        }
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

    /// The same with what happens when a listed image is not there.
    pub fn with_missing(mut self, policy: MissingPolicy) -> Self {
        self.missing = policy;
        self
    }

    /// Whether the command line says what the labels are.
    fn says_labels(&self) -> bool {
        self.labels.is_some() || !self.exclusive.is_empty()
    }

    /// The attributes that the command line asks for, or the default ones.
    fn attributes(&self, files: &CelebAFiles) -> Result<LabelSpace, Failure> {
        let names = match &self.labels {
            Some(names) if *names == [ALL] => files.attribute_names()?,
            Some(names) => names.clone(),
            None => ATTRIBUTES.map(String::from).to_vec(),
        };
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

    /// Opens the dataset to train on; attributes are those of `space`, or else the command line's.
    pub fn open(&self, space: Option<&LabelSpace>) -> Result<Opened, Failure> {
        let files = match &self.spec.place {
            Place::Celeba { images, attributes } => CelebAFiles::new(images, attributes),
            Place::CelebaFolder(folder) => CelebAFiles::find(folder)?,
            Place::Folder(folder) => return Ok(self.class_folders(Folder::open(folder)?)),
        };
        let space = match space {
            Some(space) if !self.says_labels() => space.clone(),
            _ => self.attributes(&files)?,
        };
        self.attribute_list(files, &space)
    }

    /// Opens the dataset to test a model of `space` with, where classes may have no images.
    pub fn open_test(&self, space: &LabelSpace) -> Result<Opened, Failure> {
        match &self.spec.place {
            Place::Folder(folder) => Ok(self.class_folders(Folder::open_like(folder, space)?)),
            Place::Celeba { .. } | Place::CelebaFolder(_) => self.open(Some(space)),
        }
    }

    fn class_folders(&self, data: Folder) -> Opened {
        let data = match self.crop {
            Some(crop) => data.with_crop(crop),
            None => data,
        };
        Opened { train: Arc::new(data), test: None, missing: Vec::new() }
    }

    fn attribute_list(&self, files: CelebAFiles, space: &LabelSpace) -> Result<Opened, Failure> {
        let files = files.with_missing(self.missing);
        let data = CelebA::from_files(&files, space).map_err(|error| {
            let skipping = files.clone().with_missing(MissingPolicy::Skip);
            match CelebA::from_files(&skipping, space) {
                Ok(_) => Failure::Failed(format!("{error}; to leave them out: --missing skip")),
                Err(_) => error.into(),
            }
        })?;
        let data = match self.crop {
            Some(crop) => data.with_crop(crop),
            None => data,
        };
        let missing = data.missing().to_vec();
        let official = |file| data.split_official(file).map(|(train, _, test)| (train, Some(test)));
        let (train, test) = match &self.split {
            Split::None => (data, None),
            Split::Public => data.split_public().map(|(train, test)| (train, Some(test)))?,
            Split::Official => official(&files.partition()?)?,
            Split::File(file) => official(file)?,
        };
        let test = test.filter(|test| !test.is_empty());
        Ok(Opened {
            train: Arc::new(train),
            test: test.map(|test| Arc::new(test) as Arc<dyn Dataset>),
            missing,
        })
    }
}
