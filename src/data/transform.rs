//! From an image of any size to what a network sees, and back.

use std::fmt;

use image::DynamicImage;
use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::data::crop::{Crop, NO_CROP, Region};
use crate::data::image::MAX_IMAGE_SIDE;
use crate::data::network::to_network;
use crate::data::resized::resized;
use crate::data::size::ImageSize;
use crate::error::{Error, Result};

/// Flip, centre crop, resize and normalise, as the public PyTorch code does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// The part of an image that is used.
    pub crop: Crop,
    /// The size of the result.
    pub size: ImageSize,
    /// The channels of the result; files say those that are not RGB's.
    #[serde(default, skip_serializing_if = "is_rgb")]
    pub channels: Channels,
}

fn is_rgb(channels: &Channels) -> bool {
    *channels == Channels::Rgb
}

/// The part of an image that is used, in words.
impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crop, size, .. } = self;
        if size.is_square() {
            return crop.fmt(f);
        }
        let part = |side| {
            let [width, height] = size.with_shorter_side(side);
            format!("{width} x {height} pixels")
        };
        match *crop {
            Crop::Centre(side) => write!(f, "the centre part of {}", part(side)),
            Crop::Square => {
                let ImageSize { width, height } = size;
                write!(f, "the largest centre part of the shape {width} x {height}")
            }
            Crop::At { left, top, side } => write!(f, "the part of {} at {left},{top}", part(side)),
        }
    }
}

impl Transform {
    /// To RGB.
    pub const fn new(crop: Crop, size: ImageSize) -> Self {
        Self { crop, size, channels: Channels::Rgb }
    }

    /// Sets the channels of the result.
    pub const fn with_channels(mut self, channels: Channels) -> Self {
        self.channels = channels;
        self
    }

    /// Checks that there is something to see after it.
    ///
    /// # Errors
    /// [`Error::Config`] when the crop is empty, or the size is 0 or beyond any image.
    pub fn check(&self) -> Result<()> {
        if self.crop.is_empty() {
            return Err(Error::Config(NO_CROP.to_owned()));
        }
        let possible = |side: &usize| (1..=MAX_IMAGE_SIDE as usize).contains(side);
        match self.size.sides().iter().find(|side| !possible(side)) {
            None => Ok(()),
            Some(side) => Err(Error::Config(format!(
                "the images are {side} pixels a side; they must be 1 to {MAX_IMAGE_SIDE}"
            ))),
        }
    }

    /// Where the part that is used is in an image of `width` x `height` pixels.
    pub fn region(&self, width: u32, height: u32) -> Region {
        self.crop.region(self.size, (width, height))
    }

    /// The part of `image` that is used, at its own size and with its own channels.
    pub fn cut(&self, image: &DynamicImage) -> DynamicImage {
        self.region(image.width(), image.height()).cut(image)
    }

    /// Refuses an image of this size that does not hold all of a part [`At`](Crop::At) somewhere.
    /// Centre parts every image has.
    ///
    /// # Errors
    /// [`Error::Config`] with both sizes.
    pub fn check_holds(&self, width: u32, height: u32) -> Result<()> {
        let Crop::At { left, top, side } = self.crop else { return Ok(()) };
        let [across, down] = self.size.with_shorter_side(side);
        let reaches = |start: u32, part: u32, length: u32| {
            u64::from(start) + u64::from(part) > u64::from(length)
        };
        if reaches(left, across, width) || reaches(top, down, height) {
            return Err(Error::Config(format!(
                "{self} reaches beyond the image of {width} x {height} pixels"
            )));
        }
        Ok(())
    }

    /// The share of the area of an image of this size that is left out, from 0 to 1.
    pub fn left_out(&self, width: u32, height: u32) -> f64 {
        let Region { width: across, height: down, .. } = self.region(width, height);
        let area = f64::from(width) * f64::from(height);
        if area > 0.0 { 1.0 - f64::from(across) * f64::from(down) / area } else { 0.0 }
    }

    /// Whether more than half of the area of an image of this size is left out.
    pub fn leaves_out_most(&self, width: u32, height: u32) -> bool {
        self.left_out(width, height) > 0.5
    }

    /// What is done to a photo of this size from elsewhere, where this was done to those trained
    /// on: the same, or with the largest centre part ([`Crop::Square`]) where the crop would leave
    /// out most of the photo, or the photo doesn't [hold](Self::check_holds) it. The middle 178
    /// pixels of a photo of 3000 are no face.
    pub fn for_photo(self, width: u32, height: u32) -> Self {
        let fits = self.check_holds(width, height).is_ok() && !self.leaves_out_most(width, height);
        if fits { self } else { Self { crop: Crop::Square, ..self } }
    }

