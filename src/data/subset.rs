//! Some of a dataset's images, in an order of their own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use image::DynamicImage;

use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::space::LabelSpace;

/// Some images of a dataset, such as those of one domain, or one side of pairs of images.
#[derive(Clone, Debug)]
pub struct Subset {
    data: Arc<dyn Dataset>,
    images: Vec<usize>,
}

impl Subset {
    /// The images at the positions `images` of `data`, in that order; one may come several times.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no such image.
    pub fn new(data: Arc<dyn Dataset>, images: impl IntoIterator<Item = usize>) -> Result<Self> {
        let images: Vec<usize> = images.into_iter().collect();
        if let Some(image) = images.iter().find(|&&image| image >= data.len()) {
            return Err(Error::Config(format!(
                "there is no image {image}: the dataset has {}, counted from 0",
                data.len()
            )));
        }
        Ok(Self { data, images })
    }

    /// The images whose label `name` is 1.
    ///
    /// # Errors
    /// [`Error::Label`] when the data have no such label.
    pub fn labelled(data: Arc<dyn Dataset>, name: &str) -> Result<Self> {
        let label = data.labels().index_of(name)?;
        let images = (0..data.len()).filter(|&image| data.label(image)[label] == 1.0).collect();
        Ok(Self { data, images })
    }
}

impl Dataset for Subset {
    fn labels(&self) -> &LabelSpace {
        self.data.labels()
    }

    fn len(&self) -> usize {
        self.images.len()
    }

    fn label(&self, index: usize) -> &[f32] {
        self.data.label(self.images[index])
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.data.name(self.images[index])
    }

    fn crop(&self) -> Crop {
        self.data.crop()
    }

    fn load(&self, index: usize) -> Result<DynamicImage> {
        self.data.load(self.images[index])
    }

    fn left_out(&self) -> BTreeMap<String, usize> {
        self.data.left_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::celeba::CelebA;

    fn faces() -> Arc<dyn Dataset> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/test");
        let labels = LabelSpace::attributes(["Blond_Hair", "Male"]);
        Arc::new(CelebA::open(folder, &labels).unwrap())
    }

    #[test]
    fn positions_are_those_of_the_list_given() {
        let faces = faces();
        let subset = Subset::new(faces.clone(), [7, 2, 7]).unwrap();
        assert_eq!((subset.len(), subset.labels()), (3, faces.labels()));
        for (index, original) in [7, 2, 7].into_iter().enumerate() {
            assert_eq!(subset.name(index), faces.name(original));
            assert_eq!(subset.label(index), faces.label(original));
            assert_eq!(subset.load(index).unwrap(), faces.load(original).unwrap());
        }
        assert_eq!(subset.find(&faces.name(2)), Some(1));
        let error = Subset::new(faces, [0, 546]).err().unwrap().to_string();
        assert!(error.contains("no image 546: the dataset has 546"), "{error}");
    }

    #[test]
    fn a_domain_is_all_images_of_its_label() {
        let faces = faces();
        let blond = Subset::labelled(faces.clone(), "Blond_Hair").unwrap();
        let expected = (0..faces.len()).filter(|&image| faces.label(image)[0] == 1.0).count();
        assert!((1..faces.len()).contains(&expected));
        assert_eq!(blond.len(), expected);
        assert!((0..blond.len()).all(|image| blond.label(image)[0] == 1.0));
        assert!(Subset::labelled(faces, "Blonde").is_err());
    }
}
