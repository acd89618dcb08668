//! Tests that belong to no single module: against PyTorch, across backends, of derivatives.
//!
//! A test's body is generic over the backend; [`on_every_backend`] makes one test of it per backend
//! that the features bring.

mod backends;
pub(crate) mod broken;
pub(crate) mod fixture;
#[cfg(feature = "flex")]
mod gradients;
mod isolation;
mod iterations;
#[cfg(feature = "wgpu")]
mod launches;
mod mask;
mod networks;
pub(crate) mod numbers;
mod objectives;
#[cfg(feature = "flex")]
mod onnx;
mod optimizer;
#[cfg(feature = "flex")]
mod penalty;
mod precision;
mod published;
mod resizing;
mod shapes;
mod spectral;
mod steps;
mod style;
mod style_files;
mod style_precision;
mod style_steps;
#[cfg(feature = "flex")]
mod table;
mod upsampling;

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};

use crate::nn::weights::{Weights, paths};

/// Makes tests of generic functions `fn body<B: AutodiffBackend>()`: `flex::body`, `ndarray::body`,
/// `wgpu::body`.
macro_rules! on_every_backend {
    ($($body:ident),+ $(,)?) => {
        #[cfg(feature = "flex")]
        mod flex {
            type B = burn::backend::Autodiff<burn::backend::Flex>;
            $(#[test]
            fn $body() {
                let _turn = crate::tests::one_at_a_time();
                super::$body::<B>()
            })+
        }
        #[cfg(feature = "ndarray")]
        mod ndarray {
            type B = burn::backend::Autodiff<burn::backend::NdArray>;
            $(#[test]
            fn $body() {
                let _turn = crate::tests::one_at_a_time();
                super::$body::<B>()
            })+
        }
        #[cfg(feature = "wgpu")]
        mod wgpu {
            type B = burn::backend::Autodiff<burn::backend::Wgpu>;
            $(#[test]
            fn $body() {
                let _turn = crate::tests::one_at_a_time();
                super::$body::<B>()
            })+
        }
    };
}
pub(crate) use on_every_backend;

/// Held by every test that runs a backward pass, so that they do not fight for the cores, nor a
/// test of the engine that is one per process for its workers.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The largest difference of `found` and `expected`, as a share of the largest magnitude expected.
///
/// # Panics
/// When they differ in their number of values, or nothing but zeros is expected and something else
/// found.
pub(crate) fn relative_error(found: &TensorData, expected: &TensorData) -> f64 {
    assert_eq!(found.num_elements(), expected.num_elements());
    let largest = expected.iter::<f64>().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let difference = found
        .iter::<f64>()
        .zip(expected.iter::<f64>())
        .map(|(found, expected)| (found - expected).abs())
        // `max` would pass over a NaN.
        .fold(0.0, |worst: f64, next| if next <= worst { worst } else { next });
    if difference == 0.0 {
        return 0.0;
    }
    assert!(largest > 0.0, "only zeros were expected");
    difference / largest
}

/// The largest [`relative_error`] over tensors of the same names, and whose it is.
pub(crate) fn largest_error(found: &Weights, expected: &Weights) -> (f64, String) {
    assert!(!expected.is_empty() && found.keys().eq(expected.keys()), "other tensors");
    found
        .iter()
        .map(|(name, found)| (relative_error(found, &expected[name]), name.clone()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or_default()
}

/// The gradient of every parameter of `module` that has one, under `prefix.`.
pub(crate) fn gradients<B: AutodiffBackend, M: Module<B>>(
    module: &M,
    gradients: &B::Gradients,
    prefix: &str,
) -> Weights {
    struct Collector<'a, B: AutodiffBackend> {
        gradients: &'a B::Gradients,
        found: Vec<Option<TensorData>>,
    }
    impl<B: AutodiffBackend> ModuleVisitor<B> for Collector<'_, B> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            let gradient = param.val().grad(self.gradients);
            self.found.push(gradient.map(|gradient| gradient.into_data()));
        }
    }
    let mut collector = Collector::<B> { gradients, found: Vec::new() };
    module.visit(&mut collector);
    let named =
        |((path, _), gradient): (_, Option<_>)| Some((format!("{prefix}.{path}"), gradient?));
    paths(module).into_iter().zip(collector.found).filter_map(named).collect()
}

/// What a report of measured errors calls the backend.
pub(crate) fn backend_name<B: Backend>() -> String {
    B::name(&B::Device::default())
}
