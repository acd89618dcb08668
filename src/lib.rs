//! StarGAN on burn.

pub mod data;
pub mod error;
pub mod labels;
