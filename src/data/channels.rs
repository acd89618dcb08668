//! The channels of the images that a model sees.

use std::fmt;
use std::str::FromStr;

use image::{DynamicImage, GenericImageView, GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use serde::{Deserialize, Serialize};

use crate::error::shown::quoted;

/// The channels of the images that a model sees and makes; text and files have their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "usize", into = "usize")]
#[non_exhaustive]
pub enum Channels {
    /// One: grey.
    Grey,
    /// Three: red, green and blue.
    #[default]
    Rgb,
    /// Four: red, green, blue and opacity, which is learnt and translated as colours are.
    Rgba,
}

impl Channels {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Grey, Self::Rgb, Self::Rgba];

    /// How many there are.
    pub const fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// How many of them are colours.
    pub(crate) const fn colours(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb | Self::Rgba => 3,
        }
    }

    /// Those of which there are so many; none for another number than 1, 3 and 4.
    pub(crate) fn of_count(count: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|channels| channels.count() == count)
    }

    /// What they are, in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Rgb => "RGB",
            Self::Rgba => "RGB and opacity",
        }
    }

    /// `image` with these channels of 8 bits: `ImageLuma8`, `ImageRgb8` or `ImageRgba8`.
    ///
    /// Colours become grey as in PIL's `convert("L")`, by the weights of ITU-R BT.601. Where
    /// opacity is lost, the image is composited on white; an image without opacity is opaque.
    pub fn convert(self, image: DynamicImage) -> DynamicImage {
        match (self, image) {
            (Self::Grey, image @ DynamicImage::ImageLuma8(_))
            | (Self::Rgb, image @ DynamicImage::ImageRgb8(_)) => image,
            (Self::Grey, image @ DynamicImage::ImageLuma16(_)) => image.into_luma8().into(),
            (Self::Grey, image) => {
                let opaque = opaque(image);
                GrayImage::from_fn(opaque.width(), opaque.height(), |x, y| {
                    Luma([grey(opaque.get_pixel(x, y).0)])
                })
                .into()
            }
            (Self::Rgb, image) => opaque(image).into(),
            (Self::Rgba, image) => image.into_rgba8().into(),
        }
    }

    /// [`convert`](Self::convert), but `ImageRgba8` with its own opacity where something in `image`
    /// is transparent: of grey, with three equal colours.
    pub(crate) fn beside_opacity(self, image: DynamicImage) -> DynamicImage {
        if self == Self::Rgba || !is_transparent(&image) {
            return self.convert(image);
        }
        let mut image = image.into_rgba8();
        if self == Self::Grey {
            for Rgba([r, g, b, _]) in image.pixels_mut() {
                let level = grey([*r, *g, *b]);
                (*r, *g, *b) = (level, level, level);
            }
        }
        image.into()
    }

    /// The image of these bytes, pixel by pixel; none where they are not as many as it has.
    pub(crate) fn image(self, width: u32, height: u32, bytes: Vec<u8>) -> Option<DynamicImage> {
        Some(match self {
            Self::Grey => GrayImage::from_raw(width, height, bytes)?.into(),
            Self::Rgb => RgbImage::from_raw(width, height, bytes)?.into(),
            Self::Rgba => RgbaImage::from_raw(width, height, bytes)?.into(),
        })
    }
}

/// An image of 8 bits a channel, its own: grey ones stay grey, and only those in which something is
/// transparent have opacity.
pub(crate) fn own_channels(image: DynamicImage) -> DynamicImage {
    if is_transparent(&image) {
        return image.into_rgba8().into();
    }
    let channels = if image.color().has_color() { Channels::Rgb } else { Channels::Grey };
    channels.convert(image)
}

/// Whether a pixel of it is not wholly opaque.
fn is_transparent(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel.0[3] < u8::MAX),
        image if image.color().has_alpha() => {
            image.pixels().any(|(_, _, pixel)| pixel.0[3] < u8::MAX)
        }
        _ => false,
    }
}

/// On white, where it is transparent.
pub(crate) fn opaque(image: DynamicImage) -> RgbImage {
    if image.color().has_alpha() { on_white(&image) } else { image.into_rgb8() }
}

/// Pixel by pixel: a copy with 8-bit transparency would take more memory than either image.
fn on_white(image: &DynamicImage) -> RgbImage {
    let (width, height) = image.dimensions();
    match image {
        DynamicImage::ImageRgba8(rgba) => {
            RgbImage::from_fn(width, height, |x, y| blend(*rgba.get_pixel(x, y)))
        }
        _ => RgbImage::from_fn(width, height, |x, y| blend(image.get_pixel(x, y))),
    }
}

