use image::{
    GenericImageView, GrayImage, ImageEncoder, Luma, Rgb, RgbImage, Rgba, RgbaImage, codecs,
};

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
        assert_eq!(decode_image(&encode(photo(), format), "face.txt").unwrap(), photo().into());
    }
    let flat = RgbImage::from_pixel(40, 30, Rgb([10, 200, 30]));
    assert_eq!(
        decode_image(&encode(flat.clone(), ImageFormat::Gif), "face.png").unwrap(),
        flat.into()
    );
    let jpeg = decode_image(&encode(photo(), ImageFormat::Jpeg), "face.png").unwrap();
    assert_eq!(jpeg.dimensions(), (40, 30));
}

#[test]
fn images_have_8_bits_a_channel_and_grey_ones_stay_grey() {
    let grey = GrayImage::from_pixel(3, 2, Luma([77]));
    let decoded = decode_image(&encode(grey, ImageFormat::Png), "grey").unwrap();
    assert!(decoded.as_luma8().unwrap().pixels().all(|pixel| pixel.0 == [77]));
    let deep = image::ImageBuffer::from_pixel(3, 2, Rgb([0u16, 32_896, 65_535]));
    let deep = DynamicImage::ImageRgb16(deep);
    let decoded = decode_image(&encode(deep, ImageFormat::Png), "deep").unwrap();
    assert!(decoded.as_rgb8().unwrap().pixels().all(|pixel| pixel.0 == [0, 128, 255]));
}

#[test]
fn transparency_is_kept_where_there_is_any() {
    let image = RgbaImage::from_fn(3, 1, |x, _| Rgba([0, 100, 200, [0, 51, 255][x as usize]]));
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::WebP] {
        let decoded = decode_image(&encode(image.clone(), format), "clear").unwrap();
        assert_eq!(decoded, image.clone().into(), "{format:?}");
    }
    let opaque = DynamicImage::from(photo());
    let decoded = decode_image(&encode(opaque.to_rgba8(), ImageFormat::Png), "opaque").unwrap();
    assert_eq!(decoded, opaque);
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
    assert_eq!(decoded, DynamicImage::from(photo()).rotate90());
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
