//! Datasets on the command line: `[NAME=]celeba:DIR`, `[NAME=]celeba:IMAGES_DIR:ATTR_FILE` and
//! `[NAME=]folder:DIR`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
    Celeba {
        images: PathBuf,
        attributes: PathBuf,
    },
    /// A folder in which both are found.
    CelebaFolder(PathBuf),
    Folder(PathBuf),
}

impl Place {
    /// Whether the images are in class folders.
    pub fn has_classes(&self) -> bool {
        matches!(self, Self::Folder(_))
    }
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, place) = match text.split_once('=') {
            Some((name, place)) if !name.contains(':') => (Some(name.to_owned()), place),
            _ => (None, text),
        };
        let forms = "celeba:DIR, celeba:IMAGES_DIR:ATTR_FILE or folder:DIR";
        let place = match place.split_once(':') {
            Some(("folder", folder)) if !folder.is_empty() => Place::Folder(folder.into()),
            Some(("celeba", folder))
                if !folder.is_empty() && (!folder.contains(':') || Path::new(folder).is_dir()) =>
            {
                Place::CelebaFolder(folder.into())
            }
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
            Place::CelebaFolder(folder) => write!(f, "celeba:{}", folder.display()),
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
            Place::CelebaFolder(folder) | Place::Folder(folder) => folder,
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
            Place::CelebaFolder(folder) => Place::CelebaFolder(full(folder)),
            Place::Folder(folder) => Place::Folder(full(folder)),
        };
        Self { name: self.name.clone(), place }
    }
}
