//! The two splits of CelebA into training and test images.

use std::path::Path;

use crate::data::celeba::CelebA;
use crate::data::dataset::Dataset;
use crate::data::python_random::PythonRandom;
use crate::data::whole::read_text;
use crate::error::{Error, Result};

/// The size of the public code's test set. It means 2,000: its loop tests `i + 1 < 2000`.
const PUBLIC_TEST_IMAGES: usize = 1_999;

impl CelebA {
    /// The split of the public PyTorch code into training and test set: Python's
    /// `random.seed(1234)` and `random.shuffle` over the list, of which the first 1,999 are the
    /// test set.
    ///
    /// # Errors
    /// When nothing would be left to train on: with fewer than 2,000 images.
    pub fn split_public(&self) -> Result<(Self, Self)> {
        let images = self.listing.len();
        if images <= PUBLIC_TEST_IMAGES {
            let message = format!(
                "the public split takes {PUBLIC_TEST_IMAGES} images for testing: \
                 expected at least {}, found {images}",
                PUBLIC_TEST_IMAGES + 1
            );
            return Err(Error::data(&self.listing.source, None, message));
        }
        let mut order: Vec<_> = (0..images).collect();
        PythonRandom::new(1234).shuffle(&mut order);
        let (test, train) = order.split_at(PUBLIC_TEST_IMAGES);
        Ok((self.subset(train), self.subset(test)))
    }

    /// The split into training, validation and test set that `partition_file`
    /// ([`CelebAFiles::partition`](crate::CelebAFiles::partition)) gives: an image name and 0, 1 or
    /// 2 per line, or the same as CSV below a header. Images that this dataset lacks are passed
    /// over; a set may come out empty.
    ///
    /// # Errors
    /// When the file cannot be read, breaks the format, names an image twice, or lacks one.
    pub fn split_official(&self, partition_file: impl AsRef<Path>) -> Result<(Self, Self, Self)> {
        let path = partition_file.as_ref();
        let text = read_text(path)?;
        let mut set_of = vec![None; self.listing.len()];
        let csv = text.lines().next().is_some_and(|first| first.contains(','));
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        for (line, text) in lines.skip(csv.into()).filter(|(_, text)| !text.is_empty()) {
            let fields: Vec<_> = if csv {
                text.split(',').map(str::trim).collect()
            } else {
                text.split_whitespace().collect()
            };
            let (image, set) = match fields[..] {
                [image, "0"] => (image, 0),
                [image, "1"] => (image, 1),
                [image, "2"] => (image, 2),
                _ => {
                    let message = format!("expected an image name and 0, 1 or 2, found {text:?}");
                    return Err(Error::data(path, line, message));
                }
            };
            let Some(index) = self.find(image) else { continue };
            if set_of[index].replace(set).is_some() {
                let message = format!("image {image:?} is listed a second time");
                return Err(Error::data(path, line, message));
            }
        }
        if let Some(index) = set_of.iter().position(Option::is_none) {
            let name = &self.listing.names()[index];
            let missing = set_of.iter().filter(|set| set.is_none()).count();
            let message = format!(
                "expected every image, {name:?} is missing ({missing} of {} are)",
                set_of.len()
            );
            return Err(Error::data(path, None, message));
        }
        let set = |wanted| {
            let members = (0..set_of.len()).filter(|index| set_of[*index] == Some(wanted));
            self.subset(&members.collect::<Vec<_>>())
        };
        Ok((set(0), set(1), set(2)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::labels::space::LabelSpace;

    const FACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/train");

    fn faces() -> CelebA {
        CelebA::open(FACES, &LabelSpace::attributes(["Male"])).unwrap()
    }

    fn names(data: &CelebA) -> Vec<&str> {
        data.listing.names().iter().map(String::as_str).collect()
    }

    #[test]
    fn the_public_split_is_that_of_the_public_code() {
        let data = faces();
        let (train, test) = data.split_public().unwrap();
        assert_eq!((train.len(), test.len()), (1, 1_999));
        let mut order: Vec<_> = (0..2_000).collect();
        PythonRandom::new(1234).shuffle(&mut order);
        assert_eq!(names(&test)[0], names(&data)[order[0]]);
        assert_eq!(names(&train)[0], names(&data)[order[1_999]]);
        assert_eq!(test.label(7), data.label(order[7]));

        let message = test.split_public().unwrap_err().to_string();
        assert!(message.ends_with("expected at least 2000, found 1999"), "{message}");
    }

    #[test]
    fn the_official_split_follows_its_file() {
        let data = faces().subset(&[0, 1, 2, 3]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partition.txt");
        let split = |text: &str| {
            fs::write(&path, text).unwrap();
            data.split_official(&path)
        };
        let (train, validation, test) =
            split("00003.png 0\n00000.png 0\r\n00001.png\t2\n00002.png 2\nz 1").unwrap();
        assert_eq!(names(&train), ["00000.png", "00003.png"]);
        assert!(validation.is_empty());
        assert_eq!(names(&test), ["00001.png", "00002.png"]);
        let csv = "image_id,partition\n00003.png,0\n00000.png,0\n00001.png,2\n\n00002.png, 2\n";
        let (train, _, test) = split(csv).unwrap();
        assert_eq!(
            (names(&train), names(&test)),
            (vec!["00000.png", "00003.png"], vec!["00001.png", "00002.png"])
        );

        let cases = [
            (
                "00000.png 0\n00001.png 3",
                ":2: expected an image name and 0, 1 or 2, found \"00001.png 3\"",
            ),
            (
                "image_id,partition\n00000.png,0\n00001.png",
                ":3: expected an image name and 0, 1 or 2, found \"00001.png\"",
            ),
            ("00000.png 0\n00000.png 0", ":2: image \"00000.png\" is listed a second time"),
            ("00000.png 0", ": expected every image, \"00001.png\" is missing (3 of 4 are)"),
        ];
        for (text, expected) in cases {
            let message = split(text).unwrap_err().to_string();
            assert!(message.ends_with(expected), "{message}");
        }
    }
}
