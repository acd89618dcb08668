//! The convolutions, norms and updates of the crate [`stargan`](https://docs.rs/stargan) on a CPU,
//! forwards and backwards: on slices of float32, in vector instructions chosen at run time. What
//! SSIM takes longest with is here too.
//!
//! They know no framework. Convolutions are those whose output is an exact part of the input; their
//! shapes are a [`Geometry`](geometry::Geometry). Every value is summed in one order however the
//! work is divided among threads, so results do not depend on their number.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod adam;
pub mod adam_step;
pub mod blur;
pub mod conv;
pub mod epilogue;
pub mod geometry;
mod groups;
pub mod leaky;
pub mod norm;
mod patches;
mod plane;
mod product;
pub mod resize;
pub mod window;
pub mod windowed;
mod winograd;
