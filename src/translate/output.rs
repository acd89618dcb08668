//! The size of a translation, and how a photo of another size than the model's keeps its own.

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::F32x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::data::transform::Square;

/// The size of a translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputSize {
    /// The photo's own. The model translates its square at the model's size; what that changes is
    /// brought to the square's size and added to the photo, of which the rest stays as it is, pixel
    /// for pixel. A photo that has the model's size becomes what the generator makes of it.
    #[default]
    Photo,
    /// The model's: the square alone, as the generator makes it.
    Model,
    /// So many pixels a side: the square alone, and the generator works at that size. It has learnt
    /// to draw at the model's: features of twice the size look strange to it.
    Side(u32),
}

/// Changes up to so many levels of 255 are what the generator fails to reproduce, and are left out:
/// nine in ten of the shipped model's pixels that an edit does not concern differ by fewer.
const NOT_MEANT: f32 = 20.0;

/// Changes from so many levels on are meant, and are carried over in full.
const MEANT: f32 = 40.0;

/// Where the square ends within the photo, changes fade over this part of its side.
const FADE: f32 = 1.0 / 16.0;

/// Rows of a photo that are changed at a time, which bounds the memory.
const BAND: u32 = 64;

/// Changes `square` of `photo` as the model has changed it: `seen` is the square at the model's
/// size, `translated` what the model has made of it.
pub(crate) fn carry_over(
    photo: &mut RgbImage,
    square: Square,
    seen: &RgbImage,
    translated: &RgbImage,
) {
    let size = seen.width();
    if photo.dimensions() == (size, size) {
        translated.clone_into(photo);
        return;
    }
    let change = meant_change(seen, translated, inner_edges(photo, square));
    let change = TypedImage::from_pixels(size, size, change).expect("a pixel each");
    let ratio = f64::from(size) / f64::from(square.side);
    let mut resizer = Resizer::new();
    for top in (0..square.side).step_by(BAND as usize) {
        let rows = BAND.min(square.side - top);
        let mut band = TypedImage::new(square.side, rows);
        let part = (f64::from(top) * ratio, f64::from(rows) * ratio);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(0.0, part.0, f64::from(size), part.1);
        resizer.resize_typed(&change, &mut band, &options).expect("a band of the square");
        add(photo, square, top, &band);
    }
}

