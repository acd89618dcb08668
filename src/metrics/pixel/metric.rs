//! What a measure of pixels is.

use crate::engine::observe::metric::Better;
use crate::metrics::mean::Mean;
use crate::metrics::pixel::compared::Compared;

/// A measure of an image against the truth.
#[derive(Debug)]
pub(crate) struct PixelMetric {
    /// In files: the key in `metrics.json`, the column of `metrics.csv`.
    pub name: &'static str,
    /// Over a table's column, with the unit.
    pub title: &'static str,
    /// Over a plot, with the unit.
    pub plot: &'static str,
    /// Digits after the point in tables.
    pub digits: usize,
    /// Which values are good.
    pub better: Better,
    /// The mean over what counts in one image: its values of several images are added up, so that
    /// an image weighs as much as it has counted. Empty where there is nothing to measure.
    pub measure: fn(&Compared<'_>) -> Mean,
}

impl PixelMetric {
    /// A value as a table shows it.
    pub fn text(&self, value: Option<f64>) -> String {
        value.map_or("-".to_owned(), |value| format!("{value:.*}", self.digits))
    }
}
