//! The size of a translation, and how a photo of another size than the model's keeps its own.

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::F32x4;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, GenericImageView};

use crate::data::channels::Channels;
use crate::data::crop::Region;
use crate::data::network::{premultiplied, straight};

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

/// What changes in a pixel, in levels of 255: its grey, or its colours, and its opacity. Where
/// there is opacity, colours are those times it.
type Change = [f32; 4];

/// `photo` with its `region` changed as the model has changed it: `seen` is the region as the model
/// sees it, `translated` what the model has made of it. Changes are meant from `least` on, where it
/// is given, else from [`least_meant`] of them. The photo is
/// [beside its opacity](Channels::beside_opacity), which stays as it is where the model knows none.
pub(crate) fn carry_over(
    photo: DynamicImage,
    region: Region,
    seen: &DynamicImage,
    translated: &DynamicImage,
    least: Option<f32>,
) -> DynamicImage {
    let size = photo.dimensions();
    let whole = (region.width, region.height) == size;
    let change = match whole && size == seen.dimensions() {
        true => changes(seen, translated).0,
        false => meant_change(seen, translated, inner_edges(size, region), least),
    };
    let change = Grid { width: seen.width(), height: seen.height(), values: change };
    let change = change.within(region.width, region.height);
    let columns: Vec<Place> = places(change.width, region.width).collect();
    let stride = usize::from(photo.color().channel_count());
    let is_grey = translated.color().channel_count() == 1;
    let mut bytes = photo.into_bytes();
    let rows = bytes.chunks_exact_mut(stride * size.0 as usize).skip(region.top as usize);
    for (row, place) in rows.zip(places(change.height, region.height)) {
        let changes = change.row(place);
        let pixels = row.chunks_exact_mut(stride).skip(region.left as usize);
        for (pixel, column) in pixels.zip(&columns) {
            let (from, to) = (changes[column.at], changes[column.next]);
            let change = [0, 1, 2, 3].map(|at| column.between(from[at], to[at]));
            if change != Change::default() {
                add(pixel, if is_grey { [change[0], change[0], change[0], 0.0] } else { change });
            }
        }
    }
    let channels = Channels::of_count(stride).expect("a photo of such channels");
    channels.image(size.0, size.1, bytes).expect("as many bytes as before")
}

/// Changes a pixel of a photo.
fn add(pixel: &mut [u8], change: Change) {
    if let &mut [_, _, _, opacity] = pixel {
        let before = premultiplied(pixel);
        let after: [f32; 4] = std::array::from_fn(|at| before[at] + change[at]);
        // More than opaque, where the photo's edge is sharper than what was seen: the same colour.
        let after = after.map(|level| level * 255.0 / after[3].max(255.0));
        // What stays transparent keeps the colour that nobody sees.
        if opacity > 0 || change[3] > 0.0 {
            pixel.copy_from_slice(&straight(after));
        }
        return;
    }
    for (value, change) in pixel.iter_mut().zip(change) {
        *value = (f32::from(*value) + change).round().clamp(0.0, 255.0) as u8;
    }
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

/// What differs in every pixel, and how much that is around it.
fn changes(seen: &DynamicImage, translated: &DynamicImage) -> (Vec<Change>, Vec<f32>) {
    let size = [seen.width(), seen.height()].map(|side| side as usize);
    let count = usize::from(translated.color().channel_count());
    let levels = |pixel: &[u8]| match *pixel {
        [level] => [f32::from(level), 0.0, 0.0, 0.0],
        [r, g, b] => [f32::from(r), f32::from(g), f32::from(b), 0.0],
        _ => premultiplied(pixel),
    };
    let pixels = translated.as_bytes().chunks_exact(count).zip(seen.as_bytes().chunks(count));
    let change: Vec<Change> = pixels
        .map(|(new, old)| {
            let (new, old) = (levels(new), levels(old));
            std::array::from_fn(|at| new[at] - old[at])
        })
        .collect();
    let largest = |change: &Change| change.iter().fold(0.0_f32, |most, at| most.max(at.abs()));
    let strength: Vec<f32> = change.iter().map(largest).collect();
    let places = (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y)));
    let strength = places.map(|(x, y)| mean_around(&strength, size, x, y)).collect();
    (change, strength)
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
mod tests;
