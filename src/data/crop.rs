//! The part of an image that is used.

use std::fmt;

use image::DynamicImage;
use serde::{Deserialize, Deserializer, Serialize};

use crate::data::size::ImageSize;
use crate::error::Result;

/// The part of an image that is used, of the shape of the model's images: of a model of squares a
/// square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crop {
    /// The centre part whose shorter side has so many pixels, whatever the image's size. Of an
    /// image that does not hold it, the largest one.
    Centre(#[serde(deserialize_with = "side")] u32),
    /// The largest centre part, which for a model of squares is the largest square: of CelebA's
    /// aligned images of 178 x 218 pixels, the 178 pixels that the public PyTorch code takes.
    Square,
    /// A part anywhere, such as one face of a group. Of an image that does not hold all of it, the
    /// nearest part that it holds;
    /// [`Transform::check_holds`](crate::Transform::check_holds) tells.
    At {
        /// Columns left of it.
        left: u32,
        /// Rows above it.
        top: u32,
        /// Its shorter side, in pixels.
        #[serde(deserialize_with = "side")]
        side: u32,
    },
}

/// A part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Columns left of it.
    pub left: u32,
    /// Rows above it.
    pub top: u32,
    /// Its columns.
    pub width: u32,
    /// Its rows.
    pub height: u32,
}

impl Region {
    /// What it shows of `image`.
    pub(crate) fn cut(self, image: &DynamicImage) -> DynamicImage {
        image.crop_imm(self.left, self.top, self.width, self.height)
    }
}

pub(crate) const NO_CROP: &str = "the crop is 0 pixels; it must be at least 1";

/// A side that a file gives.
fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(serde::de::Error::custom(NO_CROP)),
        side => Ok(side),
    }
}

/// What it is for a model of squares.
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
    /// Whether nothing is left of any image.
    pub(crate) fn is_empty(self) -> bool {
        matches!(self, Self::Centre(0) | Self::At { side: 0, .. })
    }

    /// Where it is in an image of `width` x `height` pixels, for a model of images of `size`.
    pub(crate) fn region(self, size: ImageSize, (width, height): (u32, u32)) -> Region {
        // torchvision's CenterCrop rounds as Python does: halves to the even number.
        let start = |length: u32, part| (f64::from(length - part) / 2.0).round_ties_even() as u32;
        let largest = size.largest_within(width, height);
        let of_side = |side| {
            let part = size.with_shorter_side(side);
            if part[0] <= width && part[1] <= height { part } else { largest }
        };
        let centre = |part: [u32; 2]| (part, [start(width, part[0]), start(height, part[1])]);
        let ([across, down], [left, top]) = match self {
            Self::Centre(side) => centre(of_side(side)),
            Self::Square => centre(largest),
            Self::At { left, top, side } => {
                let part = of_side(side);
                (part, [left.min(width - part[0]), top.min(height - part[1])])
            }
        };
        Region { left, top, width: across, height: down }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: ImageSize = ImageSize::square(16);

    fn region(left: u32, top: u32, width: u32, height: u32) -> Region {
        Region { left, top, width, height }
    }

    #[test]
    fn crops_are_centred_as_torchvision_centres_them() {
        let square = |side, left, top| region(left, top, side, side);
        assert_eq!(Crop::Centre(178).region(SQUARE, (178, 218)), square(178, 0, 20));
        assert_eq!(Crop::Centre(44).region(SQUARE, (61, 53)), square(44, 8, 4));
        assert_eq!(Crop::Square.region(SQUARE, (61, 53)), square(53, 4, 0));
        assert_eq!(Crop::Centre(178).region(SQUARE, (64, 100)), square(64, 0, 18));
    }

    #[test]
    fn a_crop_somewhere_lies_in_the_image() {
        let crop = Crop::At { left: 20, top: 5, side: 30 };
        assert_eq!(crop.region(SQUARE, (61, 53)), region(20, 5, 30, 30));
        assert_eq!(crop.region(SQUARE, (40, 53)), region(10, 5, 30, 30));
        assert_eq!(crop.region(SQUARE, (61, 9)), region(20, 0, 9, 9));
        let far = Crop::At { left: u32::MAX, top: u32::MAX, side: u32::MAX };
        assert_eq!(far.region(SQUARE, (50, 35)), region(15, 0, 35, 35));
    }

    #[test]
    fn a_crop_has_the_shape_of_the_models_images() {
        let wide = ImageSize::new(256, 128);
        assert_eq!(Crop::Square.region(wide, (300, 200)), region(0, 25, 300, 150));
        assert_eq!(Crop::Square.region(wide, (500, 200)), region(50, 0, 400, 200));
        assert_eq!(Crop::Centre(50).region(wide, (300, 200)), region(100, 75, 100, 50));
        assert_eq!(Crop::Centre(180).region(wide, (300, 200)), region(0, 25, 300, 150));
        let at = Crop::At { left: 10, top: 20, side: 30 };
        assert_eq!(at.region(wide, (300, 200)), region(10, 20, 60, 30));
        assert_eq!(at.region(wide, (65, 45)), region(5, 15, 60, 30));
        assert_eq!(at.region(ImageSize::new(64, 128), (300, 200)), region(10, 20, 30, 60));
    }
}
