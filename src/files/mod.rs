//! Files of weights: this crate's own, those of the public PyTorch code, and ONNX.

pub(crate) mod describe;
pub(crate) mod model;
pub(crate) mod onnx;
pub(crate) mod pytorch;
pub(crate) mod replace;
pub(crate) mod run;
