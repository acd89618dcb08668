//! From an image of any size to what a network sees, and back.

use std::fmt;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::{RgbImage, imageops};
use serde::{Deserialize, Deserializer, Serialize};

use crate::data::image::MAX_IMAGE_SIDE;
use crate::error::{Error, Result};

/// The part of an image that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crop {
    /// The centre square of so many pixels a side, whatever the image's size. Of an image that is
    /// smaller, the largest centre square.
    Centre(#[serde(deserialize_with = "side")] u32),
    /// The largest centre square: of CelebA's aligned images of 178 x 218 pixels, the 178 pixels
    /// that the public PyTorch code takes.
    Square,
    /// A square anywhere, such as one face of a group. Of an image that does not hold all of it,
    /// the nearest square that it holds; [`check_holds`](Self::check_holds) tells.
    At {
        /// Columns left of it.
        left: u32,
        /// Rows above it.
        top: u32,
        /// Its side, in pixels.
        #[serde(deserialize_with = "side")]
        side: u32,
    },
}

/// A square part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Square {
    /// Columns left of it.
    pub left: u32,
    /// Rows above it.
    pub top: u32,
    /// Its side.
    pub side: u32,
}

impl Square {
    /// What it shows of `image`.
    fn cut(self, image: &RgbImage) -> RgbImage {
        imageops::crop_imm(image, self.left, self.top, self.side, self.side).to_image()
    }
}

const NO_CROP: &str = "the crop is 0 pixels; it must be at least 1";

/// A side that a file gives.
fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(serde::de::Error::custom(NO_CROP)),
        side => Ok(side),
    }
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Centre(side) => write!(f, "the centre square of {side} pixels"),
            Self::Square => f.write_str("the largest centre square"),
            Self::At { left, top, side } => {
                write!(f, "the square of {side} pixels at {left},{top}")
            }
        }
    }
}

impl Crop {
    /// The part of `image` that is used.
    pub fn apply(self, image: &RgbImage) -> RgbImage {
        self.square(image.width(), image.height()).cut(image)
    }

    /// Refuses an image of this size that does not hold all of a square
    /// [`At`](Self::At) somewhere. Centre squares every image has.
    ///
    /// # Errors
    /// [`Error::Config`] with both sizes.
    pub fn check_holds(self, width: u32, height: u32) -> Result<()> {
        let Self::At { left, top, side } = self else { return Ok(()) };
        let reaches = |start: u32, length: u32| u64::from(start) + u64::from(side) > length.into();
        if reaches(left, width) || reaches(top, height) {
            return Err(Error::Config(format!(
                "{self} reaches beyond the image of {width} x {height} pixels"
            )));
        }
        Ok(())
    }

    /// The share of the area of an image of this size that is left out, from 0 to 1.
    pub fn left_out(self, width: u32, height: u32) -> f64 {
        let Square { side, .. } = self.square(width, height);
        let area = f64::from(width) * f64::from(height);
        if area > 0.0 { 1.0 - f64::from(side).powi(2) / area } else { 0.0 }
    }

    /// Whether more than half of the area of an image of this size is left out.
    pub fn leaves_out_most(self, width: u32, height: u32) -> bool {
        self.left_out(width, height) > 0.5
    }

    /// The crop of a photo of this size from elsewhere, where those trained on had this one: the
    /// same, or [`Square`](Self::Square) where it would leave out most of the photo, or the photo
    /// doesn't [hold](Self::check_holds) it. The middle 178 pixels of a photo of 3000 are no face.
    pub fn for_photo(self, width: u32, height: u32) -> Self {
        let fits = self.check_holds(width, height).is_ok() && !self.leaves_out_most(width, height);
        if fits { self } else { Self::Square }
    }

    /// Where it is in an image of this size.
    pub fn square(self, width: u32, height: u32) -> Square {
        let largest = width.min(height);
        // torchvision's CenterCrop rounds as Python does: halves to the even number.
        let start = |length: u32, side| (f64::from(length - side) / 2.0).round_ties_even() as u32;
        let centre = |side| Square { left: start(width, side), top: start(height, side), side };
        match self {
            Self::Centre(side) => centre(side.min(largest)),
            Self::Square => centre(largest),
            Self::At { left, top, side } => {
                let side = side.min(largest);
                Square { left: left.min(width - side), top: top.min(height - side), side }
            }
        }
    }
}

