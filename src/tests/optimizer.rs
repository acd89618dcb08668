//! Adam alone against PyTorch, on given gradients.

use std::panic::{self, AssertUnwindSafe};

use burn::module::{AutodiffModule, Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::Deserialize;

use crate::optim::adam::{self, Adam, AdamConfig};
use crate::tests::fixture::Fixture;
use crate::tests::{backend_name, on_every_backend};

on_every_backend!(
    adam_moves_as_pytorchs_does,
    weights_decay_as_pytorchs_do,
    adam_counts_a_missing_gradient_as_zero,
    adam_refuses_anothers_gradients,
);

/// Absolute, on parameters of about 1 that move by up to 1e-3: a few units in the last place of
/// float32. Gradients span 14 decades, so an epsilon of another size or place exceeds it.
const ADAM_TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Config {
    adam: Settings,
    learning_rates: Vec<f64>,
}

#[derive(Deserialize)]
struct Settings {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
}

#[derive(Module, Debug)]
struct Pair<B: Backend> {
    parameter: Param<Tensor<B, 1>>,
    other: Param<Tensor<B, 1>>,
}

#[derive(Module, Debug)]
struct Line<B: Backend> {
    parameter: Param<Tensor<B, 1>>,
}

fn adam_moves_as_pytorchs_does<B: AutodiffBackend>() {
    let (Config { adam, learning_rates }, mut fixture) = Fixture::open("adam");
    let Settings { beta1, beta2, epsilon } = adam;
    let config = AdamConfig { beta1, beta2, epsilon, weight_decay: 0.0 };
    assert_eq!(config, AdamConfig::default(), "the defaults are what the paper and PyTorch use");
    let mut adam = Adam::new(config);
    let mut line = Line::<B> { parameter: Param::from_tensor(fixture.tensor("parameter")) };
    let mut worst = 0.0_f64;
    for (step, rate) in (1..).zip(learning_rates) {
        let gradient: Tensor<B, 1> = fixture.tensor(&format!("gradient.{step}"));
        // The gradient of this sum is the given one, exactly.
        let mut gradients = (line.parameter.val() * gradient).sum().backward();
        let gradients = adam::gradients(&line, &mut gradients);
        line = adam.step(line, gradients, rate);
        let found = line.valid().parameter.val().into_data();
        let expected = fixture.take(&format!("after.{step}"));
        for (found, expected) in found.iter::<f64>().zip(expected.iter::<f64>()) {
            let error = (found - expected).abs();
            assert!(error <= ADAM_TOLERANCE, "step {step}: {found} instead of {expected}");
            worst = worst.max(error);
        }
    }
    assert_eq!(adam.steps(), 5);
    println!("adam {}: {worst:.1e}", backend_name::<B>());
}

fn weights_decay_as_pytorchs_do<B: AutodiffBackend>() {
    #[derive(Deserialize)]
    struct Config {
        adam: Decaying,
    }
    #[derive(Deserialize)]
    struct Decaying {
        learning_rate: f64,
        beta1: f64,
        beta2: f64,
        epsilon: f64,
        weight_decay: f64,
    }
    let (Config { adam }, mut fixture) = Fixture::open("stargan_v2");
    let Decaying { learning_rate, beta1, beta2, epsilon, weight_decay } = adam;
    let mut adam = Adam::new(AdamConfig { beta1, beta2, epsilon, weight_decay });
    let mut line = Line::<B> { parameter: Param::from_tensor(fixture.tensor("adam.before")) };
    for step in 0..3 {
        let gradient: Tensor<B, 1> = fixture.tensor(&format!("adam.gradient.{step}"));
        let mut gradients = (line.parameter.val() * gradient).sum().backward();
        let gradients = adam::gradients(&line, &mut gradients);
        line = adam.step(line, gradients, learning_rate);
        let found = line.valid().parameter.val().into_data();
        let expected = fixture.take(&format!("adam.after.{step}"));
        for (found, expected) in found.iter::<f64>().zip(expected.iter::<f64>()) {
            let error = (found - expected).abs();
            assert!(error <= ADAM_TOLERANCE, "step {step}: {found} instead of {expected}");
        }
    }
}

fn adam_counts_a_missing_gradient_as_zero<B: AutodiffBackend>() {
    let device = B::Device::default();
    let ones = || Param::from_tensor(Tensor::<B, 1>::ones([3], &device));
    let pair = Pair::<B> { parameter: ones(), other: ones() };
    let mut adam = Adam::new(AdamConfig::default());
    let step = |adam: &mut Adam<_>, pair: Pair<B>, loss: Tensor<B, 1>| {
        let gradients = adam::gradients(&pair, &mut loss.backward());
        adam.step(pair, gradients, 0.1)
    };
    let of_other = pair.other.val().sum();
    let pair = step(&mut adam, pair, of_other);
    assert_eq!(pair.parameter.val().into_data(), Tensor::<B, 1>::ones([3], &device).into_data());

    // By momentum alone: the first mean, halved, over the root of the second.
    let of_both = pair.parameter.val().sum() + pair.other.val().sum();
    let pair = step(&mut adam, pair, of_both);
    let before = pair.parameter.val().into_data();
    let of_other = pair.other.val().sum();
    let pair = step(&mut adam, pair, of_other);
    let after = pair.parameter.val().into_data();
    assert!(after.iter::<f32>().zip(before.iter::<f32>()).all(|(after, before)| after < before));
}

fn adam_refuses_anothers_gradients<B: AutodiffBackend>() {
    let device = B::Device::default();
    let line = Line::<B> { parameter: Param::from_tensor(Tensor::ones([3], &device)) };
    let gradient = |length: usize| Tensor::<B::InnerBackend, 1>::ones([length], &device);
    for gradients in [vec![], vec![gradient(2)], vec![gradient(4)], vec![gradient(3), gradient(3)]]
    {
        let line = line.clone();
        let refused = panic::catch_unwind(AssertUnwindSafe(|| {
            Adam::new(AdamConfig::default()).step(line, gradients, 0.1)
        }));
        assert!(refused.is_err());
    }
    let unrelated = Tensor::<B, 1>::ones([1], &device).require_grad();
    let gradients = &mut unrelated.sum().backward();
    let refused = panic::catch_unwind(AssertUnwindSafe(|| adam::gradients(&line, gradients)));
    assert!(refused.is_err(), "the loss does not depend on the network");
}
