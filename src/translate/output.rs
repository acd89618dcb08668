//! The size of a translation, and how a photo of another size than the model's keeps its own.

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::F32x4;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, GenericImageView};

use crate::data::channels::Channels;
use crate::data::crop::Region;

/// The size of a translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputSize {
    /// The photo's own. The model translates the part that it sees at the model's size; what that
    /// changes is brought to the part's size and added to the photo, of which the rest stays as it
    /// is, pixel for pixel. Changes that are not twice as large as half of all are taken for what
    /// the generator fails to reproduce and left out; so a photo may stay as it is, where
    /// [`Model`](Self::Model) shows a faint change. A photo that has the model's size becomes what
    /// the generator makes of it.
    #[default]
    Photo,
    /// The model's: the part that it sees alone, as the generator makes it.
    Model,
    /// So many pixels on the shorter side: the part that the model sees alone, and the generator
    /// works at that size. It has learnt to draw at the model's: features of twice the size look
    /// strange to it.
    Side(u32),
}

/// A change that is so many times as large as the median one is meant: most pixels are those that
/// an edit does not concern, and what differs there is what the generator fails to reproduce.
const MEANT: f32 = 2.0;

/// Changes of fewer levels of 255 are never meant, and those of more always are, whatever the
/// median is: nine in ten of the shipped model's pixels that an edit does not concern change by
/// less.
const LEVELS: [f32; 2] = [2.0, 20.0];

/// Where the part ends within the photo, changes fade over this share of its shorter side.
const FADE: f32 = 1.0 / 16.0;

/// What changes in a pixel, in levels of 255; there are as many of these as the model has channels.
type Change = [f32; 4];

/// `photo` with its `region` changed as the model has changed it: `seen` is the region as the model
/// sees it, `translated` what the model has made of it. Changes are meant from `least` on, where it
/// is given, else from [`least_meant`] of them. The photo has the model's channels, or opacity
/// beside them, which stays as it is.
pub(crate) fn carry_over(
    photo: DynamicImage,
    region: Region,
    seen: &DynamicImage,
    translated: &DynamicImage,
    least: Option<f32>,
) -> DynamicImage {
    let (size, colour) = (photo.dimensions(), photo.color());
    let whole = (region.width, region.height) == size;
    let change = match whole && size == seen.dimensions() {
        true => changes(seen, translated).0,
        false => meant_change(seen, translated, inner_edges(size, region), least),
    };
    let change = Grid { width: seen.width(), height: seen.height(), values: change };
    let change = change.within(region.width, region.height);
    let columns: Vec<Place> = places(change.width, region.width).collect();
    let stride = usize::from(colour.channel_count());
    let changed = stride.min(usize::from(translated.color().channel_count()));
    let mut bytes = photo.into_bytes();
    let rows = bytes.chunks_exact_mut(stride * size.0 as usize).skip(region.top as usize);
    for (row, place) in rows.zip(places(change.height, region.height)) {
        let changes = change.row(place);
        let pixels = row.chunks_exact_mut(stride).skip(region.left as usize);
        for (pixel, column) in pixels.zip(&columns) {
            let (from, to) = (changes[column.at], changes[column.next]);
            for channel in 0..changed {
                let change = column.between(from[channel], to[channel]);
                let value = f32::from(pixel[channel]) + change;
                pixel[channel] = value.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    let channels = Channels::of_count(stride).expect("the photo has a model's channels");
    channels.image(size.0, size.1, bytes).expect("as many bytes as before")
}

/// Changes of the pixels of a part, row by row.
struct Grid {
    width: u32,
    height: u32,
    values: Vec<Change>,
}

/// Between which two rows or columns of a grid a pixel lies.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    next: usize,
    /// How far it is on the way to the next, from 0 to 1.
    way: f32,
}

impl Place {
    fn between(self, from: f32, to: f32) -> f32 {
        from + self.way * (to - from)
    }
}

/// Where `pixels` of a row or column lie among the `cells` of a grid, of which there are no more.
fn places(cells: u32, pixels: u32) -> impl Iterator<Item = Place> {
    let last = cells as usize - 1;
    let ratio = f64::from(cells) / f64::from(pixels);
    (0..pixels).map(move |pixel| {
        let centre = ((f64::from(pixel) + 0.5) * ratio - 0.5).clamp(0.0, last as f64);
        let at = centre as usize;
        Place { at, next: (at + 1).min(last), way: (centre - at as f64) as f32 }
    })
}

impl Grid {
    /// The changes along a row that lies at `place`.
    fn row(&self, place: Place) -> Vec<Change> {
        let row = |at: usize| self.values.chunks_exact(self.width as usize).nth(at);
        let rows = row(place.at).into_iter().flatten().zip(row(place.next).into_iter().flatten());
        rows.map(|(from, to)| [0, 1, 2, 3].map(|c| place.between(from[c], to[c]))).collect()
    }

    /// The same with no more columns and rows than these.
    fn within(self, width: u32, height: u32) -> Self {
        let (width, height) = (width.min(self.width), height.min(self.height));
        if (width, height) == (self.width, self.height) {
            return self;
        }
        let pixels = self.values.iter().map(|change| F32x4::new(*change)).collect();
        let whole = TypedImage::from_pixels(self.width, self.height, pixels).expect("a pixel each");
        let mut reduced = TypedImage::new(width, height);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .use_alpha(false);
        Resizer::new().resize_typed(&whole, &mut reduced, &options).expect("neither is empty");
        let values = reduced.pixels().iter().map(|pixel| pixel.0).collect();
        Self { width, height, values }
    }
}

/// Which edges of the region, left, top, right and bottom, are none of a photo's of this size.
fn inner_edges(size: (u32, u32), region: Region) -> [bool; 4] {
    let Region { left, top, width, height } = region;
    [left > 0, top > 0, left + width < size.0, top + height < size.1]
}

/// What the model has changed, in levels of 255: nothing where that is no more than what it fails
/// to reproduce, or at `edges` behind which nothing changes.
fn meant_change(
    seen: &DynamicImage,
    translated: &DynamicImage,
    edges: [bool; 4],
    least: Option<f32>,
) -> Vec<Change> {
    let size = [seen.width(), seen.height()].map(|side| side as usize);
    let (change, strength) = changes(seen, translated);
    let least = least.unwrap_or_else(|| median_doubled(&strength));
    let places = (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y)));
    let meant = |((x, y), (change, strength)): ((usize, usize), (&Change, &f32))| {
        // In full from twice as much on.
        let weight = rise((strength - least) / least) * fade(x, y, size, edges);
        change.map(|value| value * weight)
    };
    places.zip(change.iter().zip(&strength)).map(meant).collect()
}

