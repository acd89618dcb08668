//! The shapes that benchmarks measure.

use crate::shape::Shape;

/// A tiny one, one between, and the paper's.
pub const SHAPES: [Shape; 3] = [
    Shape { size: 32, base: 8, blocks: 2, batch: 4 },
    Shape { size: 64, base: 32, blocks: 6, batch: 8 },
    Shape { size: 128, base: 64, blocks: 6, batch: 4 },
];