    /// The network's view of `image`: `[C, height, width]`, row-major, in `[-1, 1]`.
    ///
    /// # Panics
    /// When `image`, the crop or `size` is empty.
    pub fn apply(&self, image: &DynamicImage) -> Vec<f32> {
        to_network(&self.cropped_and_resized(image, false, whole))
    }

    /// The network's view of the mirrored `image`.
    ///
    /// # Panics
    /// As [`apply`](Self::apply).
    pub fn apply_mirrored(&self, image: &DynamicImage) -> Vec<f32> {
        to_network(&self.cropped_and_resized(image, true, whole))
    }

    /// The network's view of a part of the crop of `image`, mirrored or not. `part` says which, of
    /// so many columns and rows.
    ///
    /// # Panics
    /// As [`apply`](Self::apply), and when the part is empty or not within the crop.
    pub(crate) fn apply_part(
        &self,
        image: &DynamicImage,
        flip: bool,
        part: impl Fn([u32; 2]) -> Region,
    ) -> Vec<f32> {
        to_network(&self.cropped_and_resized(image, flip, part))
    }

    /// `image` cropped, with the model's [channels](Channels::convert), and resized to `size`; not
    /// normalised.
    ///
    /// The resize is bilinear and antialiased, within one level of 255 of PIL's. Pixels count as
    /// much as they are opaque.
    ///
    /// # Panics
    /// When `image`, the crop or `size` is empty.
    pub fn crop_and_resize(&self, image: &DynamicImage) -> DynamicImage {
        self.cropped_and_resized(image, false, whole)
    }

    /// `image`, of which nothing is cropped, resized as [`crop_and_resize`](Self::crop_and_resize)
    /// does.
    ///
    /// # Panics
    /// When `image` or `size` is empty.
    pub fn resize(&self, image: &DynamicImage) -> DynamicImage {
        let empty = image.width().min(image.height()) == 0 || self.is_nothing();
        assert!(!empty, "an empty image or size");
        self.resized(image.clone())
    }

    fn resized(&self, image: DynamicImage) -> DynamicImage {
        resized(self.channels.convert(image), self.channels, self.size)
    }

    fn cropped_and_resized(
        &self,
        image: &DynamicImage,
        flip: bool,
        part: impl Fn([u32; 2]) -> Region,
    ) -> DynamicImage {
        let whole = self.region(image.width(), image.height());
        let part = part([whole.width, whole.height]);
        let within =
            part.width + part.left <= whole.width && part.height + part.top <= whole.height;
        assert!(within, "a part beyond the crop");
        let (left, top) = (whole.left + part.left, whole.top + part.top);
        let mut region = Region { left, top, ..part };
        let empty = region.width.min(region.height) == 0 || self.is_nothing();
        assert!(!empty, "an empty image, crop or size");
        // The crop of the mirrored image is the mirror of a crop, which has fewer pixels to move.
        if flip {
            region.left = image.width() - region.width - region.left;
        }
        let mut crop = region.cut(image);
        if flip {
            crop.apply_orientation(Orientation::FlipHorizontal);
        }
        self.resized(crop)
    }

    /// Whether nothing is left after it.
    fn is_nothing(&self) -> bool {
        self.size.sides().contains(&0)
    }
}

