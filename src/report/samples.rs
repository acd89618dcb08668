//! The sample grids of a run, small enough for a page: the newest whole, and a few rows of earlier
//! ones.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, imageops};

use crate::data::channels::Channels;
use crate::data::image::load_image;
use crate::engine::observe::samples::Built;
use crate::error::{Error, Result};
use crate::report::settings::json;
use crate::translate::caption::words;

/// Grids that are shown in part, spread over the run.
const SHOWN: usize = 5;

/// Bytes of the newest grid, and of all parts of earlier ones together.
const BYTES: usize = 900_000;

/// The quality of grids that are too large as PNG.
const JPEG_QUALITY: u8 = 88;

/// The first column of a grid: the images that the others are translations of.
const INPUT: &str = "input";

/// The grids of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// How every grid is built, where `grid.json` says.
    pub grid: Option<Built>,
    /// The newest grid.
    pub newest: Option<Picture>,
    /// Two rows of earlier grids and of the newest, in order; whole grids where it is not known
    /// how high a row is.
    pub history: Vec<Picture>,
    /// Why grids that should have been shown are not.
    pub unreadable: Vec<String>,
}

/// A grid, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub iteration: u64,
    pub width: u32,
    pub height: u32,
    /// The image as a `data:` address.
    pub source: String,
}

impl Samples {
    /// The grids in `folder`, if there are any.
    ///
    /// # Errors
    /// When the folder can't be read, or `grid.json` says other things than a run does.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("grid.json");
        let grid: Option<Built> = json(&path)?
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Error::data(&path, None, error.to_string()))?;
        let mut samples = Self { grid, ..Self::default() };
        let grids = grids(folder)?;
        let Some((last, path)) = grids.last() else { return Ok(samples) };
        if let Some(image) = samples.load(path) {
            samples.newest = Some(Picture::new(*last, image, BYTES)?);
        }
        let height = samples.grid.as_ref().map_or(u32::MAX, |grid| grid.layout.cell[0]);
        for (iteration, path) in spread(&grids) {
            if let Some(image) = samples.load(path) {
                let part = part(image, height);
                samples.history.push(Picture::new(*iteration, part, BYTES / SHOWN)?);
            }
        }
        Ok(samples)
    }

    /// The grid at `path`, or it is noted why there is none: the rest of a page is worth having.
    fn load(&mut self, path: &Path) -> Option<DynamicImage> {
        match load_image(path) {
            // The page has captions of its own, and enlarges what is small.
            Ok(image) => {
                let image = Channels::Rgb.convert(image).into_rgb8();
                let cut = self.grid.as_ref().and_then(|grid| grid.layout.cut(&image));
                Some(cut.unwrap_or(image).into())
            }
            Err(error) => {
                let reason = error.to_string();
                if !self.unreadable.contains(&reason) {
                    self.unreadable.push(reason);
                }
                None
            }
        }
    }

    /// What the columns show but the images themselves.
    pub fn labels(&self) -> Vec<String> {
        let columns = self.grid.iter().flat_map(|grid| &grid.columns);
        columns.filter(|name| *name != INPUT).map(|name| words(name)).collect()
    }

    /// The iteration of the newest.
    pub fn last(&self) -> Option<u64> {
        self.newest.as_ref().map(|picture| picture.iteration)
    }
}

/// Every grid with its iteration, in order.
fn grids(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let io = |error| Error::io(folder, error);
    let mut grids = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let number = path.file_stem().and_then(|name| name.to_str()?.parse().ok());
        if let (Some(number), true) = (number, path.extension().is_some_and(|e| e == "png")) {
            grids.push((number, path));
        }
    }
    grids.sort();
    Ok(grids)
}

/// Up to [`SHOWN`] of them, spread evenly, with the first and the last.
fn spread<T>(all: &[T]) -> impl Iterator<Item = &T> {
    let shown = all.len().min(SHOWN);
    let last = shown.saturating_sub(1).max(1);
    (0..shown).map(move |at| &all[at * (all.len() - 1) / last])
}

/// The first row and the middle one, which of two datasets is the second's first; `height` is that
/// of a row in pixels.
fn part(grid: DynamicImage, height: u32) -> DynamicImage {
    let rows = grid.height().checked_div(height).unwrap_or(0);
    if rows < 3 {
        return grid;
    }
    let mut part = DynamicImage::new_rgb8(grid.width(), 2 * height);
    for (to, from) in [(0, 0), (height, rows / 2 * height)] {
        imageops::replace(&mut part, &grid.crop_imm(0, from, grid.width(), height), 0, to.into());
    }
    part
}

impl Picture {
    fn new(iteration: u64, image: DynamicImage, bytes: usize) -> Result<Self> {
        let failed = |error| Error::image("the report's pictures", error);
        let mut encoded = Cursor::new(Vec::new());
        image.write_to(&mut encoded, ImageFormat::Png).map_err(failed)?;
        let (mut encoded, mut kind, mut image) = (encoded.into_inner(), "png", image);
        while encoded.len() > bytes && image.width().min(image.height()) > 1 {
            if kind == "jpeg" {
                image = image.thumbnail(image.width() * 3 / 4, image.height() * 3 / 4);
            }
            encoded.clear();
            kind = "jpeg";
            let encoder = JpegEncoder::new_with_quality(&mut encoded, JPEG_QUALITY);
            image.write_with_encoder(encoder).map_err(failed)?;
        }
        Ok(Self {
            iteration,
            width: image.width(),
            height: image.height(),
            source: format!("data:image/{kind};base64,{}", BASE64_STANDARD.encode(encoded)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_spread_with_both_ends() {
        let all: Vec<usize> = (0..100).collect();
        let chosen: Vec<_> = spread(&all).copied().collect();
        assert_eq!((chosen.len(), chosen[0], chosen[SHOWN - 1]), (SHOWN, 0, 99));
        assert_eq!(spread(&all[..3]).count(), 3);
        assert_eq!(spread(&all[..1]).collect::<Vec<_>>(), [&0]);
        assert_eq!(spread::<u8>(&[]).count(), 0);
    }

    #[test]
    fn pictures_keep_to_their_bytes() {
        // Noise, which no format makes small.
        let mut state = 1_u32;
        let noise = image::RgbImage::from_fn(300, 200, |_, _| {
            image::Rgb(std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }))
        });
        let whole = Picture::new(1, noise.clone().into(), 1_000_000).unwrap();
        assert!(whole.source.starts_with("data:image/png;base64,"));
        assert_eq!((whole.width, whole.height), (300, 200));
        let small = Picture::new(1, noise.into(), 10_000).unwrap();
        assert!(small.source.starts_with("data:image/jpeg;base64,"));
        // Base64 takes four characters for three bytes.
        assert!(small.source.len() < 10_000 * 4 / 3 + 100 && small.width < 300);
    }

    #[test]
    fn a_part_is_the_first_row_and_the_middle_one() {
        let grid = image::RgbImage::from_fn(8, 16, |_, y| image::Rgb([y as u8 / 4; 3]));
        let part = part(grid.into(), 4).to_rgb8();
        assert_eq!((part.height(), part.get_pixel(0, 0)[0], part.get_pixel(0, 4)[0]), (8, 0, 2));
    }
}
