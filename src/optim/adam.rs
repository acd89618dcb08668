//! Adam (Kingma and Ba, 2015), as PyTorch computes it.
//!
//! The state is kept in the order in which a module visits its parameters, so that checkpoints can
//! name it by parameter path; nothing depends on identifiers that differ from process to process.

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::{Deserialize, Serialize};

use crate::nn::flat::{flat, from_row_major, into_row_major, unflat};
use crate::nn::kernels::adam_step::AdamStep;
use crate::nn::ops;
use crate::nn::weights::{self, Weights};

/// Adam's constants; the defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Decay of the gradient's running mean: 0.5.
    pub beta1: f64,
    /// Decay of the squared gradient's running mean: 0.999.
    pub beta2: f64,
    /// Added to the denominator: 1e-8.
    pub epsilon: f64,
    /// How much of a weight is added to its gradient, as a penalty on its square does: 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weight_decay: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.5, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// The running means of one parameter's gradient and of its square.
#[derive(Clone, Debug)]
struct Moments<B: Backend> {
    first: Tensor<B, 1>,
    second: Tensor<B, 1>,
}

/// The optimizer of one module.
#[derive(Clone, Debug)]
pub(crate) struct Adam<B: Backend> {
    config: AdamConfig,
    /// Updates done.
    steps: u64,
    /// In visiting order; empty before the first step.
    moments: Vec<Moments<B>>,
    /// `[1]`, finite if what the last step computed is; `None` before the first one.
    finite: Option<Tensor<B, 1>>,
}

impl<B: Backend> Adam<B> {
    pub fn new(config: AdamConfig) -> Self {
        Self { config, steps: 0, moments: Vec::new(), finite: None }
    }

    /// One update of `module` with its [`gradients`] at `learning_rate`.
    ///
    /// # Panics
    /// When the gradients are another module's.
    pub fn step<AB, M>(&mut self, module: M, gradients: Vec<Tensor<B, 1>>, learning_rate: f64) -> M
    where
        AB: AutodiffBackend<InnerBackend = B>,
        M: AutodiffModule<AB>,
    {
        self.steps += 1;
        self.finite = None;
        // Given away, so that nobody else holds them when they are updated.
        let before = std::mem::take(&mut self.moments).into_iter();
        let mut update =
            Update { adam: self, before, gradients: gradients.into_iter(), learning_rate };
        let module = module.map(&mut update);
        assert!(update.gradients.next().is_none(), "a parameter for every gradient");
        module
    }

    /// Its constants.
    pub fn config(&self) -> &AdamConfig {
        &self.config
    }

    /// Updates done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// A `[1]` that is finite if the gradients of the last step are and all that it computed;
    /// `None` before the first step.
    pub fn finite(&self) -> Option<Tensor<B, 1>> {
        self.finite.clone()
    }

    /// The running means of `module`'s parameters by path, under `prefix.`; none before the first
    /// step.
    pub fn state<M: Module<B>>(&self, module: &M, prefix: &str) -> Weights {
        let paths = weights::paths(module);
        assert!(self.moments.is_empty() || self.moments.len() == paths.len(), "another module's");
        let mut weights = Weights::new();
        for ((path, shape), Moments { first, second }) in paths.iter().zip(&self.moments) {
            for (mean, values) in [("first", first), ("second", second)] {
                let values = into_row_major(values.clone(), shape).into_data();
                weights.insert(format!("{prefix}.{mean}.{path}"), values.convert::<f32>());
            }
        }
        weights
    }

    /// The optimizer of `module` that [`state`](Self::state) described; its entries are taken out
    /// of `weights`.
    ///
    /// # Errors
    /// The first missing or mis-shaped entry, by name.
    pub fn restore<M: Module<B>>(
        config: AdamConfig,
        steps: u64,
        module: &M,
        prefix: &str,
        weights: &mut Weights,
        device: &B::Device,
    ) -> Result<Self, String> {
        let mut take = |name: String, shape: &[usize]| -> Result<Tensor<B, 1>, String> {
            let len: usize = shape.iter().product();
            let data = weights.remove(&name).ok_or_else(|| format!("{name} is missing"))?;
            if data.shape.as_slice() != [len] {
                return Err(format!(
                    "{name}: expected shape [{len}], found {:?}",
                    data.shape.as_slice()
                ));
            }
            Ok(from_row_major(Tensor::from_data(data, device), shape))
        };
        let mut moments = Vec::new();
        if steps > 0 {
            for (path, shape) in weights::paths(module) {
                moments.push(Moments {
                    first: take(format!("{prefix}.first.{path}"), &shape)?,
                    second: take(format!("{prefix}.second.{path}"), &shape)?,
                });
            }
        }
        Ok(Self { config, steps, moments, finite: None })
    }

