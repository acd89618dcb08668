//! Spectral normalisation against PyTorch: outputs, gradients through the normalisation, the power
//! iteration.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};

use crate::labels::space::LabelKind;
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, stream};
use crate::recipes::losses::domain_loss;
use crate::recipes::objective::Objective;
use crate::recipes::penalty::{Penalty, PenaltyDraw};
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::gradients;
use crate::tests::{backend_name, largest_error, on_every_backend, relative_error};

on_every_backend!(spectral_norms_are_pytorchs);

/// Of each tensor's largest value: what the project requires.
const TOLERANCE: f64 = 1e-4;

fn spectral_norms_are_pytorchs<B: AutodiffBackend>() {
    let (networks, mut fixture) = Fixture::open::<Networks>("spectral");
    let keys = networks.discriminator_keys();
    let config = networks.discriminator().with_spectral_norm();
    let mut rng = stream(0, Purpose::Discriminator, 0, 0);
    let fresh = config.init::<B>(&mut rng, &Default::default()).unwrap();
    // The layers by PyTorch's name and by ours.
    let layers: Vec<[String; 2]> = keys
        .iter()
        .filter_map(|key| {
            let layer = |name: &str| name.strip_suffix(".weight").map(str::to_owned);
            Some([layer(&key.public)?, layer(&key.path)?])
        })
        .collect();
    let directions = |fixture: &mut Fixture, prefix: &str| -> Weights {
        let named = |[public, path]: &[String; 2]| {
            (format!("d.{path}.spectral.direction"), fixture.take(&format!("{prefix}.{public}")))
        };
        layers.iter().map(named).collect()
    };
    let mut weights = fixture.parameters(&keys, "d.", "d");
    weights.extend(directions(&mut fixture, "u"));
    let discriminator = weights::apply(fresh, "d", &mut weights).unwrap();
    weights::check_empty(&weights).unwrap();

    let [real, fake] = ["real", "fake"].map(|name| fixture.tensor::<B::InnerBackend, 4>(name));
    let draw = PenaltyDraw {
        mixing: fixture.tensor::<B::InnerBackend, 1>("alpha").reshape([-1, 1, 1, 1]),
        noise: None,
    };
    let judged = discriminator.forward(Tensor::from_inner(real.clone()));
    let on_fake = discriminator.forward(Tensor::from_inner(fake.clone())).realness;
    let penalty = Penalty::WganGp.forward(&discriminator, real, fake, draw).unwrap();
    let source: Tensor<B, 2> = fixture.tensor("source");
    let total = Objective::Hinge.real(judged.realness.clone())
        + Objective::Hinge.fake(on_fake)
        + domain_loss(LabelKind::Attributes, judged.domain_logits.clone(), source)
        + penalty * 10.0;
    let mut found = gradients(&discriminator, &total.backward(), "d");

    for (name, value) in [
        ("realness", judged.realness.into_data()),
        ("domain_logits", judged.domain_logits.into_data()),
        ("total", total.into_data()),
    ] {
        compare::<B>(name, &value, &fixture.take(name));
    }
    found.retain(|path, _| !path.ends_with("direction"));
    let expected = fixture.parameters(&keys, "d_grad.", "d");
    let (error, worst) = largest_error(&found, &expected);
    println!("spectral {} gradients: {error:.1e} ({worst})", backend_name::<B>());
    assert!(error <= TOLERANCE, "{worst}: {error:e}");

    let followed = weights::collect(&discriminator.clone().follow_spectral_norms(), "d");
    for (name, expected) in directions(&mut fixture, "u_after") {
        compare::<B>(&name, &followed[&name], &expected);
    }
    // The same function with other weights.
    let plain = discriminator.clone().without_spectral_norms();
    assert_eq!(weights::paths(&plain).len(), keys.len());
    let images: Tensor<B, 4> = Tensor::ones([1, 3, 16, 16], &Default::default());
    let [found, expected] =
        [plain, discriminator].map(|d| d.forward(images.clone()).realness.into_data());
    compare::<B>("without", &found, &expected);
}

fn compare<B: AutodiffBackend>(name: &str, found: &TensorData, expected: &TensorData) {
    let error = relative_error(found, expected);
    println!("spectral {} {name}: {error:.1e}", backend_name::<B>());
    assert!(error <= TOLERANCE, "{name}: {error:e}");
}
