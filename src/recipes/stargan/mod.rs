//! StarGAN (Choi et al., CVPR 2018, arXiv:1711.09020): one generator for every domain.

pub(crate) mod batch;
pub(crate) mod begin;
pub(crate) mod config;
pub(crate) mod losses;
pub(crate) mod preset;
pub(crate) mod recipe;
pub(crate) mod step;
pub(crate) mod weights;
