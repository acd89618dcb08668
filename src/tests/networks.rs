//! Forward passes against PyTorch.

use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use crate::tests::fixture::Fixture;
use crate::tests::fixture::Networks;
use crate::tests::{backend_name, on_every_backend, relative_error};

on_every_backend!(networks_translate_and_judge_as_pytorchs_do);

/// Of each output's largest value. The requirement is 1e-4; sums of up to a thousand products in
/// another order differ by about 1e-6.
const OUTPUT_TOLERANCE: f64 = 1e-5;

fn networks_translate_and_judge_as_pytorchs_do<A: AutodiffBackend>() {
    outputs::<A::InnerBackend>();
    // Tracked tensors may take other paths through the same operations.
    outputs::<A>();
}

fn outputs<B: Backend>() {
    let (networks, mut fixture) = Fixture::open::<Networks>("networks");
    let generator = fixture.generator::<B>(&networks);
    let discriminator = fixture.discriminator::<B>(&networks);

    let images: Tensor<B, 4> = fixture.tensor("images");
    let translated = generator.forward(images.clone(), fixture.tensor("labels"));
    let rectangle =
        generator.forward(fixture.tensor("rectangle.images"), fixture.tensor("rectangle.labels"));
    assert_eq!(rectangle.dims(), [1, 3, 24, 40]);
    let judged = discriminator.forward(images);
    assert_eq!(judged.realness.dims(), [2, 1, 2, 2]);
    assert_eq!(judged.domain_logits.dims(), [2, 5]);

    for (name, found) in [
        ("translated", translated.into_data()),
        ("rectangle.translated", rectangle.into_data()),
        ("realness", judged.realness.into_data()),
        ("domain_logits", judged.domain_logits.into_data()),
    ] {
        let error = relative_error(&found, &fixture.take(name));
        println!("networks {} {name}: {error:.1e}", backend_name::<B>());
        assert!(error <= OUTPUT_TOLERANCE, "{name}: {error:e}");
    }
    assert!(fixture.tensors.is_empty(), "not compared: {:?}", fixture.tensors.keys());
}
