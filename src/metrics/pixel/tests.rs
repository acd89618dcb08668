//! Measures of three pixels, by hand.

use crate::metrics::pixel::compared::{Compared, changed};
use crate::metrics::pixel::{PIXEL_METRICS, inside, outside, psnr};

/// Sums of a few `f32` values.
const TOLERANCE: f64 = 1e-6;

/// Three pixels: one changes by 0.3 in one channel, one by less than the threshold, one not at
/// all.
const SOURCE: [f32; 9] = [0.2, 0.5, 0.9, 0.4, 0.5, 0.9, 0.6, 0.5, 0.9];
const TARGET: [f32; 9] = [0.2, 0.52, 0.9, 0.7, 0.5, 0.9, 0.6, 0.5, 0.9];

fn close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < TOLERANCE, "expected {expected}, found {found}");
}

#[test]
fn regions_are_what_differs_in_any_channel() {
    assert_eq!(changed(&SOURCE, &TARGET, [1, 3]), [true, false, false]);
    // 8 levels of 255 are a change, 7 are none.
    let level = |levels: f32| [levels / 255.0; 3];
    assert_eq!(changed(&level(100.0), &level(107.0), [1, 1]), [false]);
    assert_eq!(changed(&level(100.0), &level(108.0), [1, 1]), [true]);
}

#[test]
fn errors_are_means_over_pixels_and_channels() {
    let changed = changed(&SOURCE, &TARGET, [1, 3]);
    let compare = |image: &[f32]| {
        let size = [1, 3];
        let compared = Compared { image, truth: &TARGET, size, changed: &changed };
        [inside::METRIC, outside::METRIC, psnr::METRIC]
            .map(|metric| (metric.measure)(&compared).value())
    };
    let [inside, outside, psnr] = compare(&SOURCE);
    close(inside, 0.3 / 3.0);
    close(outside, 0.02 / 6.0);
    // The mean square is (0.09 + 0.0004) / 9.
    assert!((psnr.unwrap() - 19.980).abs() < 1e-3, "{psnr:?}");

    let mut image = TARGET;
    image[0] += 0.1;
    image[3] -= 0.2;
    image[5] += 0.06;
    let [inside, outside, _] = compare(&image);
    close(inside, 0.3 / 3.0);
    close(outside, 0.06 / 6.0);

    assert_eq!(compare(&TARGET)[2], Some(psnr::MAX_PSNR));
}

/// The names are keys of one map in files, beside `n` and with `_nothing` behind them.
#[test]
fn names_are_told_apart() {
    let mut names: Vec<_> = PIXEL_METRICS.iter().map(|metric| metric.name).collect();
    assert!(!names.iter().any(|name| *name == "n" || name.ends_with("_nothing")));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), PIXEL_METRICS.len());
}
