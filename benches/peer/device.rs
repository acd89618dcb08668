//! What a backend says of its device: memory, and kernels launched.

use stargan::burn::tensor::backend::Backend;

/// A backend with a device that may have memory of its own.
pub trait Device: Backend {
    /// The bytes that the process has reserved on the device, which grow to what its steps need at
    /// most and are not given back; none where the device is the host.
    fn reserved() -> Option<u64>;
}

#[cfg(feature = "flex")]
impl Device for stargan::burn::backend::Flex {
    fn reserved() -> Option<u64> {
        None
    }
}

#[cfg(feature = "ndarray")]
impl Device for stargan::burn::backend::NdArray {
    fn reserved() -> Option<u64> {
        None
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu {
    use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};
    use burn_fusion::{Fusion, FusionBackend};

    use super::Device;

    impl<R, F, I, BT> Device for CubeBackend<R, F, I, BT>
    where
        R: CubeRuntime,
        F: FloatElement,
        I: IntElement,
        BT: BoolElement,
    {
        fn reserved() -> Option<u64> {
            R::client(&Default::default()).memory_usage().ok().map(|usage| usage.bytes_reserved)
        }
    }

    impl<B: FusionBackend + Device> Device for Fusion<B> {
        fn reserved() -> Option<u64> {
            B::reserved()
        }
    }
}
