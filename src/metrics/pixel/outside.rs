//! The error where nothing should change.

use crate::engine::observe::metric::Better;
use crate::metrics::pixel::metric::PixelMetric;

/// L1 distance, in `[0, 1]`, over the pixels that the change leaves alone; none where no pair has
/// any.
pub(crate) const METRIC: PixelMetric = PixelMetric {
    name: "outside",
    title: "outside",
    plot: "L1 outside the changed region",
    digits: 3,
    better: Better::Lower,
    measure: |compared| compared.distances(|changed| !changed).collect(),
};
