//! CelebA, and anything written in its format.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::data::dataset::Dataset;
use crate::data::transform::Crop;
use image::RgbImage;

use crate::data::attributes::{Row, parse};
use crate::data::image::load_image;
use crate::data::listing::{Listing, entries, kind};
use crate::data::whole::read_text;
use crate::error::{Error, Result};
use crate::labels::space::{LabelKind, LabelSpace};

const IMAGE_FOLDERS: [&str; 3] = ["images", "img_align_celeba", "Img/img_align_celeba"];
const ATTRIBUTE_FILES: [&str; 4] =
    ["list_attr_celeba.txt", "list_attr.txt", "Anno/list_attr_celeba.txt", "Anno/list_attr.txt"];

/// A dataset in CelebA's format: a folder of images and a list of binary attributes.
///
/// Cheap to clone. Labels are the attributes asked for, in their order, 1 where the list says `1`
/// and 0 where it says `-1`.
#[derive(Clone, Debug)]
pub struct CelebA {
    pub(super) listing: Arc<Listing>,
    crop: Crop,
}

impl CelebA {
    /// Opens `folder`, which holds `images`, `img_align_celeba` or `Img/img_align_celeba`, and
    /// `list_attr_celeba.txt` or `list_attr.txt` (or either of them in `Anno`).
    ///
    /// # Errors
    /// When either is missing; otherwise as [`from_files`](Self::from_files).
    pub fn open(folder: impl AsRef<Path>, labels: &LabelSpace) -> Result<Self> {
        let folder = folder.as_ref();
        let images = locate(folder, &IMAGE_FOLDERS, Path::is_dir, "a folder of images")?;
        let attributes = locate(folder, &ATTRIBUTE_FILES, Path::is_file, "an attribute list")?;
        Self::from_files(images, attributes, labels)
    }

    /// Opens the images in `images` that `attribute_file` lists. Images that it does not list are
    /// left out.
    ///
    /// # Errors
    /// When `labels` are classes; when the list cannot be read, breaks the format, lacks one of the
    /// `labels`, or names an image twice or one that is not in `images`. The message gives the
    /// line.
    pub fn from_files(
        images: impl AsRef<Path>,
        attribute_file: impl AsRef<Path>,
        labels: &LabelSpace,
    ) -> Result<Self> {
        let (images, attribute_file) = (images.as_ref(), attribute_file.as_ref());
        if labels.kind() != LabelKind::Attributes {
            let message = "CelebA has binary attributes: expected a label space of attributes, \
                           found one of classes";
            return Err(Error::Label(message.to_owned()));
        }
        let text = read_text(attribute_file)?;
        let rows = parse(attribute_file, &text, labels)?;
        let left_out = check_present(images, attribute_file, &rows)?;

        let mut listing = Listing::new(attribute_file, labels.clone());
        listing.left_out = left_out;
        for Row { line, image, label } in rows {
            if !listing.push(image.to_owned(), images.join(image), &label) {
                let message = format!("image {image:?} is listed a second time");
                return Err(Error::data(attribute_file, line, message));
            }
        }
        Ok(Self { listing: Arc::new(listing), crop: Crop::Square })
    }

    /// Uses another part of the images than the largest centre square, which of CelebA's aligned
    /// images of 178 x 218 pixels is their middle 178.
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

    /// The images at `indices`, in that order: a part of a split, whose other images are left out.
    pub(super) fn subset(&self, indices: &[usize]) -> Self {
        let mut listing = self.listing.subset(indices);
        let others = self.listing.len() - listing.len();
        if others > 0 {
            *listing.left_out.entry("in other parts of the split".to_owned()).or_default() +=
                others;
        }
        Self { listing: Arc::new(listing), crop: self.crop }
    }
}

impl Dataset for CelebA {
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

    fn find(&self, name: &str) -> Option<usize> {
        self.listing.find(name)
    }

    fn crop(&self) -> Crop {
        self.crop
    }

