//! Backward passes of several threads at once.

use std::thread;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use stargan::burn::module::{Module, ModuleVisitor, Param};
use stargan::burn::tensor::Tensor;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::nn::{DiscriminatorConfig, GeneratorConfig};

use crate::training::setup::{Cpu, one_at_a_time};

/// A backward pass is a thread's own: with as many at once as this, and networks of their own, none
/// loses a gradient.
#[test]
fn backward_passes_at_once_lose_no_gradient() {
    const THREADS: u64 = 8;
    const PASSES: usize = 50;
    let _turn = one_at_a_time();
    let expected: Vec<_> = (0..THREADS).map(passes_of).collect();
    thread::scope(|scope| {
        for (number, expected) in (0..).zip(&expected) {
            scope.spawn(move || {
                for _ in 0..PASSES {
                    assert!(passes_of(number) == *expected, "networks {number}");
                }
            });
        }
    });
}

/// The gradients of networks number `number` after a pass through both.
fn passes_of(number: u64) -> Vec<Option<Vec<f32>>> {
    struct Gradients {
        of: <Cpu as AutodiffBackend>::Gradients,
        found: Vec<Option<Vec<f32>>>,
    }
    impl ModuleVisitor<Cpu> for Gradients {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Cpu, D>>) {
            let gradient = param.val().grad_remove(&mut self.of);
            self.found.push(gradient.map(|gradient| gradient.into_data().to_vec().unwrap()));
        }
    }
    let (device, mut rng) = (Default::default(), ChaCha8Rng::seed_from_u64(number));
    let generator = GeneratorConfig::new(3).with_base_channels(4).with_residual_blocks(1);
    let generator = generator.init::<Cpu>(&mut rng, &device).unwrap();
    let discriminator = DiscriminatorConfig::new(16, 3).with_base_channels(4).with_downsamplings(2);
    let discriminator = discriminator.init::<Cpu>(&mut rng, &device).unwrap();
    let images = Tensor::<Cpu, 4>::ones([2, 3, 16, 16], &device) * 0.1;
    let condition = Tensor::<Cpu, 2>::ones([2, 3], &device);
    let fake = generator.forward(images.clone(), condition.clone());
    let loss = discriminator.forward(fake.clone()).realness.mean()
        + (generator.forward(fake, condition) - images).abs().mean();
    let mut gradients = Gradients { of: loss.backward(), found: Vec::new() };
    generator.visit(&mut gradients);
    discriminator.visit(&mut gradients);
    assert!(gradients.found.iter().flatten().count() > 10);
    gradients.found
}
