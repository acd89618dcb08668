//! StarGAN on burn.

pub mod error;
pub mod labels;
