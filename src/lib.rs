//! StarGAN on burn.

pub mod edit;
pub mod error;
pub mod labels;
