//! StarGAN v2 in half precision against float32, where the backend computes in it.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{DType, Tensor};

use crate::nn::precision::Precision;
use crate::nn::weights::Weights;
use crate::recipes::stargan_v2::batch::StyleSource;
use crate::recipes::stargan_v2::step::{style_critic_losses, style_generator_losses};
use crate::tests::precision::{check_gradient, computes_in};
use crate::tests::style::{self, Networks};
use crate::tests::{backend_name, gradients, on_every_backend, relative_error};

on_every_backend!(
    half_precision_updates_are_close,
    half_precision_outputs_are_close,
    the_penalty_is_float32_in_half_precision,
);

/// Of the length of a gradient, of D, G, F and E: three times what is found on Flex. D's is off by
/// roundings, the others' pass through instance norms, which bring roundings to the size of values.
const TOLERANCES: [(Precision, [f64; 4]); 2] =
    [(Precision::Float16, [4e-3, 0.1, 0.07, 0.04]), (Precision::BFloat16, [4e-2, 0.45, 0.3, 0.1])];

/// The gradients of D, G, F and E with styles from noise, as one vector each, and the translations,
/// which `fake` has already where D is to learn from the same ones.
fn update_gradients<B: AutodiffBackend>(
    precision: Precision,
    fake: Option<Tensor<B::InnerBackend, 4>>,
) -> ([Vec<f64>; 4], Tensor<B::InnerBackend, 4>) {
    let (config, networks, mut fixture) = style::open::<B>();
    let batch = style::batch::<B>(&mut fixture, config.domains);
    let Networks { generator, mapping, encoder, discriminator } = networks;
    let (generator, encoder, discriminator) = (
        generator.with_precision(precision),
        encoder.with_precision(precision),
        discriminator.with_precision(precision),
    );
    let (plain_mapping, plain_encoder) = (mapping.valid(), encoder.valid());
    let style = |number| batch.style(number, StyleSource::Latent, &plain_mapping, &plain_encoder);
    let fake = fake.unwrap_or_else(|| generator.valid().forward(batch.real.clone(), style(0)));
    let of_critic = style_critic_losses(&discriminator, fake.clone(), &batch);
    let first = batch.tracked_style(&mapping);
    let of_others =
        style_generator_losses(&generator, &encoder, &discriminator, first, style(1), &batch);
    // As a run's would be after some infinite gradients.
    let scale = if precision == Precision::Float16 { 256.0 } else { 1.0 };
    let values = |weights: Weights| -> Vec<f64> {
        let values = weights.into_values().flat_map(|data| data.iter::<f64>().collect::<Vec<_>>());
        values.map(|value| value / scale).collect()
    };
    let weights = config.weights();
    let of_critic = (of_critic.total(&weights) * scale).backward();
    let of_others = (of_others.total(&weights) * scale).backward();
    let found = [
        values(gradients(&discriminator, &of_critic, "d")),
        values(gradients(&generator, &of_others, "g")),
        values(gradients(&mapping, &of_others, "f")),
        values(gradients(&encoder, &of_others, "e")),
    ];
    (found, fake)
}

fn half_precision_updates_are_close<B: AutodiffBackend>() {
    let (expected, fake) = update_gradients::<B>(Precision::Float32, None);
    for (precision, tolerances) in TOLERANCES {
        if !computes_in::<B>(precision) {
            continue;
        }
        let (found, _) = update_gradients::<B>(precision, Some(fake.clone()));
        let networks = ["D", "G", "F", "E"];
        for (network, name) in networks.into_iter().enumerate() {
            let what = format!("v2 {} {precision:?} {name}", backend_name::<B>());
            check_gradient(&what, &found[network], &expected[network], tolerances[network]);
        }
    }
}

/// Of the largest value: of G, whose norms bring roundings to the size of values, and of E and D.
const OUTPUT_TOLERANCES: [(Precision, [f64; 2]); 2] =
    [(Precision::Float16, [2e-2, 4e-3]), (Precision::BFloat16, [1.6e-1, 3.2e-2])];

fn half_precision_outputs_are_close<B: AutodiffBackend>() {
    let (config, networks, mut fixture) = style::open::<B>();
    let batch = style::batch::<B>(&mut fixture, config.domains);
    let Networks { generator, mapping, encoder, discriminator } = networks;
    let real: Tensor<B, 4> = Tensor::from_inner(batch.real.clone());
    let target: Tensor<B, 2> = Tensor::from_inner(batch.target.clone());
    let style = batch.tracked_style(&mapping);
    let outputs = |precision: Precision| {
        let generator = generator.clone().with_precision(precision);
        let encoder = encoder.clone().with_precision(precision);
        let discriminator = discriminator.clone().with_precision(precision);
        [
            generator.forward(real.clone(), style.clone()).into_data(),
            encoder.forward(real.clone(), target.clone()).into_data(),
            discriminator.forward(real.clone(), target.clone()).into_data(),
        ]
    };
    let expected = outputs(Precision::Float32);
    for (precision, [of_generator, of_others]) in OUTPUT_TOLERANCES {
        if !computes_in::<B>(precision) {
            continue;
        }
        let tolerances = [of_generator, of_others, of_others];
        let found = outputs(precision);
        for (name, ((found, expected), tolerance)) in
            ["G", "E", "D"].into_iter().zip(found.iter().zip(&expected).zip(tolerances))
        {
            assert_eq!(found.dtype, DType::F32);
            let error = relative_error(found, expected);
            println!("v2 {} {precision:?} {name}: {error:.1e}", backend_name::<B>());
            assert!(error > 0.0 && error <= tolerance, "{precision:?}, {name}: {error:e}");
        }
    }
}

fn the_penalty_is_float32_in_half_precision<B: AutodiffBackend>() {
    let (config, networks, mut fixture) = style::open::<B>();
    let batch = style::batch::<B>(&mut fixture, config.domains);
    let real: Tensor<B, 4> = Tensor::from_inner(batch.real);
    let source: Tensor<B, 2> = Tensor::from_inner(batch.source);
    // And its gradient, by which D learns.
    let found = |precision: Precision| {
        let discriminator = networks.discriminator.clone().with_precision(precision);
        let (_, gradient) = discriminator.forward_with_gradient(real.clone(), source.clone());
        let of_weights = gradient.clone().square().sum().backward();
        (gradient.into_data(), gradients(&discriminator, &of_weights, "d"))
    };
    let expected = found(Precision::Float32);
    for precision in [Precision::Float16, Precision::BFloat16] {
        if computes_in::<B>(precision) {
            assert!(found(precision) == expected, "{precision:?}");
        }
    }
}
