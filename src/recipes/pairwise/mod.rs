//! What CycleGAN and pix2pix share: models of two domains, with a generator for each direction.
//!
//! They are what StarGAN is compared with. Networks are StarGAN's without labels, so that a
//! comparison is of methods, not of architectures: `docs/baselines.md` says where that departs from
//! the papers, and what a comparison shows.

pub(crate) mod direction;
pub(crate) mod history;
pub(crate) mod losses;
pub(crate) mod settings;
#[cfg(test)]
mod tests;
