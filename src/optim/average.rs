//! The exponential moving average of the generator's weights, which inference uses.

use std::collections::VecDeque;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::nn::flat::{flat, unflat};

/// The decay after `updates` updates of the generator: rising to `decay`, so that the average of a
/// short run does not remember the random first weights.
pub(crate) fn warmed_up(decay: f64, updates: u64) -> f64 {
    decay.min((1.0 + updates as f64) / (10.0 + updates as f64))
}

/// `average * decay + module * (1 - decay)`, parameter by parameter.
pub(crate) fn update<B: Backend, M: Module<B>>(average: M, module: &M, decay: f64) -> M {
    let mut current = Values(VecDeque::new());
    module.visit(&mut current);
    average.map(&mut Blend { current: current.0, decay })
}

/// A module's parameters, flat, in visiting order.
struct Values<B: Backend>(VecDeque<Tensor<B, 1>>);

impl<B: Backend> ModuleVisitor<B> for Values<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.0.push_back(flat(param.val()));
    }
}

struct Blend<B: Backend> {
    current: VecDeque<Tensor<B, 1>>,
    decay: f64,
}

impl<B: Backend> ModuleMapper<B> for Blend<B> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let current = self.current.pop_front().expect("both modules have the same parameters");
        param.map(|average| {
            let shape = average.dims();
            let tracked = average.is_require_grad();
            let blended = flat(average) * self.decay + current * (1.0 - self.decay);
            unflat(blended, shape).detach().set_require_grad(tracked)
        })
    }
}
