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

const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Gif,
    ImageFormat::Tiff,
    ImageFormat::Bmp,
    ImageFormat::WebP,
];

fn message(bytes: &[u8]) -> String {
    decode_image(bytes, "face.img").unwrap_err().to_string()
}

#[test]
fn every_format_is_told_from_its_content() {
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Bmp, ImageFormat::WebP] {
        assert_eq!(decode_image(&encode(photo(), format), "face.txt").unwrap(), photo());
    }
    let flat = RgbImage::from_pixel(40, 30, Rgb([10, 200, 30]));
    assert_eq!(decode_image(&encode(flat.clone(), ImageFormat::Gif), "face.png").unwrap(), flat);
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
    for format in FORMATS {
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
    assert!(message(b"not an image at all").contains("expected a PNG, JPEG, GIF, TIFF, BMP or"));
    assert!(load_image("absent.png").unwrap_err().to_string().starts_with("absent.png: "));
}

#[test]
fn transparent_images_in_memory_become_what_they_become_from_a_file() {
    let clear = RgbaImage::from_fn(40, 30, |x, y| Rgba([9, 200, 77, (x * y) as u8]));
    let file = decode_image(&encode(clear.clone(), ImageFormat::Png), "clear").unwrap();
    assert_eq!(to_opaque(&clear.clone().into()), file);
    let deep = DynamicImage::from(clear).into_rgba16();
    assert_eq!(to_opaque(&deep.into()), file);
    let grey = image::GrayAlphaImage::from_pixel(3, 2, image::LumaA([0, 51]));
    assert!(to_opaque(&grey.into()).pixels().all(|pixel| pixel.0 == [204; 3]));
}
