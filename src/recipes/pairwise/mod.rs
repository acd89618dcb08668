//! What StarGAN is compared with: models of two domains, built of the same networks, losses and loop.
//!
//! [`CycleGan`] learns both directions between two domains without pairs of images, [`Pix2Pix`] one direction from
//! pairs. Both are [recipes](crate::train::Recipe) of the one [`Trainer`](crate::Trainer): run folders, exact resume,
//! observers and policies are those of StarGAN's training, what differs is a step. Between k domains there are
//! k (k - 1) directions; [`Pairwise`] puts their generators side by side, to be measured as one translator.
//!
//! Networks are StarGAN's without labels, so that a comparison is of methods, not of architectures:
//! `docs/baselines.md` says where that departs from the papers, and what a comparison shows.

mod config;
mod cyclegan;
mod direction;
mod losses;
mod pix2pix;
mod pool;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

pub use config::PairModel;
pub use cyclegan::{CycleGan, cycle_losses};
pub use direction::{Direction, Pairwise};
pub use losses::{DirectionLosses, DiscriminatorLosses, GeneratorLosses};
pub use pix2pix::{Pix2Pix, paired_losses, under_condition};

use crate::data::loader::Batch;

/// The images of a batch of each domain, on the device.
fn images<B: Backend>(batches: Vec<Batch>, device: &B::Device) -> [Tensor<B, 4>; 2] {
    let images = batches.into_iter().map(|batch| {
        let shape = batch.shape();
        Tensor::from_data(TensorData::new(batch.images, shape), device)
    });
    let images: Vec<_> = images.collect();
    images.try_into().unwrap_or_else(|_| panic!("a batch of either domain"))
}

#[cfg(test)]
mod tests;
