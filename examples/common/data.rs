//! Datasets on the command line: `[NAME=]celeba:IMAGES_DIR:ATTR_FILE` and `[NAME=]folder:DIR`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::{ArgMatches, Args};
use serde::{Deserialize, Serialize};
use stargan::Domains;
use stargan::data::{CelebA, Crop, Dataset, Folder};
use stargan::metrics::Counterfactuals;
use stargan::{LabelKind, LabelSpace};

use super::{Failure, usage};

/// The attributes that are trained by default, those of the paper.
pub const ATTRIBUTES: [&str; 5] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"];

/// The attributes that exclude each other by default.
const HAIR: [&str; 4] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"];

/// The hair colours among attributes.
pub fn hair_of(names: &[String]) -> Vec<String> {
    names.iter().filter(|name| HAIR.contains(&name.as_str())).cloned().collect()
}

/// Where a dataset is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The name given with it.
    pub name: Option<String>,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Celeba { images: PathBuf, attributes: PathBuf },
    Folder(PathBuf),
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, place) = match text.split_once('=') {
            Some((name, place)) if !name.contains(':') => (Some(name.to_owned()), place),
            _ => (None, text),
        };
        let forms = "celeba:IMAGES_DIR:ATTR_FILE or folder:DIR";
        let place = match place.split_once(':') {
            Some(("folder", folder)) if !folder.is_empty() => Place::Folder(folder.into()),
            Some(("celeba", paths)) => {
                // Paths may hold colons themselves: the split after a folder that exists is meant.
                let splits = || paths.match_indices(':').map(|(at, _)| paths.split_at(at));
                let (images, attributes) = splits()
                    .find(|(images, _)| Path::new(images).is_dir())
                    .or_else(|| splits().next())
                    .map(|(images, attributes)| (images, &attributes[1..]))
                    .filter(|(images, attributes)| !images.is_empty() && !attributes.is_empty())
                    .ok_or("expected celeba:IMAGES_DIR:ATTR_FILE, one path is missing")?;
                Place::Celeba { images: images.into(), attributes: attributes.into() }
            }
            _ => return Err(format!("expected {forms}")),
        };
        Ok(Self { name, place })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}=")?;
        }
        match &self.place {
            Place::Celeba { images, attributes } => {
                write!(f, "celeba:{}:{}", images.display(), attributes.display())
            }
            Place::Folder(folder) => write!(f, "folder:{}", folder.display()),
        }
    }
}

impl Spec {
    /// The name given, or the innermost folder name that tells datasets apart: `faces` of
    /// `faces/train/images`.
    pub fn name(&self) -> String {
        let generic = ["images", "img_align_celeba", "Img", "Anno", "train", "test", "data"];
        let path = match &self.place {
            Place::Celeba { images, .. } => images,
            Place::Folder(folder) => folder,
        };
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let derived = || {
            let names = path.ancestors().filter_map(|path| path.file_name()?.to_str());
            names.into_iter().find(|name| !generic.contains(name)).unwrap_or("data").to_owned()
        };
        self.name.clone().unwrap_or_else(derived)
    }

    /// The same with absolute paths, for use from any folder.
    pub fn absolute(&self) -> Self {
        let full = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let place = match &self.place {
            Place::Celeba { images, attributes } => {
                Place::Celeba { images: full(images), attributes: full(attributes) }
            }
            Place::Folder(folder) => Place::Folder(full(folder)),
        };
        Self { name: self.name.clone(), place }
    }
}

/// How a dataset is divided into training and test images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    None,
    Public,
    File(PathBuf),
}

/// The flags that describe training data. The last four belong to the `--data` before them.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// Training data; repeat it to train on several datasets jointly. Several datasets are named
    /// after their folders, or by NAME=
    #[arg(long, value_name = "[NAME=]celeba:IMAGES_DIR:ATTR_FILE|[NAME=]folder:DIR")]
    data: Vec<Spec>,
    /// Attributes to train, of the --data before (celeba) [default:
    /// Black_Hair,Blond_Hair,Brown_Hair,Male,Young]
    #[arg(long, value_name = "A,B,C")]
    labels: Vec<String>,
    /// Attributes that exclude each other, of the --data before; repeat it for several groups, or say
    /// "none" [default: those of the four hair colours that are trained]
    #[arg(long, value_name = "A,B,C")]
    exclusive: Vec<String>,
    /// Side of the centre square that is used of an image of the --data before, in pixels, or
    /// "square" for the largest one [default: 178 for celeba, square for folder]
    #[arg(long, value_name = "PX")]
    crop: Vec<String>,
    /// Images held back for testing, of the --data before: "public" for the split of the public code,
    /// a list_eval_partition.txt, or "none" [default: none]
    #[arg(long, value_name = "public|FILE|none")]
    split: Vec<String>,
}

/// One `--data` with the flags that belong to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    pub spec: Spec,
    pub crop: Option<Crop>,
    pub split: Split,
    /// Given with `--labels`.
    #[serde(skip)]
    labels: Option<Vec<String>>,
    /// Given with `--exclusive`.
    #[serde(skip)]
    exclusive: Vec<Vec<String>>,
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
        space.validate()?;
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

