//! Measures of an image against the truth, pixel by pixel: one file each.
//!
//! A new one is a file in this folder with a [`PixelMetric`](metric::PixelMetric) named `METRIC`,
//! and the file's name in the list below. Scores, their files and tables, and the report's curves
//! follow the list. The list declares the modules, so that `cargo fmt` does not find them:
//! `rustfmt src/metrics/pixel/*.rs` does.

pub(crate) mod compared;
pub(crate) mod metric;
#[cfg(test)]
mod tests;

macro_rules! pixel_metrics {
    ($($name:ident),+ $(,)?) => {
        $(pub(crate) mod $name;)+

        /// Every measure, in the order of the columns of files and tables.
        pub(crate) const PIXEL_METRICS: &[metric::PixelMetric] = &[$($name::METRIC),+];
    };
}

pixel_metrics! { inside, outside, psnr, ssim }
