//! `--crop`: how it is written, and what is said of a crop that leaves out most of an image.

use std::path::Path;

use stargan::{Crop, Dataset};

use crate::terminal::tell;

/// What `--crop` says, such as `178` or `square`.
pub fn parse_crop(text: &str) -> Result<Crop, String> {
    match (text, text.parse()) {
        ("square", _) => Ok(Crop::Square),
        (_, Ok(pixels)) if pixels > 0 => Ok(Crop::Centre(pixels)),
        _ => Err(format!("expected a number of pixels or \"square\", found {text:?}")),
    }
}

/// A crop in words.
pub fn in_words(crop: Crop) -> String {
    match crop {
        Crop::Centre(side) => format!("the centre square of {side} pixels"),
        Crop::Square => "the largest centre square".to_owned(),
    }
}

/// How much of an image of this size `crop` leaves out.
pub fn percent_left_out(crop: Crop, [width, height]: [u32; 2]) -> String {
    // Rounded down: what is used is never nothing.
    format!("{} %", (100.0 * crop.left_out(width, height)).floor())
}

/// Says where the crop of `data` leaves out most of the first image that can be read.
pub fn warn_of_crop(name: &str, data: &dyn Dataset) {
    let Some([width, height]) = size_of_first(data) else { return };
    let crop = data.crop();
    if crop.leaves_out_most(width, height) {
        let remedy = match crop {
            Crop::Centre(_) => "--crop square takes the largest",
            Crop::Square => "cut the images to what matters first",
        };
        tell!(
            "warning: {name}: {} leaves out {} of images of {width} x {height} pixels; {remedy}",
            in_words(crop),
            percent_left_out(crop, [width, height])
        );
    }
}

/// Says where `data` are cropped otherwise than the images that the judge in `file` learnt from.
pub fn warn_of_judge(file: &Path, trained_on: Option<Crop>, data: &dyn Dataset) {
    let (Some(trained_on), Some([width, height])) = (trained_on, size_of_first(data)) else {
        return;
    };
    if trained_on.left_out(width, height) != data.crop().left_out(width, height) {
        tell!(
            "warning: {}: the judge was trained on {} of images, and is shown {}",
            file.display(),
            in_words(trained_on),
            in_words(data.crop())
        );
    }
}

/// Width and height of the first image that can be read.
fn size_of_first(data: &dyn Dataset) -> Option<[u32; 2]> {
    const TRIES: usize = 10;
    let first = (0..data.len().min(TRIES)).find_map(|index| data.load(index).ok())?;
    Some([first.width(), first.height()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_reads_as_it_is_written() {
        assert_eq!(parse_crop("178"), Ok(Crop::Centre(178)));
        assert_eq!(parse_crop("square"), Ok(Crop::Square));
        for wrong in ["0", "-3", "model", ""] {
            assert!(parse_crop(wrong).unwrap_err().contains("expected a number of pixels"));
        }
    }

    #[test]
    fn what_is_left_out_is_a_number() {
        assert_eq!(percent_left_out(Crop::Centre(178), [1024, 1024]), "96 %");
        assert_eq!(percent_left_out(Crop::Centre(1), [9000, 9000]), "99 %");
        assert_eq!(percent_left_out(Crop::Square, [64, 64]), "0 %");
    }
}
