//! A trained model: image + edit -> image.

pub(crate) mod any;
pub(crate) mod caption;
pub(crate) mod each;
pub(crate) mod edits;
pub(crate) mod grid;
pub(crate) mod images;
pub(crate) mod interpolate;
pub(crate) mod masked;
pub(crate) mod onnx;
pub(crate) mod output;
pub(crate) mod painted;
pub(crate) mod picture;
pub(crate) mod pytorch;
pub(crate) mod relabel;
pub(crate) mod scores;
pub(crate) mod sequence;
pub(crate) mod translator;
