//! Peak signal-to-noise ratio.

use crate::engine::observe::metric::Better;
use crate::metrics::mean::Mean;
use crate::metrics::pixel::metric::PixelMetric;

/// The highest PSNR that is told apart, in dB: that of a mean squared error of `1e-10`.
pub(crate) const MAX_PSNR: f64 = 100.0;

/// [`psnr`] of the whole image in dB, at most 100, averaged over the pairs.
pub(crate) const METRIC: PixelMetric = PixelMetric {
    name: "psnr",
    title: "PSNR dB",
    plot: "PSNR, dB",
    digits: 1,
    better: Better::Higher,
    measure: |compared| Mean::of_one(psnr(compared.image, compared.truth)),
};

/// Peak signal-to-noise ratio in dB of an image whose values are in `[0, 1]`, at most 100.
///
/// # Panics
/// When the images differ in length or are empty.
pub fn psnr(image: &[f32], truth: &[f32]) -> f64 {
    assert_eq!(image.len(), truth.len(), "images of two sizes");
    assert!(!image.is_empty(), "an image without pixels");
    let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    let mean = image.iter().zip(truth).map(square).sum::<f64>() / image.len() as f64;
    (-10.0 * mean.log10()).min(MAX_PSNR)
}
