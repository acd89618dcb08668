//! Names above the columns of a picture.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{
    FontWeight, RasterHeight, RasterizedChar, get_raster, get_raster_width,
};

const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;

/// From one line to the next, in pixels.
pub(crate) const LINE: u32 = 18;

/// Lines that a name takes at most.
const LINES: usize = 3;

/// What stands for letters that the font lacks, and what ends a name that is cut.
const UNKNOWN: char = '?';
const CUT: &str = "..";

/// A name as people read it: `Blond_Hair` has a space.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ").trim().to_owned()
}

/// The lines of a name in a column of `width` pixels: broken between words and edits where they
/// fit, and within them where they don't.
pub(crate) fn lines(name: &str, width: u32) -> Vec<String> {
    let most = (width as usize / get_raster_width(WEIGHT, HEIGHT)).max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in words(name).split_inclusive([' ', ',', '/']) {
        let mut letters: Vec<char> = word.chars().collect();
        if let Some(last) = lines.last_mut()
            && last.chars().count() + word.trim_end().chars().count() <= most
        {
            last.push_str(word);
            continue;
        }
        while letters.len() > most && word.trim_end().chars().count() > most {
            lines.push(letters.drain(..most).collect());
        }
        lines.push(letters.into_iter().collect());
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        let last = &mut lines[LINES - 1];
        *last = last.chars().take(most.saturating_sub(CUT.len())).chain(CUT.chars()).collect();
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Draws a line of text around column `centre`, below row `top`; what lies beyond is left out.
pub(crate) fn draw(picture: &mut RgbImage, line: &str, [centre, top]: [u32; 2], ink: Rgb<u8>) {
    let advance = get_raster_width(WEIGHT, HEIGHT) as u32;
    let left = centre.saturating_sub(line.chars().count() as u32 * advance / 2);
    for (at, letter) in (0..).zip(line.chars()) {
        let raster = get_raster(letter, WEIGHT, HEIGHT).or(get_raster(UNKNOWN, WEIGHT, HEIGHT));
        let rows = raster.iter().flat_map(RasterizedChar::rows);
        for (y, row) in (top..).zip(rows) {
            for (x, &cover) in (left + at * advance..).zip(row) {
                if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
                    for (value, ink) in pixel.0.iter_mut().zip(ink.0) {
                        let mixed = |paper: u8, ink: u8, cover: u8| {
                            let [paper, ink, cover] = [paper, ink, cover].map(u16::from);
                            (paper * (255 - cover) + ink * cover) / 255
                        };
                        *value = mixed(*value, ink, cover) as u8;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_broken_between_words_and_cut_where_they_are_endless() {
        // 14 letters.
        let width = 14 * get_raster_width(WEIGHT, HEIGHT) as u32;
        let broken = |name: &str| lines(name, width);
        assert_eq!(broken("input"), ["input"]);
        assert_eq!(broken("Blond_Hair"), ["Blond Hair"]);
        assert_eq!(broken("5_o_Clock_Shadow"), ["5 o Clock", "Shadow"]);
        assert_eq!(broken("Blond_Hair,-Young=0.5"), ["Blond Hair,", "-Young=0.5"]);
        assert_eq!(broken("Male,-Eyeglasses"), ["Male,", "-Eyeglasses"]);
        assert_eq!(broken("Donaudampfschiffahrt"), ["Donaudampfschi", "ffahrt"]);
        assert_eq!(broken(&"word ".repeat(20))[2], "word word wo..");
        assert_eq!(lines("abc", 0), ["a", "b", "c"]);
        assert!(broken("").is_empty());
    }

    #[test]
    fn letters_are_drawn_where_there_is_paper_and_unknown_ones_too() {
        let ink = |line, at| {
            let mut picture = RgbImage::from_pixel(40, 20, Rgb([255; 3]));
            draw(&mut picture, line, at, Rgb([0; 3]));
            picture.pixels().filter(|pixel| pixel.0[0] < 128).count()
        };
        assert!(ink("Hi", [20, 0]) > 20);
        assert_eq!(ink("日", [20, 0]), ink("?", [20, 0]));
        assert_eq!(ink("Hi", [400, 0]), 0);
        assert!(ink("a long line of text", [20, 10]) > 0);
    }
}
