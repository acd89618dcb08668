//! CelebA, and anything written in its format.

use std::{borrow::Cow, collections::BTreeMap, path::Path, sync::Arc};

use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use image::DynamicImage;

use crate::data::attributes::{Row, parse};
use crate::data::celeba_files::{CelebAFiles, MissingPolicy};
use crate::data::image::load_image;
use crate::data::listing::Listing;
use crate::data::presence::Presence;
use crate::data::whole::read_text;
use crate::error::{Error, Result};
use crate::labels::space::{LabelKind, LabelSpace};

/// A dataset in CelebA's format: a folder of images and a list of binary attributes.
///
/// Cheap to clone. Labels are the attributes asked for, in their order, 1 where the list says `1`
/// and 0 where it says `-1` or `0`.
#[derive(Clone, Debug)]
pub struct CelebA {
    pub(super) listing: Arc<Listing>,
    crop: Crop,
    missing: Arc<[String]>,
}

impl CelebA {
    /// Opens the files in `folder`, where [`CelebAFiles::find`] looks for them.
    ///
    /// # Errors
    /// As [`CelebAFiles::find`] and [`from_files`](Self::from_files).
    pub fn open(folder: impl AsRef<Path>, labels: &LabelSpace) -> Result<Self> {
        Self::from_files(&CelebAFiles::find(folder)?, labels)
    }

    /// Opens the images that the list of `files` has. Images that it has not are left out.
    ///
    /// # Errors
    /// When `labels` are classes; when the list cannot be read, breaks the format, lacks one of the
    /// `labels`, or names an image twice or, unless missing ones are skipped, one that is not
    /// there; the message gives the line. When none of its images is there.
    pub fn from_files(files: &CelebAFiles, labels: &LabelSpace) -> Result<Self> {
        let list = &files.attributes;
        if labels.kind() != LabelKind::Attributes {
            let message = "CelebA has binary attributes: expected a label space of attributes, \
                           found one of classes";
            return Err(Error::Label(message.to_owned()));
        }
        let text = read_text(list)?;
        let rows = parse(list, &text, labels)?;
        let images = files.image_folder();
        let names: Vec<&str> = rows.iter().map(|row| row.image).collect();
        let Presence { there, not_listed } = Presence::new(&images, &names)?;

        let absent = there.iter().filter(|there| !**there).count();
        let first = rows.iter().zip(&there).find(|(_, there)| !**there);
        if let Some((Row { line, image, .. }, _)) = first
            && (files.missing == MissingPolicy::Stop || absent == rows.len())
        {
            let message = format!(
                "image {image:?} is not in {} ({absent} of {} listed images are missing)",
                images.display(),
                rows.len()
            );
            return Err(Error::data(list, *line, message));
        }

        let mut listing = Listing::new(list, labels.clone());
        listing.left_out = not_listed;
        let mut missing = Vec::new();
        for (Row { line, image, label }, there) in rows.into_iter().zip(there) {
            if !there {
                missing.push(image.to_owned());
            } else if !listing.push(image.to_owned(), images.join(image), &label) {
                let message = format!("image {image:?} is listed a second time");
                return Err(Error::data(list, line, message));
            }
        }
        if !missing.is_empty() {
            listing.left_out.insert("listed but not there".to_owned(), missing.len());
        }
        Ok(Self { listing: Arc::new(listing), crop: Crop::Square, missing: missing.into() })
    }

    /// The listed images that are not there and were [skipped](MissingPolicy::Skip), in the order
    /// of the list.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Uses another part of the images than the largest one in the centre, which for squares is the
    /// middle 178 pixels of CelebA's aligned images of 178 x 218.
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
        Self { listing: Arc::new(listing), crop: self.crop, missing: self.missing.clone() }
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

    fn load(&self, index: usize) -> Result<DynamicImage> {
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
            let image = folder.path().join("images").join(name);
            fs::create_dir_all(image.parent().unwrap()).unwrap();
            fs::write(image, []).unwrap();
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
        assert_eq!(data.load(0).unwrap().width(), 64);
        assert_eq!(data.crop(), Crop::Square);
        assert_eq!(data.with_crop(Crop::Centre(178)).crop(), Crop::Centre(178));
    }

    #[test]
    fn every_layout_is_found() {
        let (folder, _) = folder(&["a.jpg"]);
        let at = |name| folder.path().join(name);
        fs::rename(at("list_attr.txt"), at("list_attr_celeba.csv")).unwrap();
        fs::write(at("list_attr_celeba.csv"), "image_id,Male\na.jpg,1\n").unwrap();
        fs::rename(at("images"), at("inner")).unwrap();
        fs::create_dir(at("img_align_celeba")).unwrap();
        fs::rename(at("inner"), at("img_align_celeba/img_align_celeba")).unwrap();
        let data = open(&folder).unwrap();
        assert_eq!((data.len(), data.label(0)), (1, &[1.0][..]));
        assert!(data.path(0).ends_with("img_align_celeba/img_align_celeba/a.jpg"));
        assert!(data.left_out().is_empty());

        fs::create_dir(at("Img")).unwrap();
        fs::create_dir(at("Anno")).unwrap();
        fs::rename(at("img_align_celeba/img_align_celeba"), at("Img/img_align_celeba")).unwrap();
        fs::remove_dir(at("img_align_celeba")).unwrap();
        fs::rename(at("list_attr_celeba.csv"), at("Anno/list_attr_celeba.csv")).unwrap();
        assert_eq!(open(&folder).unwrap().len(), 1);
        let files = CelebAFiles::find(&folder).unwrap();
        assert_eq!(files.attribute_names().unwrap(), ["Male"]);
        let message = files.partition().unwrap_err().to_string();
        assert!(message.contains("Anno: expected a file of the official split"), "{message}");
        fs::create_dir(at("Eval")).unwrap();
        fs::write(at("Eval/list_eval_partition.csv"), []).unwrap();
        assert!(files.partition().unwrap().ends_with("Eval/list_eval_partition.csv"));

        fs::remove_file(at("Anno/list_attr_celeba.csv")).unwrap();
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
    fn missing_images_are_left_out_where_that_is_asked_for() {
        let (folder, _) = folder(&["a.jpg", "people/b.jpg", "people/c.jpg"]);
        fs::remove_file(folder.path().join("images/people/b.jpg")).unwrap();
        let files = CelebAFiles::find(&folder).unwrap().with_missing(MissingPolicy::Skip);
        let open = || CelebA::from_files(&files, &LabelSpace::attributes(["Male"]));
        let data = open().unwrap();
        let expected = "2 images (2 .jpg): Male 2; left out: 1 listed but not there";
        assert_eq!(Summary::new(&data).to_string(), expected);
        assert_eq!(data.missing(), ["people/b.jpg"]);
        assert_eq!(data.find("people/c.jpg"), Some(1));
        assert!(data.path(1).ends_with("images/people/c.jpg"));

        fs::remove_dir_all(folder.path().join("images/people")).unwrap();
        assert_eq!(open().unwrap().len(), 1);
        fs::remove_file(folder.path().join("images/a.jpg")).unwrap();
        let message = open().unwrap_err().to_string();
        assert!(message.ends_with("(3 of 3 listed images are missing)"), "{message}");
    }

    #[test]
    fn classes_are_refused() {
        let message = CelebA::open(format!("{FACES}/train"), &LabelSpace::classes(["Male"]))
            .unwrap_err()
            .to_string();
        assert!(message.contains("expected a label space of attributes"), "{message}");
    }
}
