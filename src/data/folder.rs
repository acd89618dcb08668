//! One folder per class: RaFD's layout, and that of most people's own data.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::DynamicImage;

use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use crate::data::image::load_image;
use crate::data::image_files::{EXTENSIONS, images_below, is_image, visible};
use crate::data::listing::{Listing, kind};
use crate::error::{Error, Result, did_you_mean};
use crate::labels::space::{LabelKind, LabelSpace};

/// A dataset of one folder per class.
///
/// Cheap to clone. The classes are the names of the folders in alphabetical order, the images those
/// in them and in the folders below them, such as one per person (PNG, JPEG, GIF, TIFF, BMP, WebP,
/// told by extension), in the order of their names. What else there is, such as hidden files and
/// folders and files of other kinds, is [left out](Dataset::left_out) and counted.
#[derive(Clone, Debug)]
pub struct Folder {
    listing: Arc<Listing>,
    crop: Crop,
}

impl Folder {
    /// Opens the folder that holds the class folders.
    ///
    /// # Errors
    /// When it cannot be read, has images beside the class folders, fewer than two class folders,
    /// one without images, one that leads back to itself by a link, or names that are not UTF-8.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let found = Classes::find(folder.as_ref())?;
        let classes = &found.folders;
        if classes.len() < 2 {
            let found = classes.first().map_or("none".into(), |(name, _)| format!("only {name:?}"));
            let message = format!("expected at least two class folders, found {found}");
            return Err(Error::data(folder, None, message));
        }
        let labels = LabelSpace::classes(classes.iter().map(|(name, _)| name));
        let paths: Vec<_> = classes.iter().map(|(_, path)| path.clone()).collect();
        let data = found.read(folder.as_ref(), labels)?;
        match data.first_empty_class() {
            None => Ok(data),
            Some(class) => {
                let expected = EXTENSIONS.join(", ");
                let message = format!("expected images ({expected}), found none in this class");
                Err(Error::data(&paths[class], None, message))
            }
        }
    }

    /// Opens a folder of images to test a model of `labels` with, whose classes may have no images
    /// or no folder there.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for classes without images: only all of them must not be. When
    /// `labels` are attributes, or a folder has the name of no class.
    pub fn open_like(folder: impl AsRef<Path>, labels: &LabelSpace) -> Result<Self> {
        let folder = folder.as_ref();
        if labels.kind() != LabelKind::Classes {
            let message = "class folders have classes: expected a label space of classes, found \
                           one of attributes";
            return Err(Error::Label(message.to_owned()));
        }
        let found = Classes::find(folder)?;
        let unknown = found.folders.iter().find(|(name, _)| !labels.names().contains(name));
        if let Some((name, _)) = unknown {
            let known = labels.names();
            let suggestion = did_you_mean(name, known.iter().map(String::as_str));
            let known = known.join(", ");
            let message = format!("unknown class {name:?}{suggestion} (known: {known})");
            return Err(Error::data(folder, None, message));
        }
        let data = found.read(folder, labels.clone())?;
        if data.is_empty() {
            let message = format!(
                "expected images in a folder of one of the classes {}, found none",
                labels.names().join(", ")
            );
            return Err(Error::data(folder, None, message));
        }
        Ok(data)
    }

    /// The first class without images, as a position in a label.
    fn first_empty_class(&self) -> Option<usize> {
        let mut empty = vec![true; self.listing.labels.width()];
        for image in 0..self.len() {
            let label = self.label(image).iter().zip(&mut empty);
            label.for_each(|(value, empty)| *empty &= *value == 0.0);
        }
        empty.iter().position(|empty| *empty)
    }

    /// Uses another part of the images than the largest one in the centre; RaFD takes
    /// [`Crop::Centre(256)`](Crop::Centre).
    pub fn with_crop(mut self, crop: Crop) -> Self {
        self.crop = crop;
        self
    }

    /// The file of image `index`.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Dataset::len).
    pub fn path(&self, index: usize) -> &Path {
        self.listing.path(index)
    }
}

impl Dataset for Folder {
    fn labels(&self) -> &LabelSpace {
        &self.listing.labels
    }

    fn len(&self) -> usize {
        self.listing.len()
    }

    fn label(&self, index: usize) -> &[f32] {
        self.listing.label(index)
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.listing.names()[index])
    }

    fn load(&self, index: usize) -> Result<DynamicImage> {
        load_image(self.path(index))
    }

    /// The position of an image, by its path below the folder: `"happy/00001.png"`.
    fn find(&self, name: &str) -> Option<usize> {
        self.listing.find(name)
    }

    fn crop(&self) -> Crop {
        self.crop
    }

    /// Files of other kinds, and hidden files and folders.
    fn left_out(&self) -> BTreeMap<String, usize> {
        self.listing.left_out.clone()
    }
}

