//! Image files of any common kind to 8 bits a channel.

mod tiff;
mod webp;

pub(super) use self::webp::clears as webp_clears;

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::data::channels::own_channels;
use crate::data::whole::read_bytes;
use crate::error::{Error, Result};

/// The longest side of an image that is decoded, in pixels.
pub const MAX_IMAGE_SIDE: u32 = 16_384;

/// The most memory that one image may take, in bytes: 512 MiB for its file, its pixels as the file
/// has them, and the same at 8 bits a channel.
pub const MAX_IMAGE_BYTES: u64 = 512 << 20;

/// What a PNG's header may hold beside the pixels, such as a colour profile, in bytes.
pub(super) const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Reads an image file; see [`decode_image`]. Datasets, the program and its page read images so.
///
/// # Errors
/// As [`decode_image`] and [`read_bytes`](crate::data::read_bytes).
pub fn load_image(path: impl AsRef<Path>) -> Result<DynamicImage> {
    let path = path.as_ref();
    decode_image(&read_bytes(path)?, path)
}

/// Decodes an image, upright, to 8 bits a channel: `ImageLuma8` where the file stores grey,
/// `ImageRgba8` where something in it is transparent, and else `ImageRgb8`.
///
/// The format (PNG, JPEG, GIF, TIFF, BMP, WebP) is told from the content, the EXIF orientation is
/// applied, and paletted and deeper images are converted. Of several images in a file, it is the
/// first. [`Channels::convert`](crate::Channels::convert) makes what a model sees of it. `name` is
/// what errors call the image.
///
/// # Errors
/// When `bytes` are empty, truncated, damaged, of another format, or hold an image without pixels,
/// of more than [`MAX_IMAGE_SIDE`] a side, or of more than [`MAX_IMAGE_BYTES`] in memory.
pub fn decode_image(bytes: &[u8], name: impl AsRef<Path>) -> Result<DynamicImage> {
    let name = name.as_ref();
    let failed = |source| Error::image(name, source);
    let mut decoder = decoder(bytes, name)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > MAX_IMAGE_SIDE {
        let message = format!(
            "expected an image of at most {MAX_IMAGE_SIDE} pixels a side, found {width} x \
             {height}: scale it down"
        );
        return Err(Error::data(name, None, message));
    }
    let pixels = u64::from(width) * u64::from(height);
    let held = decoder.total_bytes().saturating_add(bytes.len() as u64);
    // Its conversion is there beside it, and then perhaps the same turned upright.
    let converted = pixels
        * match decoder.color_type() {
            colour if colour.has_alpha() => 4,
            colour if colour.has_color() => 3,
            _ => 1,
        };
    let needed = held.saturating_add(converted).max(bytes.len() as u64 + 2 * converted);
    if needed > MAX_IMAGE_BYTES {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let message = format!(
            "expected an image of at most {} MiB in memory, found {width} x {height} pixels that \
             take {} MiB: scale it down",
            mib(MAX_IMAGE_BYTES),
            mib(needed)
        );
        return Err(Error::data(name, None, message));
    }
    decoder.set_limits(limits(MAX_IMAGE_BYTES - held)).map_err(failed)?;
    let orientation = decoder.orientation().map_err(failed)?;
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let mut upright = own_channels(image);
    upright.apply_orientation(orientation);
    Ok(upright)
}

/// The width and height that an image's header says, as it is stored; nothing is decoded.
///
/// # Errors
/// As [`decode_image`], as far as the header shows it.
pub fn image_size(bytes: &[u8], name: impl AsRef<Path>) -> Result<(u32, u32)> {
    Ok(decoder(bytes, name.as_ref())?.dimensions())
}

/// What decodes `bytes`, which has read their header.
fn decoder<'a>(bytes: &'a [u8], name: &Path) -> Result<impl ImageDecoder + 'a> {
    if bytes.is_empty() {
        return Err(Error::data(name, None, "expected an image, found an empty file"));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|source| Error::io(name, source))?;
    let known = reader.format().filter(|format| format.reading_enabled());
    let Some(format) = known else {
        let expected = "expected a PNG, JPEG, GIF, TIFF, BMP or WebP image, found something else";
        return Err(Error::data(name, None, expected));
    };
    // The decoder fills what is missing of a JPEG with grey.
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err(Error::data(name, None, "the JPEG is truncated: it has no end marker"));
    }
    if format == ImageFormat::Tiff {
        tiff::check(bytes).map_err(|problem| Error::data(name, None, problem))?;
    }
    if format == ImageFormat::WebP {
        webp::check(bytes).map_err(|problem| Error::data(name, None, problem))?;
    }
    // The PNG decoder unpacks a colour profile now, up to the limit: its own is for that alone.
    reader.limits(limits(MAX_HEADER_BYTES));
    let decoder = reader.into_decoder().map_err(|source| Error::image(name, source))?;
    let (width, height) = decoder.dimensions();
    if width.min(height) == 0 {
        return Err(no_pixels(name, width, height));
    }
    Ok(decoder)
}

/// The error of an image without pixels.
pub(crate) fn no_pixels(name: impl AsRef<Path>, width: u32, height: u32) -> Error {
    Error::data(name, None, format!("expected an image, found {width} x {height} pixels"))
}

pub(super) fn limits(bytes: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

/// Whether the marker segments of a JPEG end in an end-of-image marker.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        // Compressed data escapes 0xFF as FF 00 and holds restart markers: what remains is a
        // segment.
        let marker = rest
            .windows(2)
            .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF));
        let Some(at) = marker else { return false };
        if rest[at + 1] == 0xD9 {
            return true;
        }
        let Some(&[high, low]) = rest.get(at + 2..at + 4) else { return false };
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(at + 2 + length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
