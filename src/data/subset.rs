//! Some of a dataset's images, in an order of their own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use image::DynamicImage;

use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::space::LabelSpace;
use crate::random::{Purpose, permutation, stream};

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

    /// Holds back a share of the images with every label, drawn at random by `seed`: the others,
    /// and those held back. Of every label that has two images or more either has at least one.
    ///
    /// # Errors
    /// [`Error::Config`] when `share` is not above 0 and below 1.
    pub fn hold_back(data: Arc<dyn Dataset>, share: f64, seed: u64) -> Result<(Self, Self)> {
        if !(share > 0.0 && share < 1.0) {
            let message = format!("the share held back is above 0 and below 1, found {share}");
            return Err(Error::Config(message));
        }
        let mut alike: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
        for image in 0..data.len() {
            let label = data.label(image).iter().map(|&value| value > 0.0).collect();
            alike.entry(label).or_default().push(image);
        }
        let mut held_back = vec![false; data.len()];
        for (at, images) in alike.values().enumerate().filter(|(_, images)| images.len() > 1) {
            let most = images.len() - 1;
            let count = ((images.len() as f64 * share).round() as usize).clamp(1, most);
            let order = permutation(images.len(), stream(seed, Purpose::Split, at as u64, 0));
            order[..count].iter().for_each(|&at| held_back[images[at]] = true);
        }
        let part = |wanted| (0..data.len()).filter(|&at| held_back[at] == wanted).collect();
        let (others, held_back) = (part(false), part(true));
        Ok((Self { data: data.clone(), images: others }, Self { data, images: held_back }))
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

    #[test]
    fn a_tenth_of_every_label_is_held_back() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions/test");
        let data: Arc<dyn Dataset> = Arc::new(crate::data::folder::Folder::open(folder).unwrap());
        let split = |seed| Subset::hold_back(data.clone(), 0.1, seed).unwrap();
        let (others, held_back) = split(0);
        for class in data.labels().names() {
            let of = |part: &Subset| {
                let images = (0..part.len()).map(|at| part.name(at).into_owned());
                images.filter(|name| name.starts_with(class)).collect::<Vec<_>>()
            };
            let (others, held_back) = (of(&others), of(&held_back));
            assert_eq!((others.len(), held_back.len()), (45, 5), "{class}");
            assert!(held_back.iter().all(|name| !others.contains(name)));
        }
        assert_eq!(split(0).1.images, held_back.images);
        assert_ne!(split(1).1.images, held_back.images);
        for share in [0.0, 1.0, f64::NAN] {
            assert!(Subset::hold_back(data.clone(), share, 0).is_err(), "{share}");
        }
        let three = Arc::new(Subset::new(data.clone(), [0, 1, 60]).unwrap());
        let (others, held_back) = Subset::hold_back(three, 0.1, 0).unwrap();
        assert_eq!((others.len(), held_back.len()), (2, 1), "one of the two of a label");
    }
}
