//! Networks of the published sizes, through the import of PyTorch's files, against PyTorch.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};

use super::{Fixture, backend_name, on_every_backend, relative_error};
use crate::data::{Crop, Transform};
use crate::discriminator::DiscriminatorConfig;
use crate::domains::Domains;
use crate::generator::GeneratorConfig;
use crate::labels::LabelSpace;
use crate::model::write_tensors;
use crate::pytorch::{Key, PublicModel, discriminator_keys, generator_keys};
use crate::translator::Translator;
use crate::weights::Weights;

on_every_backend!(imported_networks_of_the_published_sizes_are_pytorchs);

/// Of each output's largest value: sums of up to 8,192 products in another order, through up to 20 layers.
const TOLERANCE: f64 = 2e-5;

const LABELS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Uniform in `[-1, 1)`, from a counter: SplitMix64, as the fixture's README says.
struct Numbers(u64);

impl Numbers {
    fn draw(&mut self) -> f32 {
        self.0 += 1;
        let z = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn tensor(&mut self, shape: &[usize], value: impl Fn(f32) -> f32) -> TensorData {
        let count = shape.iter().product();
        TensorData::new((0..count).map(|_| value(self.draw())).collect(), shape.to_vec())
    }

    /// The parameters of a network under their public names.
    fn parameters(&mut self, keys: &[Key], gain: f64) -> Weights {
        let parameter = |key: &Key| {
            let fan_in: usize = key.shape[1..].iter().product();
            let bound = (gain / (fan_in as f64).sqrt()) as f32;
            let data = match key.shape.len() {
                1 if key.public.ends_with("weight") => self.tensor(&key.shape, |n| n * 0.1 + 1.0),
                1 => self.tensor(&key.shape, |n| n * 0.1),
                _ => self.tensor(&key.shape, |n| n * bound),
            };
            (key.public.clone(), data)
        };
        keys.iter().map(parameter).collect()
    }
}

fn imported_networks_of_the_published_sizes_are_pytorchs<A: AutodiffBackend>() {
    let (_, mut fixture) = Fixture::open::<serde_json::Value>("published");
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(0);
    let [g, d] = [
        ("G", generator_keys(&GeneratorConfig::new(5)), 1.0),
        ("D", discriminator_keys(&DiscriminatorConfig::new(128, 5)), 2.0),
    ]
    .map(|(name, keys, gain)| {
        let path = folder.path().join(name);
        write_tensors(&path, None, &numbers.parameters(&keys, gain)).unwrap();
        path
    });
    let images = numbers.tensor(&[1, 3, 128, 128], |n| n);

    let model = PublicModel::open(g, Some(d)).unwrap();
    assert_eq!(model.generator(), &GeneratorConfig::new(5));
    assert_eq!(model.discriminator(), Some(&DiscriminatorConfig::new(128, 5)));
    let domains = Domains::single(LabelSpace::attributes(LABELS));
    let transform = Transform { crop: Crop::Centre(178), size: 128 };
    let translator: Translator<A::InnerBackend> =
        model.into_translator(domains, transform, &Default::default()).unwrap();
    let (generator, discriminator) = translator.networks();
    let images = Tensor::from_data(images, &Default::default());
    let labels = Tensor::from_data([[1.0, 0.0, 0.0, 1.0, 0.0]], &Default::default());
    let judged = discriminator.unwrap().forward(images.clone());
    for (name, found) in [
        ("translated", generator.forward(images, labels).into_data()),
        ("realness", judged.realness.into_data()),
        ("domain_logits", judged.domain_logits.into_data()),
    ] {
        let error = relative_error(&found, &fixture.take(name));
        println!("published {} {name}: {error:.1e}", backend_name::<A::InnerBackend>());
        assert!(error <= TOLERANCE, "{name}: {error:e}");
    }
}