/// From which strength on a change is meant that makes `translated` of `seen`, in levels of 255.
pub(crate) fn least_meant(seen: &DynamicImage, translated: &DynamicImage) -> f32 {
    median_doubled(&changes(seen, translated).1)
}

/// What differs in every pixel, and how much that is around it. A colour counts as much as it is
/// seen before or after.
fn changes(seen: &DynamicImage, translated: &DynamicImage) -> (Vec<Change>, Vec<f32>) {
    let size = [seen.width(), seen.height()].map(|side| side as usize);
    let count = usize::from(translated.color().channel_count());
    let pixels = || translated.as_bytes().chunks_exact(count).zip(seen.as_bytes().chunks(count));
    let difference = |(new, old): (&[u8], &[u8])| {
        let mut change = Change::default();
        for (change, (new, old)) in change.iter_mut().zip(new.iter().zip(old)) {
            *change = f32::from(*new) - f32::from(*old);
        }
        change
    };
    let change: Vec<Change> = pixels().map(difference).collect();
    let strength = |(change, (new, old)): (&Change, (&[u8], &[u8]))| match (new, old) {
        ([_, _, _, after], [_, _, _, before]) => {
            let opacity = f32::from(*before.max(after)) / 255.0;
            (opacity * largest(&change[..3])).max(change[3].abs())
        }
        _ => largest(change),
    };
    let strength: Vec<f32> = change.iter().zip(pixels()).map(strength).collect();
    let places = (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y)));
    let strength = places.map(|(x, y)| mean_around(&strength, size, x, y)).collect();
    (change, strength)
}

