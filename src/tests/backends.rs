//! Fresh weights on one backend against another. (A whole iteration is in the trainer's tests.)

use burn::tensor::backend::AutodiffBackend;

use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, stream};
use crate::tests::on_every_backend;

on_every_backend!(fresh_weights_are_those_of_the_seed, fresh_weights_have_pytorchs_spread);

#[cfg(feature = "ndarray")]
type Reference = burn::backend::Autodiff<burn::backend::NdArray>;
#[cfg(not(feature = "ndarray"))]
type Reference = burn::backend::Autodiff<burn::backend::Flex>;

fn fresh<B: AutodiffBackend>(seed: u64) -> Weights {
    let device = B::Device::default();
    let generator = GeneratorConfig::new(3).with_base_channels(4).with_residual_blocks(1);
    let mut rng = stream(seed, Purpose::Generator, 0, 0);
    let generator = generator.init::<B>(&mut rng, &device).unwrap();
    // A copy made before anything has read the weights holds the same ones.
    let copy = generator.clone();
    let mut weights = weights::collect(&generator, "g");
    assert_eq!(weights, weights::collect(&copy, "g"));

    let config = DiscriminatorConfig::new(16, 3).with_base_channels(4).with_downsamplings(3);
    let mut rng = stream(seed, Purpose::Discriminator, 0, 0);
    let discriminator = config.init::<B>(&mut rng, &device).unwrap();
    weights.extend(weights::collect(&discriminator, "d"));
    weights
}

fn fresh_weights_are_those_of_the_seed<B: AutodiffBackend>() {
    let weights = fresh::<B>(3);
    assert_eq!(weights, fresh::<Reference>(3));
    let other = fresh::<B>(4);
    for (name, data) in &weights {
        assert_eq!(name.contains("norm"), other[name] == *data, "{name}");
    }
}

/// Uniform between plus and minus 1 / sqrt(fan_in); norms 1 and 0.
fn fresh_weights_have_pytorchs_spread<B: AutodiffBackend>() {
    let weights = fresh::<B>(3);
    for (name, fan_in) in [
        ("g.stem.conv.weight", 6 * 49),
        ("g.down.1.conv.weight", 8 * 16),
        ("g.blocks.0.second.conv.weight", 16 * 9),
        // The output side of a transposed convolution: 16 channels to 8.
        ("g.up.0.conv.weight", 8 * 16),
        ("g.head.weight", 4 * 49),
        ("d.trunk.1.weight", 4 * 16),
        ("d.trunk.2.bias", 8 * 16),
        ("d.realness.weight", 16 * 9),
        ("d.domain.weight", 16 * 4),
    ] {
        let values: Vec<f64> = weights[name].iter().collect();
        let bound = 1.0 / f64::from(fan_in).sqrt();
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        // 16 values at least: the largest of them is below 0.7 of the bound once in 300 seeds.
        assert!((0.7 * bound..=bound).contains(&largest), "{name}: {largest} of {bound}");
    }
    for (name, data) in &weights {
        if name.contains("norm") {
            let expected = if name.ends_with("weight") { 1.0 } else { 0.0 };
            assert!(data.iter::<f32>().all(|value| value == expected), "{name}");
        }
    }
}
