//! Adam alone against PyTorch, on given gradients.

use burn::module::{AutodiffModule, Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::Deserialize;

use crate::optim::adam::{self, Adam, AdamConfig};
use crate::tests::fixture::Fixture;
use crate::tests::{backend_name, on_every_backend};

on_every_backend!(adam_moves_as_pytorchs_does, adam_counts_a_missing_gradient_as_zero);

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
struct Line<B: Backend> {
    parameter: Param<Tensor<B, 1>>,
}

fn adam_moves_as_pytorchs_does<B: AutodiffBackend>() {
    let (Config { adam, learning_rates }, mut fixture) = Fixture::open("adam");
    let Settings { beta1, beta2, epsilon } = adam;
    let config = AdamConfig { beta1, beta2, epsilon };
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

fn adam_counts_a_missing_gradient_as_zero<B: AutodiffBackend>() {
    let device = B::Device::default();
    let line = Line::<B> { parameter: Param::from_tensor(Tensor::ones([3], &device)) };
    let mut adam = Adam::new(AdamConfig::default());
    let unrelated = Tensor::<B, 1>::ones([1], &device).require_grad();
    let gradients = adam::gradients(&line, &mut unrelated.clone().sum().backward());
    let line = adam.step(line, gradients, 0.1);
    assert_eq!(line.parameter.val().into_data(), Tensor::<B, 1>::ones([3], &device).into_data());

    // By momentum alone: the first mean, halved, over the root of the second.
    let gradients = adam::gradients(&line, &mut line.parameter.val().sum().backward());
    let line = adam.step(line, gradients, 0.1);
    let before = line.parameter.val().into_data();
    let gradients = adam::gradients(&line, &mut unrelated.sum().backward());
    let line = adam.step(line, gradients, 0.1);
    let after = line.parameter.val().into_data();
    assert!(after.iter::<f32>().zip(before.iter::<f32>()).all(|(after, before)| after < before));
}
