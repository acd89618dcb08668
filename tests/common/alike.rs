//! Images that are the same but for rounding.

use image::{DynamicImage, GenericImageView};

/// Levels of 255 between batches of other sizes, whose sums are rounded in another order, where a
/// change is near what counts as one.
const LEVELS: u8 = 3;

#[track_caller]
pub fn assert_alike(found: &DynamicImage, expected: &DynamicImage) {
    assert_eq!(found.dimensions(), expected.dimensions());
    let pairs = found.as_bytes().iter().zip(expected.as_bytes());
    let furthest = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(furthest <= LEVELS, "{furthest} levels");
}