fn blend(pixel: Rgba<u8>) -> Rgb<u8> {
    let [r, g, b, alpha] = pixel.0.map(u32::from);
    Rgb([r, g, b].map(|value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
}

/// Rounded 16-bit fixed point, as PIL has it.
fn grey(colour: [u8; 3]) -> u8 {
    let [r, g, b] = colour.map(u32::from);
    ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8
}

const EXPECTED: &str = "1 (grey), 3 (RGB) or 4 (RGB and opacity) channels";

impl TryFrom<usize> for Channels {
    type Error = String;

    fn try_from(count: usize) -> Result<Self, String> {
        Self::of_count(count).ok_or_else(|| format!("expected {EXPECTED}, found {count}"))
    }
}

impl From<Channels> for usize {
    fn from(channels: Channels) -> Self {
        channels.count()
    }
}

/// Their number.
impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.count().fmt(f)
    }
}

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let channels = text.trim().parse().ok().and_then(Self::of_count);
        channels.ok_or_else(|| format!("expected {EXPECTED}, found {}", quoted(text)))
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, ImageBuffer, LumaA};

    use super::*;

    #[test]
    fn colours_become_grey_as_in_pil() {
        // `Image.new("RGB", (1, 1), colour).convert("L")` of Pillow 13.
        for (colour, expected) in [
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([12, 200, 77], 130),
            ([201, 3, 99], 73),
            ([254, 254, 254], 254),
        ] {
            let grey = Channels::Grey.convert(RgbImage::from_pixel(1, 1, Rgb(colour)).into());
            assert_eq!(grey.as_bytes(), [expected], "{colour:?}");
        }
        let deep = ImageBuffer::from_pixel(1, 1, Luma([32_896_u16]));
        assert_eq!(Channels::Grey.convert(deep.into()).as_bytes(), [128]);
    }

    #[test]
    fn opacity_is_lost_on_white_or_kept() {
        let pixels = [[10, 20, 30, 0], [0, 100, 200, 51], [9, 8, 7, 255]];
        let clear = RgbaImage::from_fn(3, 1, |x, _| Rgba(pixels[x as usize]));
        let of = |channels: Channels| channels.convert(clear.clone().into()).into_bytes();
        assert_eq!(of(Channels::Rgb), [255, 255, 255, 204, 224, 244, 9, 8, 7]);
        assert_eq!(of(Channels::Rgba), pixels.concat());
        assert_eq!(of(Channels::Grey)[..2], [255, 220]);
        let grey = DynamicImage::from(GrayImage::from_pixel(1, 1, Luma([7])));
        assert_eq!(Channels::Rgb.convert(grey.clone()).as_bytes(), [7; 3]);
        assert_eq!(Channels::Rgba.convert(grey).as_bytes(), [7, 7, 7, 255]);
        let beside = |channels: Channels| channels.beside_opacity(clear.clone().into());
        assert_eq!(beside(Channels::Rgb).into_bytes(), pixels.concat());
        assert_eq!(beside(Channels::Grey).as_bytes()[4..8], [82, 82, 82, 51]);
        let opaque = DynamicImage::new_rgba8(2, 2);
        assert_eq!(Channels::Grey.beside_opacity(opaque.into_rgb8().into()).as_bytes(), [0; 4]);
    }

    #[test]
    fn an_image_has_the_channels_that_it_shows() {
        let own = |image: DynamicImage| own_channels(image).color().channel_count();
        let rgba = |alpha| DynamicImage::from(RgbaImage::from_pixel(2, 2, Rgba([1, 2, 3, alpha])));
        assert_eq!([own(rgba(255)), own(rgba(254))], [3, 4]);
        assert_eq!(own(rgba(9).into_luma_alpha16().into()), 4);
        assert_eq!(own(GrayAlphaImage::from_pixel(2, 2, LumaA([1, 255])).into()), 1);
        assert_eq!(own(GrayImage::new(2, 2).into()), 1);
        assert_eq!(own(rgba(255).into_luma16().into()), 1);
        assert_eq!(own(rgba(255).into_rgb32f().into()), 3);
    }

    #[test]
    fn they_read_as_they_are_written_and_others_are_refused() {
        for channels in Channels::ALL {
            assert_eq!(channels.to_string().parse(), Ok(channels));
            let json = serde_json::to_string(&channels).unwrap();
            assert_eq!(json, channels.count().to_string());
            assert_eq!(serde_json::from_str::<Channels>(&json).unwrap(), channels);
        }
        assert_eq!(
            "2".parse::<Channels>().unwrap_err(),
            "expected 1 (grey), 3 (RGB) or 4 (RGB and opacity) channels, found `2`"
        );
        assert!(serde_json::from_str::<Channels>("0").unwrap_err().to_string().contains("found 0"));
    }
}
