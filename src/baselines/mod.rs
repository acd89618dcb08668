//! What StarGAN is compared with: models of two domains, built of the same networks, losses and loop.

mod cyclegan;
mod losses;
mod pix2pix;

pub use cyclegan::cycle_losses;
pub use losses::{DiscriminatorLosses, GeneratorLosses};
pub use pix2pix::{paired_losses, under_condition};

#[cfg(test)]
mod tests;
