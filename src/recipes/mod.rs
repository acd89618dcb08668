//! What a run trains: networks, losses and the step of each method.

pub(crate) mod adversaries;
pub(crate) mod cyclegan;
pub(crate) mod losses;
pub(crate) mod objective;
pub(crate) mod open;
pub(crate) mod pairwise;
pub(crate) mod penalty;
pub(crate) mod pix2pix;
pub(crate) mod stargan;
