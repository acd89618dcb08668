//! Noticing values that are not finite.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::engine::recipe::StepLosses;

/// A value that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NonFinite {
    pub iteration: u64,
    /// What it is the value of, such as `faces/d/penalty`.
    pub term: String,
    pub value: f32,
}

/// Loss terms and gradients of iterations that are not looked at yet: looking waits for the device.
#[derive(Debug)]
pub(super) struct Watch<B: Backend> {
    pending: Vec<(u64, String, Tensor<B, 1>)>,
}

impl<B: Backend> Default for Watch<B> {
    fn default() -> Self {
        Self { pending: Vec::new() }
    }
}

impl<B: Backend> Watch<B> {
    /// Takes note of what `iteration` has computed.
    pub fn note(&mut self, iteration: u64, steps: &[StepLosses<B>]) {
        let checks = steps.iter().flat_map(StepLosses::finite_checks);
        self.pending.extend(checks.map(|(term, value)| (iteration, term, value.clone())));
    }

    /// The first value since the last look that is not finite.
    pub fn look(&mut self) -> Option<NonFinite> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return None;
        }
        let values = Tensor::cat(pending.iter().map(|(_, _, value)| value.clone()).collect(), 0);
        let values = values.into_data();
        let mut noted = pending.into_iter().zip(values.iter::<f32>());
        let ((iteration, term, _), value) = noted.find(|(_, value)| !value.is_finite())?;
        Some(NonFinite { iteration, term, value })
    }
}
