//! Specialised paths of single operations, by the hardware that they are for.

pub(crate) mod adam_step;
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(crate) mod cpu;
