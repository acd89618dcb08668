//! `inspect --photo`: what a model sees of a photo, as a picture.

use image::imageops::{FilterType, resize};
use image::{DynamicImage, Rgb, RgbImage};
use stargan::data::Region;
use stargan::{Channels, Transform};

/// The height of the picture, in pixels.
const HEIGHT: u32 = 512;

/// Between the photo and what is seen of it, in pixels.
const GAP: u32 = 16;

/// The width of each of the frame's two lines, of which one shows on any photo.
const LINE: u32 = 2;

const WHITE: Rgb<u8> = Rgb([255; 3]);
const BLACK: Rgb<u8> = Rgb([0; 3]);

/// The photo with a frame around what `transform` takes of it, and beside it the same at the
/// model's size, enlarged.
pub fn preview(photo: &DynamicImage, transform: Transform) -> RgbImage {
    let rgb = |image: DynamicImage| Channels::Rgb.convert(image).into_rgb8();
    let seen = rgb(transform.crop_and_resize(photo));
    let beside = f64::from(HEIGHT) * f64::from(seen.width()) / f64::from(seen.height());
    let beside = (beside.round() as u32).clamp(1, 4 * HEIGHT);
    let seen = resize(&seen, beside, HEIGHT, FilterType::Nearest);
    let (width, height) = (photo.width(), photo.height());
    let scale = f64::from(HEIGHT) / f64::from(height);
    let scaled = |pixels: u32| (f64::from(pixels) * scale).round() as u32;
    // A panorama is not worth more than its middle.
    let shown = scaled(width).clamp(1, 4 * HEIGHT);
    let photo = rgb(photo.clone());
    let mut framed = resize(&photo, shown, HEIGHT, FilterType::Triangle);
    let across = |pixels: u32| (f64::from(pixels) / f64::from(width) * f64::from(shown)) as u32;
    let part = transform.region(width, height);
    let Region { left, top, .. } = part;
    let (right, bottom) = (across(left + part.width), scaled(top + part.height).min(HEIGHT));
    let place = [across(left), scaled(top), right, bottom];
    frame(&mut framed, place, 0, WHITE);
    frame(&mut framed, place, LINE, BLACK);
    let mut picture = RgbImage::from_pixel(shown + GAP + beside, HEIGHT, WHITE);
    image::imageops::replace(&mut picture, &framed, 0, 0);
    image::imageops::replace(&mut picture, &seen, i64::from(shown + GAP), 0);
    picture
}

/// Draws a line along the inner edges of a rectangle, so many pixels further in.
fn frame(image: &mut RgbImage, [left, top, right, bottom]: [u32; 4], inset: u32, colour: Rgb<u8>) {
    for y in top..bottom {
        for x in left..right {
            let edges = [x - left, y - top, right - 1 - x, bottom - 1 - y];
            let from_edge = edges.into_iter().min().unwrap_or(0);
            if (inset..inset + LINE).contains(&from_edge) {
                image.put_pixel(x, y, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use stargan::{Crop, ImageSize};

    use super::*;

    #[test]
    fn the_frame_is_around_what_is_seen() {
        let photo = RgbImage::from_fn(300, 200, |x, _| Rgb([x as u8, 100, 0])).into();
        let crop = Crop::At { left: 100, top: 50, side: 100 };
        let transform = Transform::new(crop, ImageSize::square(16));
        let picture = preview(&photo, transform);
        assert_eq!(picture.dimensions(), (768 + GAP + HEIGHT, HEIGHT));
        // 100 of 200 pixels are 256 of 512.
        assert_eq!((picture[(256, 128)], picture[(258, 130)]), (WHITE, BLACK));
        assert_eq!((picture[(511, 383)], picture[(509, 381)]), (WHITE, BLACK));
        assert!(picture[(255, 128)] != WHITE && picture[(262, 134)] != BLACK);
        let seen = transform.crop_and_resize(&photo).into_rgb8();
        assert_eq!(picture[(768 + GAP + 40, 40)], seen[(1, 1)]);
        let wide = preview(&photo, Transform { size: ImageSize::new(16, 8), ..transform });
        assert_eq!(wide.dimensions(), (768 + GAP + 2 * HEIGHT, HEIGHT));
        assert_eq!((wide[(256, 128)], wide[(767, 383)]), (WHITE, WHITE), "200 of 300 columns");
        for (width, height) in [(1, 1), (1, 900), (900, 1)] {
            preview(
                &DynamicImage::new_luma8(width, height),
                Transform { crop: Crop::Square, ..transform },
            );
        }
    }
}
