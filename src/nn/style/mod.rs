//! The networks of StarGAN v2 (Choi et al., CVPR 2020, arXiv:1912.01865): a style code says how an
//! image is to look in its new domain.

mod block;
pub(crate) mod config;
pub(crate) mod discriminator;
pub(crate) mod encoder;
pub(crate) mod generator;
mod judging;
mod layers;
pub(crate) mod mapping;
