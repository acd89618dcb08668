//! Networks through the import of PyTorch's files, against PyTorch: of the published sizes on the
//! CPU backends, and small ones on every backend, for wgpu without a GPU takes minutes to choose
//! its kernels for large ones.

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};

use crate::data::crop::Crop;
use crate::data::transform::Transform;
use crate::files::model::write_tensors;
use crate::files::pytorch::keys::{Key, discriminator_keys, generator_keys};
use crate::files::pytorch::model::PublicModel;
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::weights::Weights;
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::numbers::Numbers;
use crate::tests::{backend_name, on_every_backend, relative_error};
use crate::translate::translator::Translator;

on_every_backend!(small_imported_networks_are_pytorchs);

#[cfg(feature = "flex")]
#[test]
fn imported_networks_of_the_published_sizes_are_pytorchs_on_flex() {
    published::<burn::backend::Flex>();
}

#[cfg(feature = "ndarray")]
#[test]
fn imported_networks_of_the_published_sizes_are_pytorchs_on_ndarray() {
    published::<burn::backend::NdArray>();
}

/// Of each output's largest value: sums of up to 8,192 products in another order, through up to 20
/// layers.
const TOLERANCE: f64 = 2e-5;

const LABELS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The parameters of a network under their public names.
fn parameters(numbers: &mut Numbers, keys: &[Key], gain: f64) -> Weights {
    let parameter = |key: &Key| {
        let fan_in: usize = key.shape[1..].iter().product();
        let bound = (gain / (fan_in as f64).sqrt()) as f32;
        let data = match key.shape.len() {
            1 if key.public.ends_with("weight") => numbers.tensor(&key.shape, |n| n * 0.1 + 1.0),
            1 => numbers.tensor(&key.shape, |n| n * 0.1),
            _ => numbers.tensor(&key.shape, |n| n * bound),
        };
        (key.public.clone(), data)
    };
    keys.iter().map(parameter).collect()
}

fn published<B: Backend>() {
    let (_, mut fixture) = Fixture::open::<serde_json::Value>("published");
    let mut numbers = Numbers::default();
    let (generator, discriminator) = (GeneratorConfig::new(5), DiscriminatorConfig::new(128, 5));
    let g = parameters(&mut numbers, &generator_keys(&generator), 1.0);
    let d = parameters(&mut numbers, &discriminator_keys(&discriminator), 2.0);
    let images = numbers.tensor(&[1, 3, 128, 128], |n| n);
    let labels = TensorData::from([[1.0_f32, 0.0, 0.0, 1.0, 0.0]]);
    let translator = imported::<B>([g, d], &generator, &discriminator);
    compare(&translator, [images, labels], &mut fixture);
}

fn small_imported_networks_are_pytorchs<A: AutodiffBackend>() {
    let (networks, mut fixture) = Fixture::open::<Networks>("networks");
    let [g, d] = ["g.", "d."].map(|prefix| {
        let own = fixture.tensors.iter();
        own.filter_map(|(key, data)| Some((key.strip_prefix(prefix)?.to_owned(), data.clone())))
            .collect()
    });
    let inputs = ["images", "labels"].map(|name| fixture.take(name));
    let translator =
        imported::<A::InnerBackend>([g, d], &networks.generator(), &networks.discriminator());
    compare(&translator, inputs, &mut fixture);
}

/// The networks of files with these weights, whose shapes must tell these architectures.
fn imported<B: Backend>(
    [g, d]: [Weights; 2],
    generator: &GeneratorConfig,
    discriminator: &DiscriminatorConfig,
) -> Translator<B> {
    let folder = tempfile::tempdir().unwrap();
    let [g, d] = [("G", g), ("D", d)].map(|(name, weights)| {
        let path = folder.path().join(name);
        write_tensors(&path, None, &weights).unwrap();
        path
    });
    let model = PublicModel::open(g, Some(d)).unwrap();
    assert_eq!(model.generator(), generator);
    assert_eq!(model.discriminator(), Some(discriminator));
    let spaces = LabelSpaces::single(LabelSpace::attributes(LABELS));
    let transform = Transform::new(Crop::Centre(178), discriminator.image_size);
    Translator::import(model, spaces, transform, &Default::default()).unwrap()
}

fn compare<B: Backend>(translator: &Translator<B>, inputs: [TensorData; 2], fixture: &mut Fixture) {
    let (generator, discriminator) = translator.networks();
    let [images, labels] = inputs;
    let images: Tensor<B, 4> = Tensor::from_data(images, &Default::default());
    let labels: Tensor<B, 2> = Tensor::from_data(labels, &Default::default());
    let judged = discriminator.unwrap().forward(images.clone());
    for (name, found) in [
        ("translated", generator.forward(images, labels).into_data()),
        ("realness", judged.realness.into_data()),
        ("domain_logits", judged.domain_logits.into_data()),
    ] {
        let error = relative_error(&found, &fixture.take(name));
        println!("imported {} {name}: {error:.1e}", backend_name::<B>());
        assert!(error <= TOLERANCE, "{name}: {error:e}");
    }
}
