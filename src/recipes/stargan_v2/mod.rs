//! StarGAN v2 (Choi et al., CVPR 2020, arXiv:1912.01865): one generator for many domains, and many
//! looks of each, from noise or from a reference image.

pub(crate) mod batch;
pub(crate) mod config;
pub(crate) mod files;
pub(crate) mod grids;
pub(crate) mod interpolate;
pub(crate) mod losses;
pub(crate) mod model;
pub(crate) mod networks;
pub(crate) mod recipe;
pub(crate) mod reference;
pub(crate) mod step;
pub(crate) mod translator;
