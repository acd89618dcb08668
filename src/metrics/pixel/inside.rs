//! The error where the change is.

use crate::engine::observe::metric::Better;
use crate::metrics::pixel::metric::PixelMetric;

/// L1 distance, in `[0, 1]`, over the pixels that the change changes; none where no pair has any.
pub(crate) const METRIC: PixelMetric = PixelMetric {
    name: "inside",
    title: "inside",
    plot: "L1 inside the changed region",
    digits: 3,
    better: Better::Lower,
    measure: |compared| compared.distances(|changed| changed).collect(),
};