/// Adds the changes of a band of rows, of which the first is `top` rows below the square's.
fn add(photo: &mut RgbImage, square: Square, top: u32, band: &TypedImage<F32x3>) {
    let side = square.side as usize;
    let width = photo.width() as usize;
    let first = (square.top + top) as usize;
    let rows = photo.chunks_exact_mut(3 * width).skip(first);
    for (row, changes) in rows.zip(band.pixels().chunks_exact(side)) {
        let pixels = row.chunks_exact_mut(3).skip(square.left as usize);
        for (pixel, change) in pixels.zip(changes) {
            for (value, change) in pixel.iter_mut().zip(change.0) {
                *value = (f32::from(*value) + change).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// Which edges of the square, left, top, right and bottom, are none of the photo's.
fn inner_edges(photo: &RgbImage, square: Square) -> [bool; 4] {
    let Square { left, top, side } = square;
    [left > 0, top > 0, left + side < photo.width(), top + side < photo.height()]
}

/// What the model has changed, in levels of 255: nothing where that is no more than what it fails
/// to reproduce, or at `edges` behind which nothing changes.
fn meant_change(seen: &RgbImage, translated: &RgbImage, edges: [bool; 4]) -> Vec<F32x3> {
    let size = seen.width() as usize;
    let pixels = translated.as_raw().chunks_exact(3).zip(seen.as_raw().chunks_exact(3));
    let difference = |(new, old): (&[u8], &[u8])| {
        [0, 1, 2].map(|channel| f32::from(new[channel]) - f32::from(old[channel]))
    };
    let change: Vec<[f32; 3]> = pixels.map(difference).collect();
    let strength: Vec<f32> =
        change.iter().map(|[r, g, b]| r.abs().max(g.abs()).max(b.abs())).collect();
    let meant = |(at, change): (usize, &[f32; 3])| {
        let (x, y) = (at % size, at / size);
        let strength = mean_around(&strength, size, x, y);
        let weight = rise((strength - NOT_MEANT) / (MEANT - NOT_MEANT)) * fade(x, y, size, edges);
        F32x3::new(change.map(|value| value * weight))
    };
    change.iter().enumerate().map(meant).collect()
}

/// The mean of a pixel and those next to it, so that a single one neither counts nor is missed.
fn mean_around(values: &[f32], size: usize, x: usize, y: usize) -> f32 {
    let around = |at: usize| at.saturating_sub(1)..(at + 2).min(size);
    let sum: f32 = around(y).flat_map(|y| &values[y * size..][around(x)]).sum();
    sum / (around(x).len() * around(y).len()) as f32
}

/// 1 inside, falling to 0 at `edges`.
fn fade(x: usize, y: usize, size: usize, edges: [bool; 4]) -> f32 {
    let from_edge = [x, y, size - 1 - x, size - 1 - y];
    let part = |pixels: usize| pixels as f32 / (size as f32 * FADE);
    let inner = from_edge.into_iter().zip(edges).filter(|(_, inner)| *inner);
    inner.map(|(pixels, _)| rise(part(pixels))).fold(1.0, f32::min)
}

/// From 0 at 0 to 1 at 1, with no kink at either.
fn rise(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    const SIZE: u32 = 16;

    /// An image without any two pixels alike in a row.
    fn photo(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([60 + (x * 7 % 90) as u8, 60 + (y * 5 % 90) as u8, 60 + ((x + y) % 90) as u8])
        })
    }

    fn grey(level: u8) -> RgbImage {
        RgbImage::from_pixel(SIZE, SIZE, Rgb([level; 3]))
    }

    /// What `translated` of a square of level 100 makes of a photo, as the difference to it.
    fn carried(photo: &RgbImage, square: Square, translated: &RgbImage) -> Vec<Vec<i16>> {
        let mut whole = photo.clone();
        carry_over(&mut whole, square, &grey(100), translated);
        let row = |y| {
            let change = |x| i16::from(whole[(x, y)].0[1]) - i16::from(photo[(x, y)].0[1]);
            (0..photo.width()).map(change).collect()
        };
        (0..photo.height()).map(row).collect()
    }

    #[test]
    fn what_does_not_change_stays_pixel_for_pixel() {
        let photo = photo(300, 200);
        let square = Square { left: 50, top: 0, side: 200 };
        // Reproduced as badly as it may be, but for a patch.
        let translated = RgbImage::from_fn(SIZE, SIZE, |x, y| match (x, y) {
            (4..8, 6..12) => Rgb([40, 190, 100]),
            _ => Rgb([100 + (x % 2) as u8 * 20, 100 - (y % 2) as u8 * 20, 110]),
        });
        let changed = carried(&photo, square, &translated);
        // A cell has 200 / 16 pixels; the mean around one reaches into the next, the enlargement
        // into the one after.
        let cells =
            |from: u32, to: u32| (12.5 * f64::from(from)) as usize..(12.5 * f64::from(to)) as usize;
        let (columns, rows) = (cells(4 - 2, 8 + 2), cells(6 - 2, 12 + 2));
        for (y, row) in changed.iter().enumerate() {
            for (x, change) in row.iter().enumerate() {
                let inside = rows.contains(&y) && x >= 50 && columns.contains(&(x - 50));
                assert!(inside || *change == 0, "{x} {y}: {change}");
            }
        }
        assert_eq!(changed[112][50 + 75], 90, "in the middle of the patch all of it");
    }

    #[test]
    fn changes_fade_where_the_photo_goes_on() {
        let photo = photo(300, 200);
        let changed = carried(&photo, Square { left: 50, top: 0, side: 200 }, &grey(180));
        let row = &changed[100];
        assert_eq!((row[49], row[50], row[249], row[250]), (0, 0, 0, 0));
        assert_eq!((row[100], row[150], row[200]), (80, 80, 80));
        assert_eq!((changed[0][150], changed[199][150]), (80, 80), "the photo ends there");
    }

    #[test]
    fn bands_have_no_seams() {
        let side = 3 * BAND + 7;
        let ramp = RgbImage::from_fn(SIZE, SIZE, |_, y| Rgb([145 + 3 * y as u8; 3]));
        let changed = carried(&photo(side, side), Square { left: 0, top: 0, side }, &ramp);
        let column: Vec<i16> = changed.iter().map(|row| row[5]).collect();
        for (y, pair) in column.windows(2).enumerate() {
            assert!((0..=1).contains(&(pair[1] - pair[0])), "{y}: {pair:?}");
        }
        assert!(column[0] == 45 && column[side as usize - 1] == 90);
    }

    #[test]
    fn a_photo_of_the_models_size_becomes_the_translation() {
        let mut whole = photo(SIZE, SIZE);
        let translated = grey(101);
        carry_over(&mut whole, Square { left: 0, top: 0, side: SIZE }, &grey(100), &translated);
        assert_eq!(whole, translated);
    }

    #[test]
    fn a_smaller_photo_keeps_its_size() {
        let changed = carried(&photo(9, 7), Square { left: 1, top: 0, side: 7 }, &grey(180));
        assert_eq!((changed.len(), changed[0].len()), (7, 9));
        assert_eq!((changed[3][4], changed[3][0], changed[3][8]), (80, 0, 0));
        let tiny = carried(&photo(1, 1), Square { left: 0, top: 0, side: 1 }, &grey(180));
        assert_eq!(tiny, [[80]]);
    }
}
