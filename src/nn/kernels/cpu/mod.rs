//! Specialised paths for the backends whose tensors are host memory: Flex and NdArray.
//!
//! Each operation exists once, on slices, in the crate `stargan-kernels`, and is lifted to tensors
//! in `operations`.

mod host;
mod operations;

pub(super) use self::operations::Cpu;
