#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![recursion_limit = "256"] // wgpu's types nest deeply

pub mod data;
mod error;
mod files;
mod labels;
pub mod nn;
mod optim;
mod random;
mod translate;