    /// The new value of one parameter, whose running means were `before`, none at the first step.
    fn update(
        &mut self,
        before: Option<Moments<B>>,
        value: Tensor<B, 1>,
        gradient: Tensor<B, 1>,
        learning_rate: f64,
    ) -> Tensor<B, 1> {
        assert_eq!(gradient.dims(), value.dims(), "a gradient of the parameter's size");
        let AdamConfig { beta1, beta2, epsilon, weight_decay } = self.config;
        let gradient = match weight_decay {
            0.0 => gradient,
            decay => gradient + value.clone() * decay,
        };
        let Moments { first, second } = before.unwrap_or_else(|| Moments {
            first: gradient.zeros_like(),
            second: gradient.zeros_like(),
        });
        let step = AdamStep::new([beta1, beta2], epsilon, self.steps, learning_rate);
        let tensors = [value, gradient, first, second];
        let [value, first, second, finite] = ops::adam(tensors, self.finite.take(), step);
        self.moments.push(Moments { first, second });
        self.finite = Some(finite);
        value
    }
}

/// The gradients of `module`'s parameters, flat, in the order in which it visits them, which is the
/// same in every process; taken out of `gradients`. A missing one is zero.
///
/// # Panics
/// When all are missing.
pub(crate) fn gradients<B: AutodiffBackend, M: Module<B>>(
    module: &M,
    gradients: &mut B::Gradients,
) -> Vec<Tensor<B::InnerBackend, 1>> {
    struct Taker<'a, B: AutodiffBackend> {
        gradients: &'a mut B::Gradients,
        taken: Vec<Tensor<B::InnerBackend, 1>>,
        found: bool,
    }
    impl<B: AutodiffBackend> ModuleVisitor<B> for Taker<'_, B> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            let value = param.val();
            let gradient = value.grad_remove(self.gradients);
            self.found |= gradient.is_some();
            let gradient = gradient.unwrap_or_else(|| value.inner().zeros_like());
            self.taken.push(flat(gradient));
        }
    }
    let mut taker = Taker::<B> { gradients, taken: Vec::new(), found: false };
    module.visit(&mut taker);
    assert!(taker.found, "the loss does not depend on this network");
    taker.taken
}

/// Maps every parameter of a module to its updated value.
struct Update<'a, B: Backend> {
    adam: &'a mut Adam<B>,
    before: std::vec::IntoIter<Moments<B>>,
    gradients: std::vec::IntoIter<Tensor<B, 1>>,
    learning_rate: f64,
}

impl<B: AutodiffBackend> ModuleMapper<B> for Update<'_, B::InnerBackend> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let gradient = self.gradients.next().expect("a gradient for every parameter");
        let value = tensor.inner();
        let shape = value.dims();
        let updated =
            self.adam.update(self.before.next(), flat(value), gradient, self.learning_rate);
        let tensor = Tensor::from_inner(unflat(updated, shape)).require_grad();
        Param::from_mapped_value(id, tensor, mapper)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::gradients as gradients_of;
    use super::*;
    use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
    use crate::random::{Purpose, stream};

    type B = Autodiff<Flex>;

    fn step(adam: &mut Adam<Flex>, module: Discriminator<B>) -> Discriminator<B> {
        let images = Tensor::ones([1, 3, 4, 4], &Default::default());
        let mut gradients = module.forward(images).realness.sum().backward();
        let gradients = gradients_of(&module, &mut gradients);
        adam.step(module, gradients, 0.1)
    }

    #[test]
    fn a_restored_optimizer_goes_on_as_the_original() {
        let _turn = crate::tests::one_at_a_time();
        let config = DiscriminatorConfig::new(4, 2).with_base_channels(1).with_downsamplings(1);
        let mut rng = stream(0, Purpose::Discriminator, 0, 0);
        let mut adam = Adam::new(AdamConfig::default());
        let module = step(&mut adam, config.init(&mut rng, &Default::default()).unwrap());

        let inner = module.valid();
        let restore = |weights: &mut Weights| {
            let (config, device) = (AdamConfig::default(), Default::default());
            Adam::<Flex>::restore(config, adam.steps(), &inner, "adam", weights, &device)
        };
        let mut state = adam.state(&inner, "adam");
        assert_eq!(state.len(), 2 * weights::paths(&inner).len());
        let mut restored = restore(&mut state).unwrap();
        assert!(state.is_empty());
        let expected = step(&mut adam.clone(), module.clone());
        let found = step(&mut restored, module);
        assert_eq!(weights::collect(&found, "d"), weights::collect(&expected, "d"));

        let mut state = adam.state(&inner, "adam");
        state.remove("adam.second.trunk.0.bias");
        assert_eq!(restore(&mut state).unwrap_err(), "adam.second.trunk.0.bias is missing");
        let mut state = adam.state(&inner, "adam");
        state.insert("adam.first.trunk.0.bias".to_owned(), [1.0_f32, 2.0].into());
        let error = restore(&mut state).unwrap_err();
        assert_eq!(error, "adam.first.trunk.0.bias: expected shape [1], found [2]");
    }
}
