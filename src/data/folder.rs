//! One folder per class: RaFD's layout, and that of most people's own data.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::RgbImage;

use crate::data::dataset::Dataset;
use crate::data::image::load_image;
use crate::data::listing::{Listing, entries, kind};
use crate::data::transform::Crop;
use crate::error::{Error, Result};
use crate::labels::space::LabelSpace;

/// What the names of images end in, in upper or lower case.
const EXTENSIONS: [&str; 10] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "gif", "tif", "tiff", "bmp", "webp"];

/// A dataset of one folder per class.
///
/// Cheap to clone. The classes are the names of the folders in alphabetical order, the images those
/// directly in them (PNG, JPEG, GIF, TIFF, BMP, WebP, told by extension) in the order of their
/// names. What else there is, such as hidden files, other files and folders inside a class, is
/// [left out](Dataset::left_out) and counted.
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
    /// one without images, or names that are not UTF-8.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let mut classes = Vec::new();
        let mut left_out = BTreeMap::new();
        for (name, path) in visible(folder, &mut left_out)? {
            if path.is_dir() {
                classes.push((name, path));
            } else if is_image(&path) {
                let message = format!(
                    "expected one folder of images per class, found the image {name:?} beside them"
                );
                return Err(Error::data(folder, None, message));
            } else {
                *left_out.entry(kind(&name)).or_default() += 1;
            }
        }
        if classes.len() < 2 {
            let found = classes.first().map_or("none".into(), |(name, _)| format!("only {name:?}"));
            let message = format!("expected at least two class folders, found {found}");
            return Err(Error::data(folder, None, message));
        }

        let names = classes.iter().map(|(name, _)| name.as_str());
        let mut listing = Listing::new(folder, LabelSpace::classes(names));
        for (position, (class, path)) in classes.iter().enumerate() {
            let mut label = vec![0.0; classes.len()];
            label[position] = 1.0;
            let before = listing.len();
            for (name, image) in visible(path, &mut left_out)? {
                if image.is_dir() {
                    *left_out.entry("folder".to_owned()).or_default() += 1;
                } else if is_image(&image) {
                    listing.push(format!("{class}/{name}"), image, &label);
                } else {
                    *left_out.entry(kind(&name)).or_default() += 1;
                }
            }
            if listing.len() == before {
                let expected = EXTENSIONS.join(", ");
                let message = format!("expected images ({expected}), found none in this class");
                return Err(Error::data(path, None, message));
            }
        }
        listing.left_out = left_out;
        Ok(Self { listing: Arc::new(listing), crop: Crop::Square })
    }

    /// Uses another part of the images than the largest centre square; RaFD takes
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

    fn load(&self, index: usize) -> Result<RgbImage> {
        load_image(self.path(index))
    }

    /// The position of an image, by class and file name: `"happy/00001.png"`.
    fn find(&self, name: &str) -> Option<usize> {
        self.listing.find(name)
    }

    fn crop(&self) -> Crop {
        self.crop
    }

    /// Files of other kinds, hidden ones, and folders inside a class.
    fn left_out(&self) -> BTreeMap<String, usize> {
        self.listing.left_out.clone()
    }
}

/// The image files in a folder, and what else there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageFiles {
    /// Those that end as images do, sorted by name.
    pub images: Vec<PathBuf>,
    /// What is no image, such as `.heic` or `hidden`, and how often it is there.
    pub left_out: BTreeMap<String, usize>,
}

/// The images directly in `folder` (PNG, JPEG, GIF, TIFF, BMP, WebP, told by extension); hidden
/// files are left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn image_files(folder: impl AsRef<Path>) -> Result<ImageFiles> {
    let mut found = ImageFiles::default();
    for entry in entries(folder.as_ref())? {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = match name.to_string_lossy() {
            name if name.starts_with('.') => kind(&name),
            _ if path.is_dir() => "folder".to_owned(),
            _ if is_image(&path) => {
                found.images.push(path);
                continue;
            }
            name => kind(&name),
        };
        *found.left_out.entry(kind).or_default() += 1;
    }
    found.images.sort();
    Ok(found)
}

/// The entries of `folder` that are not hidden, sorted by name; hidden ones are `left_out`.
fn visible(
    folder: &Path,
    left_out: &mut BTreeMap<String, usize>,
) -> Result<Vec<(String, PathBuf)>> {
    let as_text = |name: OsString| {
        name.into_string().map_err(|name| {
            let message = format!("expected names in UTF-8, found {name:?}");
            Error::data(folder, None, message)
        })
    };
    let mut named = Vec::new();
    for entry in entries(folder)? {
        let name = as_text(entry.file_name())?;
        if name.starts_with('.') {
            *left_out.entry(kind(&name)).or_default() += 1;
        } else {
            named.push((name, entry.path()));
        }
    }
    named.sort();
    Ok(named)
}

fn is_image(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|found| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(found)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
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
        assert_eq!(test.load(happy).unwrap().dimensions(), (64, 64));
    }

    #[test]
    fn names_are_sorted_and_other_files_counted() {
        let files = ["b/2.PNG", "b/1.jpeg", "b/notes.txt", "b/.hidden.png", "b/nested.png/c.png"];
        let others = ["a/x.webp", ".git/x.png", "README.md", "a/1.HEIC", "a/2.heic", "a/noending"];
        let folder = folder(&[&files[..], &others].concat());
        let data = Folder::open(folder.path()).unwrap();
        assert_eq!(data.labels().names(), ["a", "b"]);
        assert_eq!(data.listing.names(), ["a/x.webp", "b/1.jpeg", "b/2.PNG"]);
        assert_eq!(
            Summary::new(&data).to_string(),
            "3 images (1 .jpeg, 1 .png, 1 .webp): a 1, b 2; left out: 2 .heic, 1 .md, 1 .txt, \
             1 folder, 2 hidden, 1 without ending"
        );
        assert_eq!(data.label(2), [0.0, 1.0]);
        assert_eq!(data.find("b/nested.png"), None);
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
