//! Structural similarity.

use crate::engine::observe::metric::Better;
use crate::metrics::mean::Mean;
use crate::metrics::pixel::metric::PixelMetric;
use stargan_kernels::blur::blur;

/// The side of the window in pixels.
const WINDOW: usize = 11;

/// The standard deviation of the window in pixels.
const SIGMA: f64 = 1.5;

/// `(K1 L)^2` and `(K2 L)^2` for values of a range `L` of 1.
const STABILISERS: [f64; 2] = [0.01 * 0.01, 0.03 * 0.03];

/// [`ssim`] of the whole image, at most 1, averaged over the pairs; none of images that are smaller
/// than the window.
pub(crate) const METRIC: PixelMetric = PixelMetric {
    name: "ssim",
    title: "SSIM",
    plot: "SSIM",
    digits: 3,
    better: Better::Higher,
    measure: |compared| {
        ssim(compared.image, compared.truth, compared.size).map_or(Mean::default(), Mean::of_one)
    },
};

/// Structural similarity (Wang et al., 2004, "Image Quality Assessment") of two images `[C, H, W]`,
/// flat, in `[0, 1]`, whose height and width are `size`: 1 for equal images, about 0 for unrelated
/// ones. None where the window does not fit.
///
/// Means, variances and covariances are those under a Gaussian window of 11x11 pixels and standard
/// deviation 1.5; K1 is 0.01 and K2 is 0.03. The result is the mean over every place that the
/// window fits into and over the channels, as scikit-image's `structural_similarity` computes it
/// with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`.
///
/// # Panics
/// When the images differ in length, or are not whole channels of that size.
pub fn ssim(image: &[f32], truth: &[f32], size: [usize; 2]) -> Option<f64> {
    let [height, width] = size;
    assert_eq!(image.len(), truth.len(), "images of two sizes");
    assert!(image.len().is_multiple_of((height * width).max(1)), "not whole channels");
    if height.min(width) < WINDOW || image.is_empty() {
        return None;
    }
    let channels = image.chunks_exact(height * width).zip(truth.chunks_exact(height * width));
    let sum: f64 = channels.map(|(a, b)| of_channel(a, b, size)).sum();
    Some(sum / (image.len() / (height * width)) as f64)
}

fn of_channel(a: &[f32], b: &[f32], size: [usize; 2]) -> f64 {
    let window = window();
    let blurred = |value: fn(f64, f64) -> f64| {
        let values: Vec<f64> =
            a.iter().zip(b).map(|(a, b)| value(f64::from(*a), f64::from(*b))).collect();
        blur(&values, size, &window)
    };
    let means = [blurred(|a, _| a), blurred(|_, b| b)];
    let [squares_a, squares_b] = [blurred(|a, _| a * a), blurred(|_, b| b * b)];
    let products = blurred(|a, b| a * b);
    let [c1, c2] = STABILISERS;
    let at = |i: usize| {
        let [a, b] = [means[0][i], means[1][i]];
        let variances = squares_a[i] - a * a + squares_b[i] - b * b;
        let covariance = products[i] - a * b;
        (2.0 * a * b + c1) * (2.0 * covariance + c2) / ((a * a + b * b + c1) * (variances + c2))
    };
    (0..products.len()).map(at).sum::<f64>() / products.len() as f64
}

/// The window along one axis; its sum is 1.
fn window() -> [f64; WINDOW] {
    let value = |i: usize| {
        let distance = i as f64 - (WINDOW / 2) as f64;
        (-distance * distance / (2.0 * SIGMA * SIGMA)).exp()
    };
    let values = std::array::from_fn(value);
    let sum: f64 = values.iter().sum();
    values.map(|value| value / sum)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use std::collections::BTreeMap;

    use super::*;
    use crate::data::image::load_image;
    use crate::data::network::to_network;
    use crate::metrics::pixel::psnr::{MAX_PSNR, psnr};

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/metrics");

    /// Ours are 32-bit values of `[0, 1]`, the reference's are bytes: roundings of 6e-8, amplified
    /// where a variance is a difference of squares.
    const TOLERANCE: f64 = 1e-6;

    #[derive(Deserialize)]
    struct Fixture {
        similarity: BTreeMap<String, Expected>,
    }

    #[derive(Deserialize)]
    struct Expected {
        ssim: f64,
        psnr: Option<f64>,
    }

    fn load(name: &str) -> (Vec<f32>, [usize; 2]) {
        let image = load_image(format!("{FIXTURES}/{name}.png")).unwrap();
        let size = [image.height() as usize, image.width() as usize];
        (to_network(&image).into_iter().map(|value| (value + 1.0) / 2.0).collect(), size)
    }

    #[test]
    fn both_are_what_scikit_image_says() {
        let text = std::fs::read_to_string(format!("{FIXTURES}/values.json")).unwrap();
        let fixture: Fixture = serde_json::from_str(&text).unwrap();
        assert_eq!(fixture.similarity.len(), 5);
        let (truth, size) = load("truth");
        for (name, expected) in fixture.similarity {
            let (image, _) = load(&name);
            let found = ssim(&image, &truth, size).unwrap();
            assert!((found - expected.ssim).abs() < TOLERANCE, "{name}: {found}");
            let psnr = psnr(&image, &truth);
            // Equal images have an infinite ratio.
            let expected = expected.psnr.unwrap_or(MAX_PSNR);
            assert!((psnr - expected).abs() < 1e2 * TOLERANCE, "{name}: {psnr}");
        }
    }

    #[test]
    fn similarity_is_symmetric_and_needs_room_for_the_window() {
        let ((a, size), (b, _)) = (load("truth"), load("noisy"));
        assert_eq!(ssim(&a, &b, size), ssim(&b, &a, size));
        assert_eq!(ssim(&[0.0; 300], &[0.0; 300], [10, 10]), None);
        assert_eq!(ssim(&[0.5; 363], &[0.5; 363], [11, 11]), Some(1.0));
    }
}
