#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![recursion_limit = "256"] // wgpu's types nest deeply

pub mod data;
#[cfg(feature = "train")]
pub mod engine;
mod error;
mod files;
mod labels;
pub mod nn;
mod optim;
mod random;
#[cfg(feature = "train")]
pub mod recipes;
mod translate;