fn largest(change: &[f32]) -> f32 {
    change.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

fn median_doubled(strength: &[f32]) -> f32 {
    let mut sorted = strength.to_vec();
    sorted.sort_by(f32::total_cmp);
    (MEANT * sorted[sorted.len() / 2]).clamp(LEVELS[0], LEVELS[1])
}

/// The mean of a pixel and those next to it, so that a single one neither counts nor is missed.
fn mean_around(values: &[f32], [width, height]: [usize; 2], x: usize, y: usize) -> f32 {
    let around = |at: usize, length: usize| at.saturating_sub(1)..(at + 2).min(length);
    let (columns, rows) = (around(x, width), around(y, height));
    let sum: f32 = rows.clone().flat_map(|y| &values[y * width..][columns.clone()]).sum();
    sum / (columns.len() * rows.len()) as f32
}

/// 1 inside, falling to 0 at `edges`.
fn fade(x: usize, y: usize, [width, height]: [usize; 2], edges: [bool; 4]) -> f32 {
    let from_edge = [x, y, width - 1 - x, height - 1 - y];
    let part = |pixels: usize| pixels as f32 / (width.min(height) as f32 * FADE);
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
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    const SIZE: u32 = 16;

    /// An image without any two pixels alike in a row.
    fn photo(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([60 + (x * 7 % 90) as u8, 60 + (y * 5 % 90) as u8, 60 + ((x + y) % 90) as u8])
        })
    }

    /// `photo` with its `region` changed.
    fn carry_over(
        photo: RgbImage,
        region: Region,
        seen: &RgbImage,
        translated: &RgbImage,
        least: Option<f32>,
    ) -> RgbImage {
        let [seen, translated] = [seen, translated].map(|image| image.clone().into());
        super::carry_over(photo.into(), region, &seen, &translated, least).into_rgb8()
    }

    fn grey(level: u8) -> RgbImage {
        RgbImage::from_pixel(SIZE, SIZE, Rgb([level; 3]))
    }

    fn square(left: u32, top: u32, side: u32) -> Region {
        Region { left, top, width: side, height: side }
    }

    /// What `translated` of a square of level 100 makes of a photo, as the difference to it.
    fn carried(photo: &RgbImage, region: Region, translated: &RgbImage) -> Vec<Vec<i16>> {
        let whole = carry_over(photo.clone(), region, &grey(100), translated, None);
        let row = |y| {
            let change = |x| i16::from(whole[(x, y)].0[1]) - i16::from(photo[(x, y)].0[1]);
            (0..photo.width()).map(change).collect()
        };
        (0..photo.height()).map(row).collect()
    }

    #[test]
    fn what_does_not_change_stays_pixel_for_pixel() {
        let photo = photo(300, 200);
        let region = square(50, 0, 200);
        // Reproduced as badly as it may be, but for a patch.
        let translated = RgbImage::from_fn(SIZE, SIZE, |x, y| match (x, y) {
            (4..8, 6..12) => Rgb([40, 190, 100]),
            _ => Rgb([100 + (x % 2) as u8 * 20, 100 - (y % 2) as u8 * 20, 110]),
        });
        let changed = carried(&photo, region, &translated);
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
        let changed = carried(&photo, square(50, 0, 200), &grey(180));
        let row = &changed[100];
        assert_eq!((row[49], row[50], row[249], row[250]), (0, 0, 0, 0));
        assert_eq!((row[100], row[150], row[200]), (80, 80, 80));
        assert_eq!((changed[0][150], changed[199][150]), (80, 80), "the photo ends there");
    }

    #[test]
    fn a_change_is_enlarged_evenly_to_any_size() {
        let ramp = RgbImage::from_fn(SIZE, SIZE, |_, y| Rgb([145 + 3 * y as u8; 3]));
        for side in SIZE + 1..400 {
            let changed = carried(&photo(side, side), square(0, 0, side), &ramp);
            let column: Vec<i16> = changed.iter().map(|row| row[5]).collect();
            for (y, pair) in column.windows(2).enumerate() {
                assert!((0..=3).contains(&(pair[1] - pair[0])), "{side} {y}: {pair:?}");
            }
            assert!(column[0] == 45 && column[side as usize - 1] == 90, "{side}");
        }
    }

    #[test]
    fn a_model_that_reproduces_well_may_change_little() {
        let change = |noise: u8, patch: u8| {
            let translated = RgbImage::from_fn(SIZE, SIZE, |x, y| match (x, y) {
                (4..8, 6..12) => Rgb([100 + patch; 3]),
                _ => Rgb([100 + noise; 3]),
            });
            carried(&photo(160, 160), square(0, 0, 160), &translated)[85][55]
        };
        assert_eq!((change(0, 10), change(2, 10)), (10, 10));
        assert_eq!((change(10, 10), change(20, 25)), (0, 4), "it is no more than elsewhere");
        assert_eq!(change(30, 60), 60, "whatever is elsewhere");
    }

    #[test]
    fn what_is_meant_may_be_told_by_other_frames() {
        let whole_of_it = square(0, 0, 160);
        let changed = |level: u8, least: Option<f32>| {
            let whole = carry_over(photo(160, 160), whole_of_it, &grey(100), &grey(level), least);
            i16::from(whole[(80, 80)].0[1]) - i16::from(photo(160, 160)[(80, 80)].0[1])
        };
        // A change that is everywhere is meant by itself only where it is a large one.
        assert_eq!((changed(110, None), changed(110, Some(4.0))), (0, 10));
        assert_eq!((changed(160, None), changed(160, Some(70.0))), (60, 0));
        assert_eq!(least_meant(&grey(100).into(), &grey(106).into()), 12.0);
    }

    #[test]
    fn a_photo_of_the_models_size_becomes_the_translation() {
        let (photo, translated) = (photo(SIZE, SIZE), grey(101));
        let whole = carry_over(photo.clone(), square(0, 0, SIZE), &photo, &translated, None);
        assert_eq!(whole, translated);
    }

    #[test]
    fn a_part_of_a_photo_of_the_models_size_is_a_part() {
        let before = photo(SIZE, SIZE);
        let part = square(0, 0, SIZE / 2);
        let whole = carry_over(before.clone(), part, &grey(100), &grey(200), Some(2.0));
        let corner = (SIZE - 1, SIZE - 1);
        assert_eq!(whole[corner], before[corner]);
        assert_ne!(whole[(0, 0)], before[(0, 0)]);
    }

    #[test]
    fn a_rectangle_is_carried_over_to_its_part() {
        let seen = RgbImage::from_pixel(2 * SIZE, SIZE, Rgb([100; 3]));
        let translated = RgbImage::from_fn(2 * SIZE, SIZE, |x, y| match (x, y) {
            (24.., 12..) => Rgb([190; 3]),
            _ => Rgb([100; 3]),
        });
        let photo = photo(320, 200);
        let region = Region { left: 0, top: 20, width: 320, height: 160 };
        let whole = carry_over(photo.clone(), region, &seen, &translated, None);
        let change = |x, y| i16::from(whole[(x, y)].0[0]) - i16::from(photo[(x, y)].0[0]);
        assert_eq!(change(319, 160), 90, "the photo ends at the right");
        assert_eq!((change(319, 179), change(319, 180)), (0, 0), "but not at the bottom");
        assert_eq!((change(200, 160), change(319, 120)), (0, 0), "nothing is meant there");
        // Of a photo that has fewer columns and rows.
        let small = RgbImage::from_pixel(12, 6, Rgb([100; 3]));
        let region = Region { left: 0, top: 0, width: 12, height: 6 };
        let small = carry_over(small, region, &seen, &translated, None);
        assert!(small[(11, 5)].0[0] > 150 && small[(0, 0)].0[0] == 100, "{small:?}");
    }

    #[test]
    fn a_smaller_photo_keeps_its_size() {
        let changed = carried(&photo(9, 7), square(1, 0, 7), &grey(180));
        assert_eq!((changed.len(), changed[0].len()), (7, 9));
        assert_eq!((changed[3][4], changed[3][0], changed[3][8]), (80, 0, 0));
        let tiny = carried(&photo(1, 1), square(0, 0, 1), &grey(180));
        assert_eq!(tiny, [[80]]);
    }

    #[test]
    fn opacity_stays_or_is_changed_as_the_model_says() {
        let clear = RgbaImage::from_fn(40, 40, |x, _| Rgba([100, 90, 80, (x * 6) as u8]));
        let region = square(0, 0, 40);
        let [seen, translated] = [100, 150].map(|level| DynamicImage::from(grey(level)));
        let changed = super::carry_over(clear.clone().into(), region, &seen, &translated, None);
        for (x, y, pixel) in changed.as_rgba8().unwrap().enumerate_pixels() {
            assert_eq!(pixel.0, [150, 140, 130, clear[(x, y)].0[3]], "a model of RGB");
        }
        let of = |pixel| DynamicImage::from(RgbaImage::from_pixel(SIZE, SIZE, Rgba(pixel)));
        let (seen, translated) = (of([100, 90, 80, 200]), of([100, 90, 80, 120]));
        let opaque = DynamicImage::from(RgbaImage::from_pixel(40, 40, Rgba([100, 90, 80, 200])));
        let changed = super::carry_over(opaque, region, &seen, &translated, None);
        assert!(changed.as_rgba8().unwrap().pixels().all(|pixel| pixel.0 == [100, 90, 80, 120]));
        // What nobody sees before or after is no change.
        let (seen, translated) = (of([0; 4]), of([255, 255, 255, 0]));
        assert_eq!(least_meant(&seen, &translated), LEVELS[0]);
        let levels = DynamicImage::new_luma8(SIZE, SIZE);
        let mut bright = levels.clone();
        bright.invert();
        let changed = super::carry_over(levels.clone(), square(0, 0, 16), &levels, &bright, None);
        assert_eq!(changed, bright, "a model of grey");
    }
}
