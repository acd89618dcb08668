//! StarGAN on burn.

pub mod domains;
pub mod edit;
pub mod error;
pub mod labels;
