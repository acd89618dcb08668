//! Files of weights: this crate's own, and those of the public PyTorch code.

pub(crate) mod describe;
pub(crate) mod model;
pub(crate) mod pytorch;
pub(crate) mod replace;
pub(crate) mod run;