/// Flip, centre crop, resize and normalise, as the public PyTorch code does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// The part of an image that is used.
    pub crop: Crop,
    /// The side of the result, in pixels.
    pub size: u32,
}

impl Transform {
    /// Checks that there is something to see after it.
    ///
    /// # Errors
    /// [`Error::Config`] when the crop is empty, or the size is 0 or beyond any image.
    pub fn check(&self) -> Result<()> {
        if matches!(self.crop, Crop::Centre(0) | Crop::At { side: 0, .. }) {
            return Err(Error::Config(NO_CROP.to_owned()));
        }
        if !(1..=MAX_IMAGE_SIDE).contains(&self.size) {
            return Err(Error::Config(format!(
                "the images are {} pixels a side; they must be 1 to {MAX_IMAGE_SIDE}",
                self.size
            )));
        }
        Ok(())
    }

    /// The network's view of `image`: `[3, size, size]`, row-major, in `[-1, 1]`.
    ///
    /// # Panics
    /// When `image`, the crop or `size` is empty.
    pub fn apply(&self, image: &RgbImage) -> Vec<f32> {
        to_network(&self.cropped_and_resized(image, false, whole))
    }

    /// The network's view of the mirrored `image`.
    ///
    /// # Panics
    /// As [`apply`](Self::apply).
    pub fn apply_mirrored(&self, image: &RgbImage) -> Vec<f32> {
        to_network(&self.cropped_and_resized(image, true, whole))
    }

    /// The network's view of a part of the crop of `image`, mirrored or not. `part` says which, of
    /// a square of so many pixels.
    ///
    /// # Panics
    /// As [`apply`](Self::apply), and when the part is empty or not within the square.
    pub(crate) fn apply_part(
        &self,
        image: &RgbImage,
        flip: bool,
        part: impl Fn(u32) -> Square,
    ) -> Vec<f32> {
        to_network(&self.cropped_and_resized(image, flip, part))
    }

    /// `image` cropped and resized to `size x size`, without normalising.
    ///
    /// The resize is bilinear and antialiased, within one level of 255 of PIL's.
    ///
    /// # Panics
    /// When `image`, the crop or `size` is empty.
    pub fn crop_and_resize(&self, image: &RgbImage) -> RgbImage {
        self.cropped_and_resized(image, false, whole)
    }

    /// `image`, of which nothing is cropped, resized as [`crop_and_resize`](Self::crop_and_resize)
    /// does.
    ///
    /// # Panics
    /// When `image` or `size` is empty.
    pub fn resize(&self, image: &RgbImage) -> RgbImage {
        assert!(image.width().min(image.height()) > 0 && self.size > 0, "an empty image or size");
        resize(image.clone(), self.size)
    }

    fn cropped_and_resized(
        &self,
        image: &RgbImage,
        flip: bool,
        part: impl Fn(u32) -> Square,
    ) -> RgbImage {
        let whole = self.crop.square(image.width(), image.height());
        let part = part(whole.side);
        assert!(part.side + part.left.max(part.top) <= whole.side, "a part beyond the crop");
        let (left, top) = (whole.left + part.left, whole.top + part.top);
        let mut square = Square { left, top, ..part };
        assert!(square.side > 0 && self.size > 0, "an empty image, crop or size");
        // The crop of the mirrored image is the mirror of a crop, which has fewer pixels to move.
        if flip {
            square.left = image.width() - square.side - square.left;
        }
        let mut crop = square.cut(image);
        if flip {
            imageops::flip_horizontal_in_place(&mut crop);
        }
        resize(crop, self.size)
    }
}

/// All of a square.
fn whole(side: u32) -> Square {
    Square { left: 0, top: 0, side }
}

fn resize(image: RgbImage, size: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    if (width, height) == (size, size) {
        return image;
    }
    let source = ImageRef::new(width, height, image.as_raw(), PixelType::U8x3)
        .expect("an RgbImage has three bytes per pixel");
    let mut resized = Image::new(size, size, PixelType::U8x3);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false);
    Resizer::new()
        .resize(&source, &mut resized, &options)
        .expect("both images have the same pixel type");
    RgbImage::from_raw(size, size, resized.into_vec()).expect("three bytes per pixel")
}

/// 8-bit RGB to `[3, height, width]`, row-major, in `[-1, 1]`.
pub fn to_network(image: &RgbImage) -> Vec<f32> {
    let pixels = image.as_raw();
    (0..3)
        .flat_map(|channel| pixels.iter().skip(channel).step_by(3))
        .map(|&value| f32::from(value) / 127.5 - 1.0)
        .collect()
}

