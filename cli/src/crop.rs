//! `--crop`: how it is written, and what is said of a crop that leaves out most of an image.

use std::path::Path;
use std::str::FromStr;

use stargan::{Crop, Dataset, ImageSize, Transform};

use crate::terminal::tell;

/// What `--crop` says, such as `178` or `square`.
pub fn parse_crop(text: &str) -> Result<Crop, String> {
    match (text, text.parse()) {
        ("square", _) => Ok(Crop::Square),
        (_, Ok(pixels)) if pixels > 0 => Ok(Crop::Centre(pixels)),
        _ => Err(format!("expected a number of pixels or \"square\", found {text:?}")),
    }
}

/// What `--crop` says of photos for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhotoCrop {
    /// What the model was trained on, whatever it leaves out.
    Model,
    Crop(Crop),
}

impl PhotoCrop {
    pub fn of(self, model: Transform) -> Crop {
        match self {
            Self::Model => model.crop,
            Self::Crop(crop) => crop,
        }
    }
}

impl FromStr for PhotoCrop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "model" {
            return Ok(Self::Model);
        }
        if text.contains(',') {
            let numbers = text.split(',').map(|number| number.trim().parse());
            return match numbers.collect::<Result<Vec<u32>, _>>().as_deref() {
                Ok(&[left, top, side]) if side > 0 => Ok(Self::Crop(Crop::At { left, top, side })),
                _ => Err(format!("expected LEFT,TOP,SIDE in pixels, found {text:?}")),
            };
        }
        let crop = parse_crop(text);
        crop.map(Self::Crop).map_err(|problem| format!("{problem}, LEFT,TOP,SIDE or \"model\""))
    }
}

/// How much of an image of this size `transform` leaves out.
pub fn percent_left_out(transform: Transform, [width, height]: [u32; 2]) -> String {
    // Rounded down: what is used is never nothing.
    format!("{} %", (100.0 * transform.left_out(width, height)).floor())
}

/// Says where the crop of `data` for a model of images of `size` leaves out most of the first image
/// that can be read.
pub fn warn_of_crop(name: &str, data: &dyn Dataset, size: ImageSize) {
    let Some([width, height]) = size_of_first(data) else { return };
    let transform = Transform::new(data.crop(), size);
    if transform.leaves_out_most(width, height) {
        let remedy = match transform.crop {
            Crop::Centre(_) | Crop::At { .. } => "--crop square takes the largest",
            Crop::Square => "cut the images to what matters first",
        };
        tell!(
            "warning: {name}: {transform} leaves out {} of images of {width} x {height} pixels; \
             {remedy}",
            percent_left_out(transform, [width, height])
        );
    }
}

/// Says where `data` are cropped otherwise than the images that the judge in `file`, which takes
/// images of `size`, learnt from.
pub fn warn_of_judge(file: &Path, crop: Option<Crop>, size: ImageSize, data: &dyn Dataset) {
    let (Some(crop), Some([width, height])) = (crop, size_of_first(data)) else {
        return;
    };
    let [learnt, shown] = [crop, data.crop()].map(|crop| Transform::new(crop, size));
    if learnt.left_out(width, height) != shown.left_out(width, height) {
        let file = file.display();
        tell!("warning: {file}: the judge was trained on {learnt} of images, and is shown {shown}");
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
    fn a_photo_can_be_cropped_anywhere() {
        let at = Crop::At { left: 12, top: 0, side: 34 };
        assert_eq!("12,0,34".parse(), Ok(PhotoCrop::Crop(at)));
        assert_eq!("model".parse(), Ok(PhotoCrop::Model));
        assert_eq!("178".parse(), Ok(PhotoCrop::Crop(Crop::Centre(178))));
        for wrong in ["1,2", "1,2,0", "1,2,3,4", "a,b,c", "-1,2,3", ","] {
            let error = wrong.parse::<PhotoCrop>().unwrap_err();
            assert!(error.contains("expected LEFT,TOP,SIDE"), "{error}");
        }
        assert!("middle".parse::<PhotoCrop>().unwrap_err().contains("or \"model\""));
    }

    #[test]
    fn what_is_left_out_is_a_number() {
        let percent =
            |crop, size: ImageSize, image| percent_left_out(Transform::new(crop, size), image);
        let square = ImageSize::square(64);
        assert_eq!(percent(Crop::Centre(178), square, [1024, 1024]), "96 %");
        assert_eq!(percent(Crop::Centre(1), square, [9000, 9000]), "99 %");
        assert_eq!(percent(Crop::Square, square, [64, 64]), "0 %");
        assert_eq!(percent(Crop::Square, ImageSize::new(64, 32), [64, 64]), "50 %");
    }
}
