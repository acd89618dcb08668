//! Networks, training steps, gradient penalties and the way from image files to batches, in one
//! program: each compiles the library's generics again.
//!
//! ```text
//! cargo bench --bench stargan                     all of them
//! cargo bench --bench stargan -- penalty          one of networks, training_step, penalty, data
//! ```

#![recursion_limit = "256"] // wgpu's types nest deeply

/// Calls `$measure::<B>($criterion, "name")` for every backend that is compiled in, or, after
/// `autodiff`, `$measure::<Autodiff<B>>`.
macro_rules! on_every_backend {
    (@one $name:literal, $backend:ident, autodiff $measure:ident, $criterion:ident) => {
        #[cfg(feature = $name)]
        $measure::<stargan::burn::backend::Autodiff<stargan::burn::backend::$backend>>(
            $criterion, $name,
        );
    };
    (@one $name:literal, $backend:ident, plain $measure:ident, $criterion:ident) => {
        #[cfg(feature = $name)]
        $measure::<stargan::burn::backend::$backend>($criterion, $name);
    };
    ($kind:ident $measure:ident, $criterion:ident) => {
        on_every_backend!(@one "flex", Flex, $kind $measure, $criterion);
        on_every_backend!(@one "ndarray", NdArray, $kind $measure, $criterion);
        on_every_backend!(@one "wgpu", Wgpu, $kind $measure, $criterion);
        on_every_backend!(@one "cuda", Cuda, $kind $measure, $criterion);
    };
}

mod data;
#[path = "../common/jpegs.rs"]
mod jpegs;
mod networks;
#[path = "../common/networks.rs"]
mod of_shape;
mod penalty;
#[path = "../common/shape.rs"]
mod shape;
#[path = "../common/shapes.rs"]
mod shapes;
mod training_step;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion::criterion_group!(benches, networks::all, training_step::all, penalty::all, data::all);
criterion::criterion_main!(benches);
