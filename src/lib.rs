//! StarGAN on burn.

mod adam;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu;
pub mod data;
pub mod discriminator;
pub mod domains;
pub mod edit;
pub mod error;
pub mod generator;
pub mod labels;
mod layers;
pub mod losses;
pub mod metrics;
mod model;
mod ops;
pub mod penalty;
mod random;
pub mod train;
pub mod translator;
mod weights;

pub use burn;
