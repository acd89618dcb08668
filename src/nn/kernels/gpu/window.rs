//! Which pixels a convolution's taps relate.
//!
//! A convolution relates a *small* tensor `[N, A, h, w]` and a *large* one `[N, B, s h, s w]`
//! through a weight `[A, B, k, k]`: the tap `(ky, kx)` relates the small pixel `(y, x)` and the
//! large one `(s y + ky - p, s x + kx - p)`.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// The taps of a square convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Window {
    pub kernel: u32,
    pub stride: u32,
    pub padding: u32,
}

/// One of the two tensors that a convolution relates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Small,
    Large,
}

/// One coordinate of the pixel that the tap `k` relates to the pixel `at` of `side`, and whether
/// there is one; what the coordinate is otherwise does not matter.
#[cube]
pub(super) fn related(
    at: u32,
    k: u32,
    #[comptime] side: Side,
    #[comptime] window: Window,
    length: u32,
) -> (u32, bool) {
    let Window { stride, padding, .. } = comptime!(window);
    match comptime!(side) {
        // Below 0 it wraps around, to beyond the length.
        Side::Small => {
            let other = at * stride + k - padding;
            (other, other < length)
        }
        Side::Large => {
            let offset = at + padding - k;
            let other = offset / stride;
            (other, offset.is_multiple_of(stride) && other < length)
        }
    }
}
