//! Networks as ONNX files, which other runtimes run: onnxruntime, also in a browser.
//!
//! `docs/interop.md` has what is in such a file and how it is used.

mod graph;
pub(crate) mod message;
pub(crate) mod model;
pub(crate) mod style;