impl DataArgs {
    /// Every `--data` with the flags that follow it.
    pub fn bind(&self, matches: &ArgMatches) -> Result<Vec<Source>, Failure> {
        let at = |id: &str| -> Vec<usize> {
            matches.indices_of(id).map(Iterator::collect).unwrap_or_default()
        };
        let starts = at("data");
        let mut sources: Vec<_> = self.data.iter().cloned().map(Source::new).collect();
        let owner = |flag: &str, index: usize| match starts.iter().rposition(|s| *s < index) {
            Some(owner) => Ok(owner),
            None => usage(format!("--{flag} belongs to the --data before it, and there is none")),
        };
        let list = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect();
        let mut given = Vec::new();
        for (flag, values) in [
            ("labels", &self.labels),
            ("exclusive", &self.exclusive),
            ("crop", &self.crop),
            ("split", &self.split),
        ] {
            for (index, value) in at(flag).into_iter().zip(values) {
                let owner = owner(flag, index)?;
                let source = &mut sources[owner];
                if flag != "exclusive" && given.contains(&(flag, owner)) {
                    return usage(format!("--{flag} is given twice for --data {}", source.spec));
                }
                given.push((flag, owner));
                if flag != "crop" && matches!(source.spec.place, Place::Folder(_)) {
                    return usage(format!(
                        "--{flag} is for celeba data, not for {}: the folders say the classes",
                        source.spec
                    ));
                }
                match flag {
                    "labels" => source.labels = Some(list(value)),
                    "exclusive" => source.exclusive.push(list(value)),
                    "crop" => source.crop = Some(parse_crop(value)?),
                    _ => source.split = value.as_str().into(),
                }
            }
        }
        Ok(sources)
    }
}

fn parse_crop(text: &str) -> Result<Crop, Failure> {
    match (text, text.parse()) {
        ("square", _) => Ok(Crop::Square),
        (_, Ok(pixels)) if pixels > 0 => Ok(Crop::Centre(pixels)),
        _ => usage(format!("--crop: expected a number of pixels or \"square\", found {text:?}")),
    }
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

/// Opens data to test a model of `domains` with, and says which of the model's datasets it is like:
/// the one of that name, or the only one of that kind.
pub fn open_test(spec: &Spec, domains: &Domains) -> Result<(usize, Arc<dyn Dataset>), Failure> {
    let (dataset, opened) = open_like(spec, Split::None, domains)?;
    Ok((dataset, opened.train))
}

/// The same with the images that `split` holds back apart.
pub fn open_like(spec: &Spec, split: Split, domains: &Domains) -> Result<(usize, Opened), Failure> {
    let kind = match spec.place {
        Place::Celeba { .. } => LabelKind::Attributes,
        Place::Folder(_) => LabelKind::Classes,
    };
    let fits = |dataset: &usize| domains.space(*dataset).kind() == kind;
    let candidates: Vec<_> = match &spec.name {
        Some(name) => vec![domains.index_of(name)?],
        None => (0..domains.len()).filter(fits).collect(),
    };
    let what = if kind == LabelKind::Attributes { "attributes" } else { "classes" };
    let dataset = match candidates[..] {
        [dataset] if fits(&dataset) => dataset,
        [] | [_] => {
            let message = format!("{spec} has {what}, the model knows none such");
            return Err(Failure::Failed(message));
        }
        _ => {
            let names: Vec<_> = candidates.iter().map(|dataset| domains.name(*dataset)).collect();
            return usage(format!(
                "{spec}: the model has several datasets of {what}, say which is meant: {}=...",
                names.join("=... or ")
            ));
        }
    };
    if split != Split::None && kind == LabelKind::Classes {
        return usage(format!(
            "--split is for celeba data, not for {spec}: name the folder of test images"
        ));
    }
    let space = domains.space(dataset);
    let data = Source { split, ..Source::new(spec.clone()) }.open(Some(space))?;
    let named = |error| Failure::Failed(format!("{spec}: {error}"));
    domains.check_space(dataset, data.train.labels()).map_err(named)?;
    Ok((dataset, data))
}

/// Which images of test data are true counterfactuals of each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairs {
    /// Those of one file name in several class folders.
    ByName,
    File(PathBuf),
}

impl FromStr for Pairs {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "by-name" => Self::ByName,
            file => Self::File(file.into()),
        })
    }
}

impl Pairs {
    /// Opens the pairs among `data`, which are like the model's `dataset`.
    pub fn open(&self, data: Arc<dyn Dataset>, dataset: usize) -> Result<Counterfactuals, Failure> {
        Ok(match self {
            Self::ByName => Counterfactuals::between_classes(data, dataset)?,
            Self::File(file) => Counterfactuals::open(file, data, dataset)?,
        })
    }
}

/// What a run was started with besides its configuration, kept in its folder so that
/// `train --resume` needs nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Command {
    pub data: Vec<Source>,
    pub tests: Vec<Spec>,
    /// What is measured by, and which of `tests` it belongs to.
    pub pairs: Vec<(usize, Pairs)>,
    pub evaluate_every: u64,
    pub sample_every: u64,
    /// Whether TensorBoard event files are written.
    #[serde(default)]
    pub tensorboard: bool,
}

impl Command {
    const FILE: &str = "data.json";

    /// The same with absolute paths.
    pub fn absolute(&self) -> Self {
        let full = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let mut command = self.clone();
        for source in &mut command.data {
            source.spec = source.spec.absolute();
            if let Split::File(file) = &mut source.split {
                *file = full(file);
            }
        }
        command.tests = command.tests.iter().map(Spec::absolute).collect();
        for (_, pairs) in &mut command.pairs {
            if let Pairs::File(file) = pairs {
                *file = full(file);
            }
        }
        command
    }

    /// Keeps it in the run folder.
    pub fn write(&self, run: &Path) -> Result<(), Failure> {
        super::write_new(&run.join(Self::FILE), &super::json(self)?)
    }

    /// Reads it from the run folder; none when the run was not started by these examples.
    pub fn read(run: &Path) -> Result<Option<Self>, Failure> {
        let path = run.join(Self::FILE);
        if !path.exists() {
            return Ok(None);
        }
        let failed = |error: String| Failure::Failed(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| {
            failed(format!(
                "{error}; if another version wrote it, remove it and give --data and the like again"
            ))
        })
    }
}