/// `[3, height, width]` in `[-1, 1]` to 8-bit RGB: clamped and rounded, the inverse of
/// [`to_network`].
///
/// # Panics
/// When `chw` does not hold `3 * height * width` values.
pub fn to_rgb_image(chw: &[f32], width: u32, height: u32) -> RgbImage {
    let plane = width as usize * height as usize;
    assert_eq!(chw.len(), 3 * plane, "a {width}x{height} image has {} values", 3 * plane);
    let level = |value: f32| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
    let pixels = (0..plane).flat_map(|at| (0..3).map(move |channel| chw[channel * plane + at]));
    RgbImage::from_raw(width, height, pixels.map(level).collect()).expect("three bytes per pixel")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::Rgb;

    use super::*;
    use crate::data::image::load_image;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pil");

    /// PIL and fast_image_resize both resize in fixed point, with coefficients of other precision.
    const TOLERANCE_LEVELS: u8 = 1;

    #[test]
    fn matches_pil_and_torchvision() {
        let cases = fs::read_to_string(format!("{FIXTURES}/cases.txt")).unwrap();
        let mut checked = 0;
        for case in cases.lines() {
            let fields: Vec<_> = case.split(' ').collect();
            let [input, crop, size, flip, expected] = fields[..] else { panic!("{case}") };
            let crop = crop.parse().map_or(Crop::Square, Crop::Centre);
            let transform = Transform { crop, size: size.parse().unwrap() };
            let input = load_image(format!("{FIXTURES}/{input}")).unwrap();
            let ours = transform.cropped_and_resized(&input, flip == "flip", whole);
            let expected = load_image(format!("{FIXTURES}/{expected}")).unwrap();
            assert_eq!(ours.dimensions(), expected.dimensions(), "{case}");
            let distance = |(a, b): (&u8, &u8)| a.abs_diff(*b);
            let worst = ours.as_raw().iter().zip(expected.as_raw()).map(distance).max();
            assert!(worst <= Some(TOLERANCE_LEVELS), "{case}: {worst:?}");
            checked += 1;
        }
        assert!(checked >= 5);
    }

    #[test]
    fn crops_are_centred_as_torchvision_centres_them() {
        let square = |side, left, top| Square { left, top, side };
        assert_eq!(Crop::Centre(178).square(178, 218), square(178, 0, 20));
        assert_eq!(Crop::Centre(44).square(61, 53), square(44, 8, 4));
        assert_eq!(Crop::Square.square(61, 53), square(53, 4, 0));
        assert_eq!(Crop::Centre(178).square(64, 100), square(64, 0, 18));
    }

    #[test]
    fn a_crop_somewhere_lies_in_the_image() {
        let crop = Crop::At { left: 20, top: 5, side: 30 };
        assert_eq!(crop.square(61, 53), Square { left: 20, top: 5, side: 30 });
        assert_eq!(crop.square(40, 53), Square { left: 10, top: 5, side: 30 });
        assert_eq!(crop.square(61, 9), Square { left: 20, top: 0, side: 9 });
        crop.check_holds(50, 35).unwrap();
        Crop::Centre(178).check_holds(3, 3).unwrap();
        for (width, height) in [(49, 35), (50, 34)] {
            let error = crop.check_holds(width, height).unwrap_err().to_string();
            let expected = "the square of 30 pixels at 20,5 reaches beyond the image of";
            assert!(error.starts_with(expected), "{error}");
        }
        let far = Crop::At { left: u32::MAX, top: u32::MAX, side: u32::MAX };
        assert!(far.check_holds(50, 35).is_err());
        assert_eq!(far.square(50, 35), Square { left: 15, top: 0, side: 35 });
    }

    #[test]
    fn a_crop_says_what_it_leaves_out() {
        assert_eq!(Crop::Square.left_out(64, 64), 0.0);
        assert!((Crop::Square.left_out(300, 100) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(Crop::Centre(178).left_out(178, 218), Crop::Square.left_out(178, 218));
        assert!((Crop::Centre(178).left_out(1024, 1024) - 0.9698).abs() < 1e-4);
        assert_eq!(Crop::Square.left_out(0, 7), 0.0);
        assert!(Crop::Square.leaves_out_most(300, 100));
        assert!(!Crop::Centre(178).leaves_out_most(178, 218));
        assert!(!Crop::Centre(50).leaves_out_most(100, 50), "half is not most");
    }

    #[test]
    fn a_photo_that_would_lose_most_is_squared() {
        let crop = Crop::Centre(178);
        assert_eq!(crop.for_photo(178, 218), crop);
        assert_eq!(crop.for_photo(250, 250), crop);
        assert_eq!(crop.for_photo(3000, 2000), Crop::Square);
        assert_eq!(Crop::Square.for_photo(300, 100), Crop::Square);
        let at = Crop::At { left: 10, top: 10, side: 90 };
        assert_eq!((at.for_photo(100, 100), at.for_photo(99, 100)), (at, Crop::Square));
    }

    #[test]
    fn channels_come_first_and_flips_mirror() {
        let image = RgbImage::from_fn(2, 2, |x, y| Rgb([255, 0, 255 * (x + y).min(1) as u8]));
        let transform = Transform { crop: Crop::Square, size: 2 };
        let plain = [1., 1., 1., 1., -1., -1., -1., -1., -1., 1., 1., 1.];
        let mirrored = [1., 1., 1., 1., -1., -1., -1., -1., 1., -1., 1., 1.];
        assert_eq!(transform.apply(&image), plain);
        assert_eq!(transform.apply_mirrored(&image), mirrored);
    }

    #[test]
    fn a_part_is_cut_out_of_the_crop_mirrored_or_not() {
        let image = RgbImage::from_fn(9, 6, |x, y| Rgb([x as u8, y as u8, 0]));
        let transform = Transform { crop: Crop::Square, size: 3 };
        let part = |side: u32| {
            assert_eq!(side, 6);
            Square { left: 1, top: 2, side: 3 }
        };
        // The crop is the six columns from 2 on: halves are rounded to the even number.
        let cut = |flip| to_rgb_image(&transform.apply_part(&image, flip, part), 3, 3);
        let corner = |image: &RgbImage, x| *image.get_pixel(x, 0);
        assert_eq!([0, 2].map(|x| corner(&cut(false), x)), [Rgb([3, 2, 0]), Rgb([5, 2, 0])]);
        assert_eq!(corner(&cut(true), 0).0[1], 2);
        assert!(corner(&cut(true), 0).0[0] > corner(&cut(true), 2).0[0], "mirrored");
    }

    #[test]
    fn every_level_survives_the_round_trip() {
        let image = RgbImage::from_fn(16, 16, |x, y| Rgb([(16 * y + x) as u8, x as u8, y as u8]));
        let network = to_network(&image);
        assert!(network.iter().all(|value| (-1.0..=1.0).contains(value)));
        assert_eq!(to_rgb_image(&network, 16, 16), image);
    }

    #[test]
    fn values_beyond_the_range_are_clamped() {
        assert_eq!(to_rgb_image(&[-3.0, 0.0, 7.0], 1, 1).as_raw(), &[0, 128, 255]);
    }

    #[test]
    fn a_transform_reads_as_it_is_written() {
        let transform = Transform { crop: Crop::Centre(178), size: 128 };
        let json = serde_json::to_string(&transform).unwrap();
        assert_eq!(json, r#"{"crop":{"centre":178},"size":128}"#);
        assert_eq!(serde_json::from_str::<Transform>(&json).unwrap(), transform);
    }

    #[test]
    fn what_leaves_nothing_to_see_is_refused() {
        let check = |crop, size| Transform { crop, size }.check().map_err(|e| e.to_string());
        for size in [1, 2, 128, MAX_IMAGE_SIDE] {
            assert_eq!(check(Crop::Square, size), Ok(()));
            assert_eq!(check(Crop::Centre(1), size), Ok(()));
        }
        for size in [0, MAX_IMAGE_SIDE + 1, 4_294_967_294, u32::MAX] {
            let expected = format!("the images are {size} pixels a side; they must be 1 to 16384");
            assert_eq!(check(Crop::Square, size), Err(expected));
        }
        let none = "the crop is 0 pixels; it must be at least 1";
        assert_eq!(check(Crop::Centre(0), 128), Err(none.to_owned()));
        for zero in [r#"{"centre":0}"#, r#"{"at":{"left":1,"top":1,"side":0}}"#] {
            let error = serde_json::from_str::<Crop>(zero).unwrap_err().to_string();
            assert!(error.starts_with(none), "{error}");
        }
    }
}
