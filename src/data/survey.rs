//! What reading every image of a dataset once finds.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use image::GenericImageView;
use rayon::prelude::*;

use crate::data::channels::Channels;
use crate::data::crop::Crop;
use crate::data::dataset::{Dataset, load};
use crate::data::size::ImageSize;

/// What reading every image of a dataset once has found: which can't be read, how large they are,
/// and which are the same.
///
/// ```
/// use stargan::{Folder, data::Survey};
///
/// # fn main() -> stargan::Result<()> {
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");
/// let survey = Survey::new(&Folder::open(format!("{root}/expressions/test"))?);
/// assert_eq!(survey.smallest, Some((64, 64)));
/// assert_eq!(survey.smaller_than(128), 250);
/// assert!(survey.unreadable.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Survey {
    /// The images that can't be read, in the order of the dataset.
    pub unreadable: Vec<UnreadableImage>,
    /// Width and height of the image with the shortest shorter side, in pixels; none where no
    /// image can be read.
    pub smallest: Option<(u32, u32)>,
    /// Width and height of the image with the longest shorter side.
    pub largest: Option<(u32, u32)>,
    images: Vec<Image>,
    /// The part of them that is used.
    crop: Option<Crop>,
}

/// An image that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableImage {
    /// Its name in the dataset.
    pub name: String,
    /// Why it can't be read.
    pub reason: String,
}

/// One of the images that are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SameImage<'a> {
    /// Which of the surveys has it, from 0.
    pub survey: usize,
    /// Its name in the dataset.
    pub name: &'a str,
}

/// An image that can be read.
#[derive(Clone, Debug)]
struct Image {
    name: String,
    size: (u32, u32),
    /// Of the size and all pixels, in 64 bits: of a million different images, two have the same
    /// with a probability of 3e-8.
    hash: u64,
}

impl Survey {
    /// Reads every image of `data` once, on all of rayon's threads.
    pub fn new(data: &dyn Dataset) -> Self {
        let read: Vec<_> = (0..data.len()).into_par_iter().map(|image| look(data, image)).collect();
        let mut survey = Self { crop: Some(data.crop()), ..Self::default() };
        for read in read {
            match read {
                Ok(image) => survey.images.push(image),
                Err(unreadable) => survey.unreadable.push(unreadable),
            }
        }
        let sizes = || survey.images.iter().map(|image| image.size);
        let shorter = |(width, height): &(u32, u32)| (*width.min(height), *width.max(height));
        survey.smallest = sizes().min_by_key(shorter);
        survey.largest = sizes().max_by_key(shorter);
        survey
    }

    /// How many images are enlarged for a training at this size: of how many the part that is used
    /// is smaller.
    pub fn smaller_than(&self, size: impl Into<ImageSize>) -> usize {
        let Some(crop) = self.crop else { return 0 };
        let size = size.into();
        let is_smaller = |image: &&Image| {
            let part = crop.region(size, image.size);
            (part.width as usize) < size.width || (part.height as usize) < size.height
        };
        self.images.iter().filter(is_smaller).count()
    }

    /// The images of all `surveys` that are there more than once, pixel by pixel, as files that are
    /// copies are: each group in the order of the surveys.
    pub fn same<'a>(surveys: &[&'a Self]) -> Vec<Vec<SameImage<'a>>> {
        let mut groups: Vec<Vec<SameImage<'a>>> = Vec::new();
        let mut known: HashMap<u64, usize> = HashMap::new();
        for (survey, of) in surveys.iter().enumerate() {
            for Image { name, hash, .. } in &of.images {
                let group = *known.entry(*hash).or_insert_with(|| {
                    groups.push(Vec::new());
                    groups.len() - 1
                });
                groups[group].push(SameImage { survey, name });
            }
        }
        groups.retain(|group| group.len() > 1);
        groups
    }
}

fn look(data: &dyn Dataset, index: usize) -> Result<Image, UnreadableImage> {
    let name = data.name(index).into_owned();
    match load(data, index) {
        Ok(pixels) => {
            let size = pixels.dimensions();
            let mut hasher = DefaultHasher::new();
            hasher.write_u32(size.0);
            // The same picture may be stored as grey, as RGB and with opacity.
            hasher.write(Channels::Rgba.convert(pixels).as_bytes());
            Ok(Image { name, size, hash: hasher.finish() })
        }
        Err(error) => Err(UnreadableImage { name, reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::RgbImage;

    use super::*;
    use crate::data::folder::Folder;

    #[test]
    fn what_is_unreadable_small_or_there_twice_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for class in ["a", "b"] {
            fs::create_dir(at(class)).unwrap();
        }
        let image = |width, height, red| {
            RgbImage::from_fn(width, height, |x, _| image::Rgb([red, x as u8, 0]))
        };
        image(20, 30, 1).save(at("a/1.png")).unwrap();
        image(40, 24, 2).save(at("a/2.png")).unwrap();
        // The pixels of a copy, in another file format.
        image(20, 30, 1).save(at("b/1.bmp")).unwrap();
        image(30, 20, 1).save(at("b/turned.png")).unwrap();
        fs::write(at("b/empty.png"), []).unwrap();
        let data = Folder::open(folder.path()).unwrap();
        let survey = Survey::new(&data);
        let [UnreadableImage { name, reason }] = &survey.unreadable[..] else {
            panic!("one is empty: {survey:?}")
        };
        assert_eq!(name, "b/empty.png");
        assert!(reason.contains("expected an image, found an empty file"), "{reason}");
        assert_eq!((survey.smallest, survey.largest), (Some((20, 30)), Some((40, 24))));
        let smaller: Vec<_> = [20, 21, 24, 25].map(|side: usize| survey.smaller_than(side)).into();
        assert_eq!(smaller, [0, 3, 3, 4]);
        let cropped = Survey::new(&data.with_crop(Crop::Centre(10)));
        assert_eq!((cropped.smaller_than(10), cropped.smaller_than(11)), (0, 4));
        let wide = |width, height| survey.smaller_than(ImageSize::new(width, height));
        assert_eq!((wide(20, 10), wide(21, 10), wide(40, 20), wide(42, 20)), (0, 2, 3, 4));

        // The same picture in grey, and stored as colours.
        fs::create_dir(at("c")).unwrap();
        let grey = image::GrayImage::from_fn(9, 9, |x, y| image::Luma([(20 * x + y) as u8]));
        grey.save(at("c/grey.png")).unwrap();
        image::DynamicImage::from(grey).into_rgb8().save(at("c/colours.png")).unwrap();
        let grey = Survey::new(&Folder::open(folder.path()).unwrap());
        let names = |same: &[SameImage<'_>]| same.iter().map(|of| of.name.to_owned()).collect();
        let same: Vec<Vec<String>> = Survey::same(&[&grey]).iter().map(|of| names(of)).collect();
        assert!(same.contains(&vec!["c/colours.png".to_owned(), "c/grey.png".to_owned()]));

        let same = |survey, name| SameImage { survey, name };
        assert_eq!(Survey::same(&[&survey]), [[same(0, "a/1.png"), same(0, "b/1.bmp")]]);
        let twice = Survey::same(&[&survey, &cropped]);
        assert_eq!(twice.len(), 3);
        assert_eq!(twice[1], [same(0, "a/2.png"), same(1, "a/2.png")]);
    }
}
