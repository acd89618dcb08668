//! Every objective and penalty against PyTorch: values and all gradients, on one batch and its
//! networks.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use serde_json::Value;

use crate::files::pytorch::keys::Key;
use crate::nn::discriminator::Discriminator;
use crate::nn::generator::Generator;
use crate::nn::weights::Weights;
use crate::recipes::objective::Objective;
use crate::recipes::penalty::{Penalty, PenaltyDraw};
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::gradients;
use crate::tests::{backend_name, largest_error, on_every_backend, relative_error};

on_every_backend!(objectives_are_pytorchs, penalties_are_pytorchs);

/// Of a value: what the project requires. Means over patches of either sign cancel.
const VALUE_TOLERANCE: f64 = 1e-4;
/// Of each tensor's largest value: what the project requires.
const GRADIENT_TOLERANCE: f64 = 1e-4;

struct Case<B: AutodiffBackend> {
    fixture: Fixture,
    networks: Networks,
    generator: Generator<B>,
    discriminator: Discriminator<B>,
    real: Tensor<B::InnerBackend, 4>,
    target: Tensor<B::InnerBackend, 2>,
}

impl<B: AutodiffBackend> Case<B> {
    fn new() -> Self {
        let (networks, mut fixture) = Fixture::open::<Networks>("objectives");
        Self {
            generator: fixture.generator(&networks),
            discriminator: fixture.discriminator(&networks),
            real: fixture.tensor("real"),
            target: fixture.tensor("target"),
            networks,
            fixture,
        }
    }

    fn fake(&self) -> Tensor<B::InnerBackend, 4> {
        self.generator.valid().forward(self.real.clone(), self.target.clone())
    }

    fn value(&mut self, name: &str, found: Tensor<B, 1>) {
        let error = relative_error(&found.into_data(), &self.fixture.take(name));
        println!("{name} {}: {error:.1e}", backend_name::<B>());
        assert!(error <= VALUE_TOLERANCE, "{name}: {error:e}");
    }

    /// Compares gradients of `m.`; a parameter whose gradient is zero may have none.
    fn gradients(&mut self, name: &str, keys: &[Key], mut found: Weights) {
        let mut expected = self.fixture.parameters(keys, &format!("{name}."), "m");
        assert!(found.keys().all(|path| expected.contains_key(path)));
        let moves = |data: &TensorData| data.iter::<f64>().any(|value| value != 0.0);
        found.retain(|_, data| moves(data));
        expected.retain(|_, data| moves(data));
        let (error, worst) = largest_error(&found, &expected);
        println!("{name} {}: {error:.1e} ({worst})", backend_name::<B>());
        assert!(error <= GRADIENT_TOLERANCE, "{name} {worst}: {error:e}");
    }
}

/// What the fixture and the configurations call it.
fn name(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        other => panic!("{other:?}"),
    }
}

fn objectives_are_pytorchs<B: AutodiffBackend>() {
    let mut case = Case::<B>::new();
    let (g_keys, d_keys) = (case.networks.generator_keys(), case.networks.discriminator_keys());
    for objective in Objective::ALL {
        let name = match objective {
            Objective::Wasserstein => "wgan-gp".to_owned(),
            other => name(other),
        };
        let on = |images| case.discriminator.forward(images).realness;
        let real = objective.real(on(Tensor::from_inner(case.real.clone())));
        let fake = objective.fake(on(Tensor::from_inner(case.fake())));
        let total = (real.clone() + fake.clone()).backward();
        let found = gradients(&case.discriminator, &total, "m");
        case.value(&format!("{name}.d_real"), real);
        case.value(&format!("{name}.d_fake"), fake);
        case.gradients(&format!("{name}.d_grad"), &d_keys, found);

        let (real, target) = (case.real.clone(), case.target.clone());
        let fake = case.generator.forward(Tensor::from_inner(real), Tensor::from_inner(target));
        let loss = objective.generator(case.discriminator.forward(fake).realness);
        let found = gradients(&case.generator, &loss.backward(), "m");
        case.value(&format!("{name}.g_fake"), loss);
        case.gradients(&format!("{name}.g_grad"), &g_keys, found);
    }
}

fn penalties_are_pytorchs<B: AutodiffBackend>() {
    let mut case = Case::<B>::new();
    let keys = case.networks.discriminator_keys();
    let mixing: Tensor<B::InnerBackend, 1> = case.fixture.tensor("alpha");
    let noise: Tensor<B::InnerBackend, 4> = case.fixture.tensor("noise");
    for penalty in Penalty::ALL {
        let draw = PenaltyDraw {
            mixing: mixing.clone().reshape([-1, 1, 1, 1]),
            noise: penalty.needs_noise().then(|| noise.clone()),
        };
        let value = penalty.forward(&case.discriminator, case.real.clone(), case.fake(), draw);
        let Some(value) = value else {
            assert_eq!(penalty, Penalty::None);
            continue;
        };
        let found = gradients(&case.discriminator, &value.backward(), "m");
        let name = format!("penalty.{}", name(penalty));
        case.value(&name, value);
        case.gradients(&format!("{name}.d_grad"), &keys, found);
    }
}
