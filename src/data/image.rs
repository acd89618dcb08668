//! Image files of any common kind to 8-bit RGB.

use std::{fs, io::Cursor, path::Path};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

use crate::error::{Error, Result};

/// The longest side of an image that is decoded, in pixels.
pub const MAX_IMAGE_SIDE: u32 = 16_384;

/// The most memory one decoded image may take, in bytes.
const MAX_IMAGE_BYTES: u64 = 512 << 20;

/// Reads an image file; see [`decode_image`].
///
/// # Errors
/// As [`decode_image`], and when the file cannot be read.
pub fn load_image(path: impl AsRef<Path>) -> Result<RgbImage> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|source| Error::io(path, source))?;
    decode_image(&bytes, path)
}

/// Decodes an image to 8-bit RGB, upright and opaque.
///
/// The format (PNG, JPEG, BMP, WebP) is told from the content, the EXIF orientation is applied,
/// grey, paletted and 16-bit images are converted, and transparent ones are composited on white.
/// `name` is what errors call the image.
///
/// # Errors
/// When `bytes` are empty, truncated, damaged, of another format, or hold an image of more than
/// [`MAX_IMAGE_SIDE`] pixels a side or 512 MiB.
pub fn decode_image(bytes: &[u8], name: impl AsRef<Path>) -> Result<RgbImage> {
    let name = name.as_ref();
    if bytes.is_empty() {
        return Err(Error::data(name, None, "expected an image, found an empty file"));
    }
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|source| Error::io(name, source))?;
    let Some(format) = reader.format() else {
        let expected = "expected a PNG, JPEG, BMP or WebP image, found something else";
        return Err(Error::data(name, None, expected));
    };
    // The decoder fills what is missing of a JPEG with grey.
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err(Error::data(name, None, "the JPEG is truncated: it has no end marker"));
    }
    let image = decode(reader).map_err(|source| Error::image(name, source))?;
    Ok(if image.color().has_alpha() { on_white(&image) } else { image.into_rgb8() })
}

fn decode(mut reader: ImageReader<Cursor<&[u8]>>) -> image::ImageResult<DynamicImage> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_IMAGE_SIDE);
    limits.max_image_height = Some(MAX_IMAGE_SIDE);
    limits.max_alloc = Some(MAX_IMAGE_BYTES);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn on_white(image: &DynamicImage) -> RgbImage {
    let rgba = image.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0.map(u32::from);
        Rgb([r, g, b].map(|value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
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
mod tests {
    use image::{GrayImage, ImageEncoder, Luma, Rgba, RgbaImage, codecs};

    use super::*;

    fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn photo() -> RgbImage {
        RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, (x * y) as u8]))
    }

    fn message(bytes: &[u8]) -> String {
        decode_image(bytes, "face.img").unwrap_err().to_string()
    }

    #[test]
    fn every_format_is_told_from_its_content() {
        for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
            assert_eq!(decode_image(&encode(photo(), format), "face.txt").unwrap(), photo());
        }
        let jpeg = decode_image(&encode(photo(), ImageFormat::Jpeg), "face.png").unwrap();
        assert_eq!(jpeg.dimensions(), (40, 30));
    }

    #[test]
    fn grey_and_deep_images_become_rgb() {
        let grey = GrayImage::from_pixel(3, 2, Luma([77]));
        let decoded = decode_image(&encode(grey, ImageFormat::Png), "grey").unwrap();
        assert!(decoded.pixels().all(|pixel| pixel.0 == [77; 3]));
        let deep = image::ImageBuffer::from_pixel(3, 2, Rgb([0u16, 32_896, 65_535]));
        let deep = DynamicImage::ImageRgb16(deep);
        let decoded = decode_image(&encode(deep, ImageFormat::Png), "deep").unwrap();
        assert!(decoded.pixels().all(|pixel| pixel.0 == [0, 128, 255]));
    }

    #[test]
    fn transparency_is_composited_on_white() {
        let image = RgbaImage::from_fn(3, 1, |x, _| Rgba([0, 100, 200, [0, 51, 255][x as usize]]));
        let decoded = decode_image(&encode(image, ImageFormat::Png), "clear").unwrap();
        let pixels: Vec<_> = decoded.pixels().map(|pixel| pixel.0).collect();
        assert_eq!(pixels, [[255; 3], [204, 224, 244], [0, 100, 200]]);
    }

    #[test]
    fn exif_orientation_is_honoured() {
        // A TIFF header and one entry: tag 0x0112 (orientation), short, 6 = rotate by 90 degrees.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let mut bytes = Vec::new();
        let mut encoder = codecs::png::PngEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        encoder.write_image(photo().as_raw(), 40, 30, image::ExtendedColorType::Rgb8).unwrap();
        let decoded = decode_image(&bytes, "sideways.png").unwrap();
        assert_eq!(decoded, image::imageops::rotate90(&photo()));
    }

    #[test]
    fn truncated_files_are_refused_at_every_length() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::WebP] {
            let bytes = encode(photo(), format);
            for length in [1, 3, 10, 30, bytes.len() / 2, bytes.len() * 9 / 10] {
                assert!(message(&bytes[..length]).starts_with("face.img: "), "{format:?} {length}");
            }
        }
        let jpeg = encode(photo(), ImageFormat::Jpeg);
        assert!(message(&jpeg[..jpeg.len() / 2]).contains("truncated"));
    }

    #[test]
    fn empty_and_foreign_files_are_refused() {
        assert_eq!(message(b""), "face.img: expected an image, found an empty file");
        assert!(message(b"not an image at all").contains("expected a PNG, JPEG, BMP or WebP"));
        assert!(load_image("absent.png").unwrap_err().to_string().starts_with("absent.png: "));
    }

    #[test]
    fn huge_images_are_refused_before_they_are_decoded() {
        let wide = GrayImage::new(MAX_IMAGE_SIDE + 1, 1);
        assert!(message(&encode(wide, ImageFormat::Png)).contains("limit"));
        // 16,384 x 16,384 RGB would take 768 MiB; only the header of this BMP says so.
        let mut bytes = encode(photo(), ImageFormat::Bmp);
        bytes[18..22].copy_from_slice(&MAX_IMAGE_SIDE.to_le_bytes());
        bytes[22..26].copy_from_slice(&MAX_IMAGE_SIDE.to_le_bytes());
        assert!(message(&bytes).to_lowercase().contains("limit"));
    }
}
