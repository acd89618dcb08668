//! A generator with a mask against PyTorch: what it makes of a rectangle, and its gradients.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{DType, Tensor};

use crate::files::pytorch::keys::generator_keys;
use crate::nn::head::Head;
use crate::nn::precision::Precision;
use crate::tests::fixture::{Fixture, GeneratorOnly};
use crate::tests::{backend_name, gradients, largest_error, on_every_backend, relative_error};

on_every_backend!(masks_are_pytorchs);

/// Of each tensor's largest value: what the project requires.
const TOLERANCE: f64 = 1e-4;

/// Eight bits of precision through a dozen layers.
const ROUGH: f64 = 0.1;

fn masks_are_pytorchs<B: AutodiffBackend>() {
    let (described, mut fixture) = Fixture::open::<GeneratorOnly>("mask");
    let config = described.generator().with_head(Head::Mask);
    let keys = generator_keys(&config);
    let generator = fixture.generator_of::<B>(&config);

    let images: Tensor<B, 4> = fixture.tensor("images");
    let labels: Tensor<B, 2> = fixture.tensor("labels");
    let images = images.require_grad();
    let (translated, mask) = generator.forward_masked(images.clone(), labels.clone());
    let mask = mask.unwrap();
    let reconstructed = generator.forward(translated.clone(), labels.clone().flip([0]));
    let total = ((translated.clone() + reconstructed.clone()) * fixture.tensor("probe")).sum()
        + (mask.clone() * fixture.tensor("mask_probe")).sum();
    let slopes = total.backward();
    let found = gradients(&generator, &slopes, "g");
    let expected = fixture.take("translated");
    for (name, found, expected) in [
        ("translated", translated.into_data(), &expected),
        ("mask", mask.into_data(), &fixture.take("mask")),
        ("reconstructed", reconstructed.into_data(), &fixture.take("reconstructed")),
        ("images_grad", images.grad(&slopes).unwrap().into_data(), &fixture.take("images_grad")),
    ] {
        let error = relative_error(&found, expected);
        println!("mask {} {name}: {error:.1e}", backend_name::<B>());
        assert!(error <= TOLERANCE, "{name}: {error:e}");
    }
    let (error, worst) = largest_error(&found, &fixture.parameters(&keys, "g_grad.", "g"));
    println!("mask {} gradients: {error:.1e} ({worst})", backend_name::<B>());
    assert!(error <= TOLERANCE, "{worst}: {error:e}");
    assert!(fixture.tensors.is_empty(), "not compared: {:?}", fixture.tensors.keys());
    if Precision::BFloat16.check::<B>(&images.device()).is_ok() {
        let half = generator.with_precision(Precision::BFloat16);
        let (rough, mask) = half.forward_masked(images, labels);
        assert_eq!((rough.dtype(), mask.unwrap().dtype()), (DType::F32, DType::F32));
        let error = relative_error(&rough.into_data(), &expected);
        println!("mask {} in bfloat16: {error:.1e}", backend_name::<B>());
        assert!(error > 0.0 && error <= ROUGH, "in bfloat16: {error:e}");
    }
}
