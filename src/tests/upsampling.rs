//! A generator of resize-convolutions against PyTorch: what it makes of a rectangle, its gradients.

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::files::pytorch::keys::generator_keys;
use crate::nn::precision::Precision;
use crate::nn::upsampling::Upsampling;
use crate::tests::fixture::{Fixture, GeneratorOnly};
use crate::tests::{backend_name, gradients, largest_error, on_every_backend, relative_error};

on_every_backend!(resize_convolutions_are_pytorchs);

/// Of each tensor's largest value: what the project requires.
const TOLERANCE: f64 = 1e-4;

/// Eight bits of precision through a dozen layers.
const ROUGH: f64 = 0.1;

fn resize_convolutions_are_pytorchs<B: AutodiffBackend>() {
    let (described, mut fixture) = Fixture::open::<GeneratorOnly>("upsampling");
    let config = described.generator().with_upsampling(Upsampling::Resize);
    let keys = generator_keys(&config);
    let generator = fixture.generator_of::<B>(&config);

    let images: Tensor<B, 4> = fixture.tensor("images");
    let labels: Tensor<B, 2> = fixture.tensor("labels");
    let images = images.require_grad();
    let translated = generator.forward(images.clone(), labels.clone());
    let total = (translated.clone() * fixture.tensor("probe")).sum();
    let slopes = total.backward();
    let found = gradients(&generator, &slopes, "g");
    let expected = fixture.take("translated");
    for (name, found, expected) in [
        ("translated", translated.into_data(), &expected),
        ("images_grad", images.grad(&slopes).unwrap().into_data(), &fixture.take("images_grad")),
    ] {
        let error = relative_error(&found, expected);
        println!("upsampling {} {name}: {error:.1e}", backend_name::<B>());
        assert!(error <= TOLERANCE, "{name}: {error:e}");
    }
    if Precision::BFloat16.check::<B>(&images.device()).is_ok() {
        let rough = generator.with_precision(Precision::BFloat16).forward(images, labels);
        let error = relative_error(&rough.into_data(), &expected);
        println!("upsampling {} in bfloat16: {error:.1e}", backend_name::<B>());
        assert!(error > 0.0 && error <= ROUGH, "in bfloat16: {error:e}");
    }
    let (error, worst) = largest_error(&found, &fixture.parameters(&keys, "g_grad.", "g"));
    println!("upsampling {} gradients: {error:.1e} ({worst})", backend_name::<B>());
    assert!(error <= TOLERANCE, "{worst}: {error:e}");
    assert!(fixture.tensors.is_empty(), "not compared: {:?}", fixture.tensors.keys());
}
