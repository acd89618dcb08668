//! Networks of images that are no squares, or of other channels than RGB, against PyTorch: outputs,
//! the penalty, D's gradients.

use std::panic::{self, AssertUnwindSafe};

use burn::module::{AutodiffModule, Module};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::data::size::ImageSize;
use crate::labels::space::LabelKind;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::random::{Purpose, stream};
use crate::recipes::losses::domain_loss;
use crate::recipes::objective::Objective;
use crate::recipes::penalty::{Penalty, PenaltyDraw};
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::{backend_name, gradients, largest_error, on_every_backend, relative_error};

on_every_backend!(
    images_of_any_shape_are_judged_and_translated_as_pytorchs_are,
    the_patches_have_the_shape_of_the_images
);

/// Of each tensor's largest value: what the project requires.
const TOLERANCE: f64 = 1e-4;

fn images_of_any_shape_are_judged_and_translated_as_pytorchs_are<B: AutodiffBackend>() {
    for (name, image) in [("rectangle", [3, 16, 24]), ("grey", [1, 16, 16]), ("rgba", [4, 16, 16])]
    {
        compare::<B>(name, image);
    }
}

/// The fixture `shape` of images `[C, H, W]`.
fn compare<B: AutodiffBackend>(shape: &str, image: [usize; 3]) {
    let [channels, height, width] = image;
    let (networks, mut fixture) = Fixture::open::<Networks>(shape);
    let generator = fixture.generator::<B>(&networks);
    let discriminator = fixture.discriminator::<B>(&networks);
    let real = fixture.tensor::<B::InnerBackend, 4>("real");
    let fake = generator.valid().forward(real.clone(), fixture.tensor("target"));
    assert_eq!(fake.dims(), [4, channels, height, width]);

    let judged = discriminator.forward(Tensor::from_inner(real.clone()));
    assert_eq!(judged.realness.dims(), [4, 1, height / 8, width / 8]);
    let on_fake = discriminator.forward(Tensor::from_inner(fake.clone())).realness;
    let mixing = fixture.tensor::<B::InnerBackend, 1>("alpha").reshape([-1, 1, 1, 1]);
    let draw = PenaltyDraw { mixing, noise: None };
    let penalty = Penalty::WganGp.forward(&discriminator, real, fake.clone(), draw).unwrap();
    let total = Objective::Hinge.real(judged.realness.clone())
        + Objective::Hinge.fake(on_fake)
        + domain_loss(
            LabelKind::Attributes,
            judged.domain_logits.clone(),
            fixture.tensor("source"),
        )
        + penalty.clone() * 10.0;
    let found = gradients(&discriminator, &total.backward(), "d");
    for (name, found) in [
        ("fake", fake.into_data()),
        ("realness", judged.realness.into_data()),
        ("domain_logits", judged.domain_logits.into_data()),
        ("penalty", penalty.into_data()),
        ("total", total.into_data()),
    ] {
        let error = relative_error(&found, &fixture.take(name));
        println!("{shape} {} {name}: {error:.1e}", backend_name::<B>());
        assert!(error <= TOLERANCE, "{shape} {name}: {error:e}");
    }
    let expected = fixture.parameters(&networks.discriminator_keys(), "d_grad.", "d");
    let (error, worst) = largest_error(&found, &expected);
    println!("{shape} {} gradients: {error:.1e} ({worst})", backend_name::<B>());
    assert!(error <= TOLERANCE, "{shape} {worst}: {error:e}");
    assert!(fixture.tensors.is_empty(), "not compared: {:?}", fixture.tensors.keys());
}

fn the_patches_have_the_shape_of_the_images<B: AutodiffBackend>() {
    let config = DiscriminatorConfig::fitting(ImageSize::new(24, 16), 3).with_base_channels(2);
    assert_eq!(config.downsamplings, 3, "three columns and two rows of patches");
    let mut rng = stream(0, Purpose::Discriminator, 0, 0);
    let discriminator = config.init::<B>(&mut rng, &Default::default()).unwrap();
    assert_eq!(config.num_params(), discriminator.num_params() as u64);
    let judge = |height, width| {
        discriminator.forward(Tensor::ones([1, 3, height, width], &Default::default()))
    };
    let judged = judge(16, 24);
    assert_eq!((judged.realness.dims(), judged.domain_logits.dims()), ([1, 1, 2, 3], [1, 3]));
    // As many patches, but turned.
    let turned = panic::catch_unwind(AssertUnwindSafe(|| judge(24, 16)));
    assert!(turned.is_err(), "it was made for another image size");
}
