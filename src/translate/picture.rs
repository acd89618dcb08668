//! A grid as people look at it: large cells with gaps between them, and what the columns show.

use std::io::Cursor;

use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::translate::caption::{self, LINE};
use crate::translate::grid::Grid;

/// Smaller cells are enlarged to this width or more, in pixels.
const WIDE: u32 = 128;

/// Between cells, and around them.
const GAP: u32 = 6;

/// A picture of more pixels has its cells as they are.
const MOST_PIXELS: u64 = 50_000_000;

const PAPER: Rgb<u8> = Rgb([255; 3]);
const INK: Rgb<u8> = Rgb([28, 36, 48]);

/// Where the cells of a grid are in its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// Height and width of an image of the grid, in its own pixels.
    pub cell: [u32; 2],
    /// Pixels of the picture for one of an image.
    #[serde(default = "one")]
    pub scale: u32,
    /// Pixels between images, and around them.
    #[serde(default)]
    pub gap: u32,
    /// Rows above the first gap, where the captions are.
    #[serde(default)]
    pub top: u32,
}

/// The scale of the pictures of earlier versions.
fn one() -> u32 {
    1
}

impl Layout {
    fn new(grid: &Grid) -> Self {
        let [height, width] = grid.cell;
        let scale = WIDE.div_ceil(width.max(1));
        let [columns, rows] =
            [grid.image.width() / width.max(1), grid.image.height() / height.max(1)];
        let mut layout = Self { cell: grid.cell, scale, gap: GAP, top: 0 };
        let [across, down] = layout.size([columns, rows]);
        if u64::from(across) * u64::from(down) > MOST_PIXELS {
            layout.scale = 1;
        }
        let wide = width * layout.scale;
        let lines = grid.columns.iter().map(|name| caption::lines(name, wide).len());
        layout.top = lines.max().map_or(0, |lines| GAP + LINE * lines as u32);
        layout
    }

    /// Of so many columns and rows.
    fn size(&self, [columns, rows]: [u32; 2]) -> [u32; 2] {
        let [height, width] = self.cell.map(|side| side * self.scale + self.gap);
        [columns * width + self.gap, self.top + rows * height + self.gap]
    }

    /// The upper left corner of a cell: where a grid of those left of it and above would end.
    fn corner(&self, [column, row]: [u32; 2]) -> [u32; 2] {
        self.size([column, row])
    }

    /// The grid's images without gaps and captions; none where `picture` is not laid out so.
    pub fn cut(&self, picture: &RgbImage) -> Option<RgbImage> {
        let [height, width] = self.cell;
        let count = |length: u32, side: u32| {
            let large = side.checked_mul(self.scale).filter(|large| *large > 0)?;
            let step = large.checked_add(self.gap)?;
            let cells = length.checked_sub(self.gap)?;
            cells.is_multiple_of(step).then(|| cells / step)
        };
        let columns = count(picture.width(), width)?;
        let rows = count(picture.height().checked_sub(self.top)?, height)?;
        let mut cells = RgbImage::new(columns * width, rows * height);
        for row in 0..rows {
            for column in 0..columns {
                let [left, top] = self.corner([column, row]);
                let large = [width, height].map(|side| side * self.scale);
                let cell = imageops::crop_imm(picture, left, top, large[0], large[1]).to_image();
                let cell = imageops::resize(&cell, width, height, FilterType::Nearest);
                let [x, y] = [column * width, row * height].map(i64::from);
                imageops::replace(&mut cells, &cell, x, y);
            }
        }
        Some(cells)
    }
}

impl Grid {
    /// The grid as people look at it: images of 128 pixels or more, smaller ones enlarged without
    /// smoothing, gaps between them, and `columns` above.
    pub fn picture(&self) -> RgbImage {
        let layout = self.layout();
        let [height, width] = self.cell;
        let [columns, rows] = [self.image.width() / width, self.image.height() / height];
        let [across, down] = layout.size([columns, rows]);
        let mut picture = RgbImage::from_pixel(across, down, PAPER);
        let [wide, high] = [width, height].map(|side| side * layout.scale);
        for row in 0..rows {
            for column in 0..columns {
                let [x, y] = [column * width, row * height];
                let cell = imageops::crop_imm(&self.image, x, y, width, height).to_image();
                let cell = imageops::resize(&cell, wide, high, FilterType::Nearest);
                let [x, y] = layout.corner([column, row]).map(i64::from);
                imageops::replace(&mut picture, &cell, x, y);
            }
        }
        for (column, name) in (0..columns).zip(&self.columns) {
            let lines = caption::lines(name, wide);
            let [left, _] = layout.corner([column, 0]);
            // Short names stand on the images, not at the picture's edge.
            let first = layout.top - LINE * lines.len() as u32;
            for (at, line) in (0..).zip(&lines) {
                caption::draw(&mut picture, line, [left + wide / 2, first + at * LINE], INK);
            }
        }
        picture
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self)
    }
}

/// A picture as a PNG file.
///
/// # Errors
/// When it is larger than PNG allows.
pub(crate) fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    let encoded = picture.write_to(&mut png, ImageFormat::Png);
    encoded.map_err(|error| Error::image("a grid", error))?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three columns and two rows of images of 20 x 30 pixels, no two of which are alike.
    fn grid() -> Grid {
        let level = |x, y| Rgb([x as u8 * 4, y as u8 * 4, 7]);
        let columns = ["input", "Blond_Hair", "A_name_that_takes_two_lines"];
        Grid {
            image: RgbImage::from_fn(60, 60, level),
            columns: columns.map(str::to_owned).to_vec(),
            cell: [30, 20],
        }
    }

    #[test]
    fn a_picture_is_large_has_captions_and_is_cut_into_the_same_images() {
        let grid = grid();
        let (layout, picture) = (grid.layout(), grid.picture());
        // 20 pixels a side become 140; two lines of text.
        assert_eq!(layout, Layout { cell: [30, 20], scale: 7, gap: GAP, top: GAP + 2 * LINE });
        assert_eq!(picture.dimensions(), (3 * 146 + 6, 42 + 2 * 216 + 6));
        let captions = imageops::crop_imm(&picture, 0, 0, picture.width(), layout.top).to_image();
        for column in 0..3 {
            let caption = imageops::crop_imm(&captions, 6 + column * 146, 0, 140, 42).to_image();
            assert!(caption.pixels().any(|pixel| pixel.0[0] < 100), "column {column}");
        }
        assert_eq!(layout.cut(&picture).unwrap(), grid.image);
        let other = RgbImage::new(100, 100);
        assert!(layout.cut(&other).is_none());
        assert!(Layout { scale: 0, ..layout }.cut(&picture).is_none());
    }

    #[test]
    fn pictures_of_earlier_versions_are_the_images_themselves() {
        let layout: Layout = serde_json::from_str(r#"{"cell": [30, 20]}"#).unwrap();
        let grid = grid();
        assert_eq!(layout.cut(&grid.image).unwrap(), grid.image);
    }

    #[test]
    fn large_images_are_not_enlarged_and_a_grid_without_names_has_no_captions() {
        let image = RgbImage::new(512, 256);
        let grid = Grid { image, columns: Vec::new(), cell: [256, 256] };
        assert_eq!(grid.picture().dimensions(), (2 * 256 + 3 * GAP, 256 + 2 * GAP));
        let endless = Grid {
            image: RgbImage::new(64 * 40, 64 * 150),
            columns: vec!["a".to_owned()],
            cell: [64, 64],
        };
        assert_eq!(endless.layout().scale, 1);
    }
}