    /// What the folder of images has and the list has not.
    fn left_out(&self) -> BTreeMap<String, usize> {
        self.listing.left_out.clone()
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

/// What `images` has beside the images of `rows`, all of which it must have.
///
/// One directory listing: asking for 200,000 files one by one takes minutes on a network drive.
fn check_present(
    images: &Path,
    attribute_file: &Path,
    rows: &[Row],
) -> Result<BTreeMap<String, usize>> {
    let mut present: HashSet<OsString> =
        entries(images)?.iter().map(|entry| entry.file_name()).collect();
    let is_missing = |row: &&Row| !present.contains(std::ffi::OsStr::new(row.image));
    let mut missing = rows.iter().filter(is_missing);
    if let Some(first) = missing.next() {
        let message = format!(
            "image {:?} is not in {} ({} of {} listed images are missing)",
            first.image,
            images.display(),
            1 + missing.count(),
            rows.len()
        );
        return Err(Error::data(attribute_file, first.line, message));
    }
    for row in rows {
        present.remove(std::ffi::OsStr::new(row.image));
    }
    let mut left_out = BTreeMap::new();
    for name in present {
        let kind = kind(&name.to_string_lossy());
        *left_out.entry(format!("{kind} not in the list")).or_default() += 1;
    }
    Ok(left_out)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::data::summary::Summary;

    const FACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces");

    /// `names` as empty files in `images`, all of them Male.
    fn folder(names: &[impl AsRef<str>]) -> (TempDir, Result<CelebA>) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("images")).unwrap();
        let mut list = format!("{}\nMale\n", names.len());
        for name in names.iter().map(AsRef::as_ref) {
            fs::write(folder.path().join("images").join(name), []).unwrap();
            list += &format!("{name} 1\n");
        }
        fs::write(folder.path().join("list_attr.txt"), list).unwrap();
        let opened = open(&folder);
        (folder, opened)
    }

    fn open(folder: &TempDir) -> Result<CelebA> {
        CelebA::open(folder, &LabelSpace::attributes(["Male"]))
    }

    #[test]
    fn the_bundled_faces_open() {
        let labels = LabelSpace::attributes(["Eyeglasses", "Black_Hair", "Brown_Hair"]);
        let data = CelebA::open(format!("{FACES}/train"), &labels).unwrap();
        assert_eq!(data.len(), 2_000);
        assert_eq!(data.find("00000.png"), Some(0));
        assert_eq!(data.label(0), [1.0, 0.0, 1.0]);
        assert_eq!(data.load(0).unwrap().dimensions(), (64, 64));
        assert_eq!(data.crop(), Crop::Square);
        assert_eq!(data.with_crop(Crop::Centre(178)).crop(), Crop::Centre(178));
    }

    #[test]
    fn every_layout_is_found() {
        let (folder, _) = folder(&["a.jpg"]);
        let at = |name| folder.path().join(name);
        fs::create_dir(at("Img")).unwrap();
        fs::create_dir(at("Anno")).unwrap();
        fs::rename(at("images"), at("Img/img_align_celeba")).unwrap();
        fs::rename(at("list_attr.txt"), at("Anno/list_attr_celeba.txt")).unwrap();
        assert_eq!(open(&folder).unwrap().len(), 1);
        fs::remove_file(at("Anno/list_attr_celeba.txt")).unwrap();
        assert!(open(&folder).unwrap_err().to_string().contains("expected an attribute list"));
        fs::rename(at("Img"), at("other")).unwrap();
        assert!(open(&folder).unwrap_err().to_string().contains("expected a folder of images"));
    }

    #[test]
    fn images_that_the_list_lacks_are_counted() {
        let (folder, _) = folder(&["a.jpg", "b.png"]);
        for name in ["c.JPG", "d.jpg", "e.heic", ".DS_Store"] {
            fs::write(folder.path().join("images").join(name), []).unwrap();
        }
        fs::create_dir(folder.path().join("images/old")).unwrap();
        let data = open(&folder).unwrap();
        let expected = "2 images (1 .jpg, 1 .png): Male 2; left out: 1 .heic not in the list, \
                        2 .jpg not in the list, 1 hidden not in the list, \
                        1 without ending not in the list";
        assert_eq!(Summary::new(&data).to_string(), expected);
        let part = Summary::new(&data.subset(&[1])).to_string();
        let others = "1 in other parts of the split, 1 without ending not in the list";
        assert!(
            part.starts_with("1 images (1 .png): Male 1; ") && part.ends_with(others),
            "{part}"
        );
    }

    #[test]
    fn missing_and_repeated_images_name_their_line() {
        let (folder, _) = folder(&["a.jpg", "b.jpg", "c.jpg"]);
        fs::remove_file(folder.path().join("images/b.jpg")).unwrap();
        fs::remove_file(folder.path().join("images/c.jpg")).unwrap();
        let message = open(&folder).unwrap_err().to_string();
        assert!(message.contains("list_attr.txt:4: image \"b.jpg\" is not in "), "{message}");
        assert!(message.ends_with("(2 of 3 listed images are missing)"), "{message}");

        let (_folder, data) = self::folder(&["a.jpg", "a.jpg"]);
        let message = data.unwrap_err().to_string();
        assert!(message.ends_with(":4: image \"a.jpg\" is listed a second time"), "{message}");
    }

    #[test]
    fn classes_are_refused() {
        let message = CelebA::open(format!("{FACES}/train"), &LabelSpace::classes(["Male"]))
            .unwrap_err()
            .to_string();
        assert!(message.contains("expected a label space of attributes"), "{message}");
    }
}
