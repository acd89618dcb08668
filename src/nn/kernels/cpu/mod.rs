//! Specialised paths for the backends whose tensors are host memory: Flex and NdArray.
//!
//! Each operation exists once, on slices (`conv`, `norm`), and is lifted to tensors in
//! `operations`.

mod adam;
mod conv;
mod epilogue;
mod groups;
mod host;
mod leaky;
mod norm;
mod operations;
mod patches;
mod plane;
mod product;
mod resize;
mod windowed;
mod winograd;

pub(super) use self::operations::Cpu;
