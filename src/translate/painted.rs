//! What a generator makes of images, and where: its images and their masks.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use image::DynamicImage;

use crate::translate::images::download;

/// What a grid calls a mask.
const MASK: &str = "mask";

/// Whether the masks of a generator that has some are kept, which takes a transfer from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Masks {
    Kept,
    Dropped,
}

/// What a generator makes of images: as many, of their size and kind.
#[derive(Clone, Debug)]
pub(crate) struct Painted {
    pub images: Vec<DynamicImage>,
    /// Grey images, where they are kept of a generator that has masks: white where its image is
    /// painted anew, black where it is the one that it was.
    pub masks: Option<Vec<DynamicImage>>,
}

impl Painted {
    /// Nothing of which is painted yet.
    pub fn untouched(images: Vec<DynamicImage>) -> Self {
        Self { images, masks: None }
    }

    /// What `next` is of the images that these have been made of, given that it is made of these.
    pub fn then(self, next: Self) -> Self {
        let masks = match (self.masks, next.masks) {
            (Some(first), Some(second)) => Some(
                first.into_iter().zip(&second).map(|(one, other)| either(one, other)).collect(),
            ),
            (first, second) => second.or(first),
        };
        Self { images: next.images, masks }
    }

    /// What a generator has made: images `[N, C, H, W]` in `[-1, 1]`, and masks `[N, 1, H, W]` in
    /// `[0, 1]`, rounded to 8 bits.
    pub fn download<B: Backend>(
        (images, masks): (Tensor<B, 4>, Option<Tensor<B, 4>>),
        kept: Masks,
    ) -> Self {
        let masks = masks.filter(|_| kept == Masks::Kept);
        let masks = masks.map(|masks| download(masks * 2.0 - 1.0));
        Self { images: download(images), masks }
    }

    /// Further ones of the same generator.
    pub fn extend(&mut self, more: Self) {
        self.images.extend(more.images);
        if let Some(masks) = more.masks {
            self.masks.get_or_insert_default().extend(masks);
        }
    }

    /// Of every image its upper left part.
    pub fn cropped(self, width: u32, height: u32) -> Self {
        let crop = |images: Vec<DynamicImage>| {
            images.iter().map(|image| image.crop_imm(0, 0, width, height)).collect()
        };
        Self { images: crop(self.images), masks: self.masks.map(crop) }
    }

    /// Columns of a grid, each with what it shows: the images, which are `name`, then the masks.
    pub fn columns(self, name: &str) -> impl Iterator<Item = (String, Vec<DynamicImage>)> {
        let masks = self.masks.map(|masks| (MASK.to_owned(), masks));
        [(name.to_owned(), self.images)].into_iter().chain(masks)
    }

    /// Every image by itself.
    pub fn each(self) -> impl Iterator<Item = Self> {
        let mut masks = self.masks.map(Vec::into_iter);
        self.images.into_iter().map(move |image| Self {
            images: vec![image],
            masks: masks.as_mut().map(|masks| masks.take(1).collect()),
        })
    }

    /// The only image, and its mask.
    ///
    /// # Panics
    /// When there is none.
    pub fn into_one(mut self) -> (DynamicImage, Option<DynamicImage>) {
        (self.images.remove(0), self.masks.map(|mut masks| masks.remove(0)))
    }
}

/// How much of a pixel is not the first image's after two masks: what neither of them leaves.
fn either(first: DynamicImage, second: &DynamicImage) -> DynamicImage {
    let mut mask = first.into_luma8();
    for (one, other) in mask.iter_mut().zip(second.as_bytes()) {
        let [left, of] = [*one, *other].map(|level| u16::from(u8::MAX - level));
        *one = u8::MAX - ((left * of + 127) / 255) as u8;
    }
    mask.into()
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma};

    use super::*;

    fn grey(level: u8) -> DynamicImage {
        GrayImage::from_pixel(1, 1, Luma([level])).into()
    }

    fn painted(level: u8, mask: Option<u8>) -> Painted {
        Painted { images: vec![grey(level)], masks: mask.map(|mask| vec![grey(mask)]) }
    }

    #[test]
    fn after_two_masks_only_what_both_leave_is_the_first_image() {
        let mask = |masks: [u8; 2]| {
            let made = Painted::untouched(vec![grey(9)]);
            let made = masks.into_iter().fold(made, |made, mask| made.then(painted(1, Some(mask))));
            let (image, mask) = made.into_one();
            assert_eq!(image, grey(1));
            mask.unwrap().into_luma8()[(0, 0)].0[0]
        };
        for level in [0, 1, 100, 255] {
            assert_eq!((mask([level, 0]), mask([0, level])), (level, level));
            assert_eq!((mask([level, 255]), mask([255, level])), (255, 255));
        }
        // Half of a half is left.
        assert_eq!(mask([128, 128]), 192);
        assert_eq!(painted(9, None).then(painted(1, None)).into_one(), (grey(1), None));
    }

    #[test]
    fn a_column_of_masks_is_where_there_are_some() {
        let names = |made: Painted| made.columns("Male").map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(painted(1, Some(2))), ["Male", "mask"]);
        assert_eq!(names(painted(1, None)), ["Male"]);
    }
}