/// All of a part.
fn whole([width, height]: [u32; 2]) -> Region {
    Region { left: 0, top: 0, width, height }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::{GenericImageView, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;
    use crate::data::image::load_image;
    use crate::data::network::to_image;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pil");

    /// PIL and we resize in fixed point, with coefficients of other precision.
    const TOLERANCE_LEVELS: u8 = 1;

    #[test]
    fn matches_pil_and_torchvision() {
        let cases = fs::read_to_string(format!("{FIXTURES}/cases.txt")).unwrap();
        for case in cases.lines() {
            let fields: Vec<_> = case.split(' ').collect();
            let [input, crop, size, flip, expected] = fields[..] else { panic!("{case}") };
            let crop = crop.parse().map_or(Crop::Square, Crop::Centre);
            let expected = load_image(format!("{FIXTURES}/{expected}")).unwrap();
            let channels = usize::from(expected.color().channel_count()).try_into().unwrap();
            let transform = Transform::new(crop, size.parse().unwrap()).with_channels(channels);
            let input = load_image(format!("{FIXTURES}/{input}")).unwrap();
            let ours = transform.cropped_and_resized(&input, flip == "flip", whole);
            assert_eq!(ours.dimensions(), expected.dimensions(), "{case}");
            let pairs = to_network(&ours).into_iter().zip(to_network(&expected));
            let worst = pairs.map(|(a, b)| (a - b).abs() * 127.5).fold(0.0, f32::max);
            // Opacity multiplies colours: both round before, then, and at the end.
            let times = if channels == Channels::Rgba { 3.0 } else { 1.0 };
            assert!(worst <= times * f32::from(TOLERANCE_LEVELS) + 1e-3, "{case}: {worst}");
        }
        assert!(cases.lines().count() >= 11);
    }

    /// Of a model of squares.
    fn square(crop: Crop) -> Transform {
        Transform::new(crop, ImageSize::square(16))
    }

    #[test]
    fn a_crop_somewhere_that_an_image_does_not_hold_is_refused() {
        let at = square(Crop::At { left: 20, top: 5, side: 30 });
        at.check_holds(50, 35).unwrap();
        square(Crop::Centre(178)).check_holds(3, 3).unwrap();
        for (width, height) in [(49, 35), (50, 34)] {
            let error = at.check_holds(width, height).unwrap_err().to_string();
            let expected = "the square of 30 pixels at 20,5 reaches beyond the image of";
            assert!(error.starts_with(expected), "{error}");
        }
        let far = Crop::At { left: u32::MAX, top: u32::MAX, side: u32::MAX };
        assert!(square(far).check_holds(50, 35).is_err());
        let wide = Transform { size: ImageSize::new(32, 16), ..at };
        wide.check_holds(80, 35).unwrap();
        let error = wide.check_holds(79, 35).unwrap_err().to_string();
        assert!(error.starts_with("the part of 60 x 30 pixels at 20,5 reaches beyond"), "{error}");
    }

    #[test]
    fn a_rectangle_is_the_part_of_its_shape() {
        let image = RgbImage::from_fn(12, 8, |x, y| Rgb([x as u8 * 20, y as u8 * 30, 0])).into();
        let size = ImageSize::new(6, 3);
        let transform = Transform::new(Crop::Square, size);
        assert_eq!(transform.cut(&image).dimensions(), (12, 6));
        assert_eq!(transform.crop_and_resize(&image).dimensions(), (6, 3));
        assert_eq!(transform.apply(&image).len(), 3 * 3 * 6);
        // Pairs of columns and rows: 0 and 20, then 1 and 2 of 30.
        let first = transform.crop_and_resize(&image).get_pixel(0, 0);
        assert!(first[0] <= 20 && (30..=75).contains(&first[1]), "{first:?}");
        let mirrored = to_image(&transform.apply_mirrored(&image), Channels::Rgb, 6, 3);
        assert_eq!(mirrored, transform.crop_and_resize(&image).fliph());
        assert_eq!(transform.to_string(), "the largest centre part of the shape 6 x 3");
        let centre = Transform::new(Crop::Centre(4), size);
        assert_eq!(centre.to_string(), "the centre part of 8 x 4 pixels");
        assert_eq!((transform.left_out(12, 6), transform.left_out(6, 6)), (0.0, 0.5));
    }

    #[test]
    fn a_crop_says_what_it_leaves_out() {
        let (largest, centre) = (square(Crop::Square), square(Crop::Centre(178)));
        assert_eq!(largest.left_out(64, 64), 0.0);
        assert!((largest.left_out(300, 100) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(centre.left_out(178, 218), largest.left_out(178, 218));
        assert!((centre.left_out(1024, 1024) - 0.9698).abs() < 1e-4);
        assert_eq!(largest.left_out(0, 7), 0.0);
        assert!(largest.leaves_out_most(300, 100));
        assert!(!centre.leaves_out_most(178, 218));
        assert!(!square(Crop::Centre(50)).leaves_out_most(100, 50), "half is not most");
    }

    #[test]
    fn a_photo_that_would_lose_most_is_squared() {
        let (largest, centre) = (square(Crop::Square), square(Crop::Centre(178)));
        assert_eq!(centre.for_photo(178, 218), centre);
        assert_eq!(centre.for_photo(250, 250), centre);
        assert_eq!(centre.for_photo(3000, 2000), largest);
        assert_eq!(largest.for_photo(300, 100), largest);
        let at = square(Crop::At { left: 10, top: 10, side: 90 });
        assert_eq!((at.for_photo(100, 100), at.for_photo(99, 100)), (at, largest));
    }

    #[test]
    fn channels_come_first_and_flips_mirror() {
        let image = RgbImage::from_fn(2, 2, |x, y| Rgb([255, 0, 255 * (x + y).min(1) as u8]));
        let image = image.into();
        let transform = Transform::new(Crop::Square, ImageSize::square(2));
        let plain = [1., 1., 1., 1., -1., -1., -1., -1., -1., 1., 1., 1.];
        let mirrored = [1., 1., 1., 1., -1., -1., -1., -1., 1., -1., 1., 1.];
        assert_eq!(transform.apply(&image), plain);
        assert_eq!(transform.apply_mirrored(&image), mirrored);
    }

    #[test]
    fn a_part_is_cut_out_of_the_crop_mirrored_or_not() {
        let image = RgbImage::from_fn(9, 6, |x, y| Rgb([x as u8, y as u8, 0])).into();
        let transform = Transform::new(Crop::Square, ImageSize::square(3));
        let part = |of: [u32; 2]| {
            assert_eq!(of, [6, 6]);
            Region { left: 1, top: 2, width: 3, height: 3 }
        };
        // The crop is the six columns from 2 on: halves are rounded to the even number.
        let cut = |flip| {
            let view = transform.apply_part(&image, flip, part);
            to_image(&view, Channels::Rgb, 3, 3).into_rgb8()
        };
        let corner = |image: &RgbImage, x| *image.get_pixel(x, 0);
        assert_eq!([0, 2].map(|x| corner(&cut(false), x)), [Rgb([3, 2, 0]), Rgb([5, 2, 0])]);
        assert_eq!(corner(&cut(true), 0).0[1], 2);
        assert!(corner(&cut(true), 0).0[0] > corner(&cut(true), 2).0[0], "mirrored");
    }

    #[test]
    fn images_become_what_the_model_sees() {
        let photo = RgbaImage::from_fn(4, 4, |x, _| match x {
            0 | 1 => Rgba([200, 100, 0, 255]),
            _ => Rgba([77, 77, 77, 0]),
        });
        let seen = |channels| {
            let transform = Transform::new(Crop::Square, 2.into()).with_channels(channels);
            transform.crop_and_resize(&photo.clone().into())
        };
        // A seventh of the colour, or of its grey, and six of white.
        let near = |channels, expected: [u8; 4]| {
            let found = seen(channels).get_pixel(1, 0).0;
            let furthest = found.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
            assert!(furthest <= Some(TOLERANCE_LEVELS), "{channels}: {found:?}");
        };
        near(Channels::Grey, [236, 236, 236, 255]);
        near(Channels::Rgb, [247, 233, 219, 255]);
        // A colour that is not seen leaves no trace in those beside it, which at an opacity of a
        // seventh have 36 levels.
        let [r, g, _, alpha] = seen(Channels::Rgba).get_pixel(1, 0).0;
        assert!((35..=37).contains(&alpha), "{alpha}");
        assert!(r.abs_diff(200) <= 7 && g.abs_diff(100) <= 7, "{r} {g}");
    }

    #[test]
    fn a_transform_reads_as_it_is_written() {
        let transform = Transform::new(Crop::Centre(178), ImageSize::square(128));
        let json = serde_json::to_string(&transform).unwrap();
        assert_eq!(json, r#"{"crop":{"centre":178},"size":128}"#);
        assert_eq!(serde_json::from_str::<Transform>(&json).unwrap(), transform);
        let grey = transform.with_channels(Channels::Grey);
        let json = serde_json::to_string(&grey).unwrap();
        assert_eq!(json, r#"{"crop":{"centre":178},"size":128,"channels":1}"#);
        assert_eq!(serde_json::from_str::<Transform>(&json).unwrap(), grey);
    }

    #[test]
    fn what_leaves_nothing_to_see_is_refused() {
        const MOST: usize = MAX_IMAGE_SIDE as usize;
        let check = |crop, side: usize| {
            Transform::new(crop, side.into()).check().map_err(|e| e.to_string())
        };
        for size in [1, 2, 128, MOST] {
            assert_eq!(check(Crop::Square, size), Ok(()));
            assert_eq!(check(Crop::Centre(1), size), Ok(()));
        }
        for size in [0, MOST + 1, 4_294_967_294, usize::MAX] {
            let expected = format!("the images are {size} pixels a side; they must be 1 to 16384");
            assert_eq!(check(Crop::Square, size), Err(expected.clone()));
            let wide = Transform::new(Crop::Square, ImageSize::new(size, 8));
            assert_eq!(wide.check().unwrap_err().to_string(), expected);
        }
        let none = "the crop is 0 pixels; it must be at least 1";
        assert_eq!(check(Crop::Centre(0), 128), Err(none.to_owned()));
        for zero in [r#"{"centre":0}"#, r#"{"at":{"left":1,"top":1,"side":0}}"#] {
            let error = serde_json::from_str::<Crop>(zero).unwrap_err().to_string();
            assert!(error.starts_with(none), "{error}");
        }
    }
}
