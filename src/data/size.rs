//! The size of the images that a model is trained on.

use std::fmt;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::shown::quoted;

/// The size of the images that a model is trained on, in pixels. A number is that of a square:
/// `ImageSize::from(128)`.
///
/// Text is `128` or, as width and height, `256x128`; files have `128` or
/// `{"width": 256, "height": 128}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl ImageSize {
    /// A rectangle.
    pub const fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }

    /// A square.
    pub const fn square(side: usize) -> Self {
        Self { width: side, height: side }
    }

    /// Whether both sides are equal.
    pub const fn is_square(self) -> bool {
        self.width == self.height
    }

    /// The sides in the order of a tensor's: height, width.
    pub const fn sides(self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// Width and height in the type that images have; what is beyond it is beyond any image.
    pub(crate) fn dimensions(self) -> (u32, u32) {
        let pixels = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        (pixels(self.width), pixels(self.height))
    }

    /// Of this shape, what has a shorter side of so many pixels: width and height, at least 1.
    pub fn with_shorter_side(self, pixels: u32) -> [u32; 2] {
        match self.width >= self.height {
            true => [in_proportion(pixels, self.width, self.height), pixels],
            false => [pixels, in_proportion(pixels, self.height, self.width)],
        }
    }

    /// Of this shape, the largest that an image of `width` x `height` pixels holds: width and
    /// height.
    pub(crate) fn largest_within(self, width: u32, height: u32) -> [u32; 2] {
        let [across, down] = [self.width as u128, self.height as u128];
        if u128::from(width) * down >= u128::from(height) * across {
            [in_proportion(height, self.width, self.height).min(width), height]
        } else {
            [width, in_proportion(width, self.height, self.width).min(height)]
        }
    }
}

/// `pixels * to / from`, rounded, and no less than 1 of anything.
fn in_proportion(pixels: u32, to: usize, from: usize) -> u32 {
    let (pixels, to, from) = (u128::from(pixels), to as u128, from.max(1) as u128);
    let scaled = (pixels.saturating_mul(to) + from / 2) / from;
    u32::try_from(scaled.max(pixels.min(1))).unwrap_or(u32::MAX)
}

impl From<usize> for ImageSize {
    fn from(side: usize) -> Self {
        Self::square(side)
    }
}

/// `128`, or `256x128`: width and height.
impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_square() {
            true => write!(f, "{}", self.width),
            false => write!(f, "{}x{}", self.width, self.height),
        }
    }
}

impl FromStr for ImageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.trim().parse::<usize>().ok();
        let size = match text.split_once('x') {
            Some((width, height)) => side(width).zip(side(height)).map(|(w, h)| Self::new(w, h)),
            None => side(text).map(Self::square),
        };
        size.ok_or_else(|| {
            format!("expected a side in pixels, or WIDTHxHEIGHT, found {}", quoted(text))
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rectangle {
    width: usize,
    height: usize,
}

impl Serialize for ImageSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { width, height } = *self;
        match self.is_square() {
            true => width.serialize(serializer),
            false => Rectangle { width, height }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ImageSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ImageSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a side in pixels, or a width and a height")
            }

            fn visit_u64<E: serde::de::Error>(self, side: u64) -> Result<ImageSize, E> {
                let wrong = |_| E::invalid_value(Unexpected::Unsigned(side), &self);
                usize::try_from(side).map(ImageSize::square).map_err(wrong)
            }

            fn visit_i64<E: serde::de::Error>(self, side: i64) -> Result<ImageSize, E> {
                match u64::try_from(side) {
                    Ok(side) => self.visit_u64(side),
                    Err(_) => Err(E::invalid_value(Unexpected::Signed(side), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImageSize, A::Error> {
                let Rectangle { width, height } =
                    Rectangle::deserialize(MapAccessDeserializer::new(map))
                        .map_err(A::Error::custom)?;
                Ok(ImageSize::new(width, height))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_as_it_is_written_and_a_square_is_a_number() {
        for (size, text, json) in [
            (ImageSize::square(128), "128", "128"),
            (ImageSize::new(256, 128), "256x128", r#"{"width":256,"height":128}"#),
        ] {
            assert_eq!((size.to_string(), text.parse()), (text.to_owned(), Ok(size)));
            assert_eq!(serde_json::to_string(&size).unwrap(), json);
            assert_eq!(serde_json::from_str::<ImageSize>(json).unwrap(), size);
        }
        assert_eq!("64x64".parse(), Ok(ImageSize::from(64)));
        for wrong in ["", "x", "12x", "x12", "1x2x3", "-4", "a", "1.5"] {
            let error = wrong.parse::<ImageSize>().unwrap_err();
            assert!(error.starts_with("expected a side in pixels, or WIDTHxHEIGHT"), "{error}");
        }
        for (wrong, expected) in [
            ("-16", "invalid value: integer `-16`, expected a side in pixels, or a width and"),
            ("1.5", "invalid type: floating point `1.5`"),
            ("\"16\"", "invalid type: string"),
            (r#"{"width":1}"#, "missing field `height`"),
            (r#"{"width":1,"height":2,"depth":3}"#, "unknown field `depth`"),
        ] {
            let error = serde_json::from_str::<ImageSize>(wrong).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_shape_is_found_in_an_image() {
        let wide = ImageSize::new(256, 128);
        assert_eq!(wide.with_shorter_side(50), [100, 50]);
        assert_eq!(ImageSize::new(128, 256).with_shorter_side(50), [50, 100]);
        for (width, height, expected) in [
            (300, 100, [200, 100]),
            (300, 200, [300, 150]),
            (301, 200, [301, 151]),
            (1, 100, [1, 1]),
            (400, 1, [2, 1]),
            (0, 7, [0, 0]),
        ] {
            assert_eq!(wide.largest_within(width, height), expected, "{width} x {height}");
        }
        let square = ImageSize::square(16);
        for (width, height) in [(61, 53), (53, 61), (7, 7), (0, 7), (u32::MAX, 3)] {
            assert_eq!(square.largest_within(width, height), [width.min(height); 2]);
        }
        assert_eq!(square.with_shorter_side(u32::MAX), [u32::MAX; 2]);
        let thin = ImageSize::new(usize::MAX, 1);
        assert_eq!(thin.with_shorter_side(7), [u32::MAX, 7]);
        assert_eq!(thin.largest_within(100, 50), [100, 1]);
    }
}