/// The class folders in a folder, by name.
struct Classes {
    folders: Vec<(String, PathBuf)>,
    left_out: BTreeMap<String, usize>,
}

impl Classes {
    fn find(folder: &Path) -> Result<Self> {
        let mut found = Self { folders: Vec::new(), left_out: BTreeMap::new() };
        for (name, path) in visible(folder, &mut found.left_out)? {
            if path.is_dir() {
                found.folders.push((name, path));
            } else if is_image(&path) {
                let message = format!(
                    "expected one folder of images per class, found the image {name:?} beside them"
                );
                return Err(Error::data(folder, None, message));
            } else {
                *found.left_out.entry(kind(&name)).or_default() += 1;
            }
        }
        Ok(found)
    }

    /// The images of these classes, each of which is one of `labels`.
    fn read(self, folder: &Path, labels: LabelSpace) -> Result<Folder> {
        let Self { folders, mut left_out } = self;
        let mut listing = Listing::new(folder, labels);
        for (class, path) in folders {
            let mut label = vec![0.0; listing.labels.width()];
            label[listing.labels.index_of(&class)?] = 1.0;
            let mut images = Vec::new();
            images_below(&class, &path, &mut Vec::new(), &mut images, &mut left_out)?;
            for (name, path) in images {
                listing.push(name, path, &label);
            }
        }
        listing.left_out = left_out;
        Ok(Folder { listing: Arc::new(listing), crop: Crop::Square })
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use std::ffi::OsString;
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::data::image_files::image_files;
    use crate::data::summary::Summary;

    const EXPRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions");

    /// A folder with these empty files; a name that ends in `/` is an empty folder.
    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            let parent = if file.ends_with('/') { &path } else { path.parent().unwrap() };
            fs::create_dir_all(parent).unwrap();
            if !file.ends_with('/') {
                fs::write(&path, []).unwrap();
            }
        }
        folder
    }

    fn message(files: &[&str]) -> String {
        Folder::open(folder(files)).unwrap_err().to_string()
    }

    #[test]
    fn the_bundled_expressions_open() {
        let data = Folder::open(format!("{EXPRESSIONS}/train")).unwrap();
        let classes = ["angry", "happy", "neutral", "sad", "surprised"];
        assert_eq!(data.labels(), &LabelSpace::classes(classes));
        assert_eq!(data.len(), 900);
        assert_eq!(data.crop(), Crop::Square);
        let test = Folder::open(format!("{EXPRESSIONS}/test")).unwrap();
        let happy = test.find("happy/0002.png").unwrap();
        assert_eq!(test.label(happy), [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(test.path(happy).ends_with("happy/0002.png"));
        assert_eq!(test.load(happy).unwrap().width(), 64);
    }

    #[test]
    fn names_are_sorted_and_other_files_counted() {
        let files = ["b/2.PNG", "b/1.jpeg", "b/notes.txt", "b/.hidden.png"];
        let others = ["a/x.webp", ".git/x.png", "README.md", "a/1.HEIC", "a/2.heic", "a/noending"];
        let folder = folder(&[&files[..], &others].concat());
        let data = Folder::open(folder.path()).unwrap();
        assert_eq!(data.labels().names(), ["a", "b"]);
        assert_eq!(data.listing.names(), ["a/x.webp", "b/1.jpeg", "b/2.PNG"]);
        assert_eq!(
            Summary::new(&data).to_string(),
            "3 images (1 .jpeg, 1 .png, 1 .webp): a 1, b 2; left out: 2 .heic, 1 .md, 1 .txt, \
             2 hidden, 1 without ending"
        );
        assert_eq!(data.label(2), [0.0, 1.0]);
    }

    #[test]
    fn folders_in_a_class_folder_belong_to_the_class() {
        let files =
            ["a/2.png", "a/ben/1.png", "a/anna/old/1.png", "a/anna/2.png", "a/nested.png/3.png"];
        let others =
            ["a/anna/notes.txt", "a/.cache/1.png", "a/anna/.old/1.png", "b/ben/1.png", "b/none/"];
        let folder = folder(&[&files[..], &others].concat());
        let data = Folder::open(folder.path()).unwrap();
        let names = [
            "a/2.png",
            "a/anna/2.png",
            "a/anna/old/1.png",
            "a/ben/1.png",
            "a/nested.png/3.png",
            "b/ben/1.png",
        ];
        assert_eq!(data.listing.names(), names);
        assert_eq!(
            Summary::new(&data).to_string(),
            "6 images (6 .png): a 5, b 1; left out: 1 .txt, 2 hidden"
        );
        assert!(data.path(2).ends_with("a/anna/old/1.png"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_may_lead_to_images_but_not_in_a_circle() {
        let folder = folder(&["a/1.png", "b/1.png"]);
        let link = |to: &str, at: &str| {
            std::os::unix::fs::symlink(folder.path().join(to), folder.path().join(at)).unwrap();
        };
        link("b", "a/others");
        assert_eq!(Folder::open(&folder).unwrap().listing.names()[1], "a/others/1.png");
        link("a", "a/again");
        let message = Folder::open(&folder).unwrap_err().to_string();
        assert!(
            message.contains("a/again: the folder leads back to one that it is in"),
            "{message}"
        );
    }

    #[test]
    fn test_images_may_be_of_some_classes_only() {
        let labels = LabelSpace::classes(["sad", "happy", "angry"]);
        let folder = folder(&["happy/1.png", "angry/"]);
        let data = Folder::open_like(&folder, &labels).unwrap();
        assert_eq!(data.labels(), &labels);
        assert_eq!((data.len(), data.label(0)), (1, &[0.0, 1.0, 0.0][..]));
        assert_eq!(Summary::new(&data).to_string(), "1 images (1 .png): sad 0, happy 1, angry 0");

        let like = |files: &[&str], labels| {
            Folder::open_like(self::folder(files), labels).unwrap_err().to_string()
        };
        let message = like(&["happy/1.png", "Sad/"], &labels);
        let expected = "unknown class \"Sad\", did you mean \"sad\"? (known: sad, happy, angry)";
        assert!(message.ends_with(expected), "{message}");
        let message = like(&["happy/"], &labels);
        assert!(
            message.ends_with("of one of the classes sad, happy, angry, found none"),
            "{message}"
        );
        let message = like(&["happy/1.png"], &LabelSpace::attributes(["happy"]));
        assert!(message.contains("expected a label space of classes"), "{message}");
    }

    #[test]
    fn names_end_as_programs_end_them() {
        let used = [
            "a/1.jpg",
            "a/2.JPG",
            "a/3.Jpeg",
            "a/4.jfif",
            "a/5.JFIF",
            "a/6.jpe",
            "b/1.tif",
            "b/2.TIFF",
            "b/3.GIF",
            "b/4.gif",
            "b/5.bmp",
            "b/6.WebP",
            "b/ünïcode 名.PnG",
            "b/.a..png",
            "b/two.tar.png",
        ];
        let not_used = [
            "a/1.jpg.txt",
            "a/jpg",
            "a/2.jpgx",
            "a/3.ＪＰＧ",
            "a/4.ȷpg",
            "a/5.",
            "a/6.j pg",
            "b/7.svg",
            "b/8.avif",
            "b/Thumbs.db",
        ];
        let folder = folder(&[&used[..], &not_used].concat());
        let data = Folder::open(&folder).unwrap();
        let left_out: usize = data.left_out().values().sum();
        // One is hidden.
        assert_eq!((data.len(), left_out), (used.len() - 1, not_used.len() + 1));
        let found = image_files(folder.path().join("b")).unwrap();
        let left_out = [(".avif", 1), (".db", 1), (".svg", 1), ("hidden", 1)];
        let left_out = left_out.map(|(kind, count)| (kind.to_owned(), count));
        assert_eq!((found.images.len(), found.left_out), (8, left_out.into()));
    }

    #[test]
    fn errors_say_what_was_expected_and_what_was_found() {
        let none = message(&["README.md"]);
        assert!(none.ends_with("expected at least two class folders, found none"), "{none}");
        let one = message(&["happy/1.png"]);
        assert!(
            one.ends_with("expected at least two class folders, found only \"happy\""),
            "{one}"
        );
        let empty = message(&["happy/1.png", "sad/"]);
        assert!(empty.contains("sad: expected images (png, "), "{empty}");
        let stray = message(&["happy/1.png", "sad/1.png", "3.png"]);
        assert!(stray.contains("per class, found the image \"3.png\" beside them"), "{stray}");
        let absent = Folder::open("absent").unwrap_err().to_string();
        assert!(absent.starts_with("absent: "), "{absent}");
    }

    // Other systems refuse to create such names.
    #[cfg(target_os = "linux")]
    #[test]
    fn names_must_be_utf8() {
        use std::os::unix::ffi::OsStringExt;

        for place in ["", "happy"] {
            let folder = folder(&["happy/1.png", "sad/1.png"]);
            let name = OsString::from_vec(b"\xE9.png".to_vec());
            fs::create_dir(folder.path().join(place).join(name)).unwrap();
            let message = Folder::open(&folder).unwrap_err().to_string();
            assert!(message.contains("expected names in UTF-8"), "{message}");
        }
    }
}
