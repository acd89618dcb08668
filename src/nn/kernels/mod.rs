//! Specialised paths of single operations, by what computes.

pub(crate) mod adam_step;
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(crate) mod cpu;
