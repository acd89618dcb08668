//! Half precision against float32, where the backend computes in it: networks whose weights and
//! images are float16, and steps of networks that are told to compute in float16 or bfloat16.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{DType, Tensor, TensorData};

use crate::engine::learner::{Gradients, Learner};
use crate::engine::loss_scale::LossScale;
use crate::engine::recipe::Moment;
use crate::engine::workers::seam::Workers;
use crate::labels::space::LabelKind;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::ops;
use crate::nn::precision::Precision;
use crate::optim::adam::AdamConfig;
use crate::random::{Purpose, stream};
use crate::recipes::losses::OptionalTerm;
use crate::recipes::objective::Objective;
use crate::recipes::penalty::{Penalty, PenaltyDraw};
use crate::recipes::stargan::batch::{Label, StepBatch};
use crate::recipes::stargan::step::{discriminator_losses, generator_losses};
use crate::recipes::stargan::weights::LossWeights;
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::{backend_name, on_every_backend, relative_error};

on_every_backend!(
    half_precision_norms_keep_their_range,
    half_precision_translations_are_close,
    half_precision_steps_are_close,
    what_is_not_supported_is_refused,
);

/// Of each plane's largest value: a few roundings to float16's eleven bits.
const NORM_TOLERANCE: f64 = 2e-3;

/// Of the images' range [-1, 1], largest and mean: roundings of float16, 5e-4 each, through nine
/// layers whose norms bring differences to the size of the values.
const LARGEST_TOLERANCE: f64 = 2e-2;
const MEAN_TOLERANCE: f64 = 2e-3;

/// Of the length of a network's gradient. D's is off by a rounding of either type at most, G's by
/// what PyTorch's autocast measures too (0.11 to 0.18 and 0.34 to 0.51, three seeds of these
/// shapes): instance norms bring roundings to the size of values, and turn ReLUs and the signs of
/// the reconstruction.
const GRADIENT_TOLERANCE: [(Precision, [f64; 2]); 2] =
    [(Precision::Float16, [5e-4, 0.25]), (Precision::BFloat16, [4e-3, 0.6])];

/// Of what such a gradient is along the right one: its roundings point elsewhere, a lost term or a
/// wrong scale does not. Found: 0.015 of float16, 0.065 of bfloat16.
const ALONG_TOLERANCE: f64 = 0.15;

/// Whether the backend computes in it; says so where it does not.
pub(super) fn computes_in<B: Backend>(precision: Precision) -> bool {
    let supported = precision.check::<B>(&B::Device::default()).is_ok();
    if !supported {
        println!("{} does not compute in {precision:?}: nothing compared", backend_name::<B>());
    }
    supported
}

fn half_precision_norms_keep_their_range<A: AutodiffBackend>() {
    type B<A> = <A as AutodiffBackend>::InnerBackend;
    if !computes_in::<B<A>>(Precision::Float16) {
        return;
    }
    let device = Default::default();
    let area = 256;
    // Squares beyond float16, a variance below it, and none at all.
    let planes: [fn(usize) -> f32; 3] =
        [|i| if i % 3 == 0 { 600.0 } else { -300.0 }, |i| 1.0 / 1024.0 * (i % 2) as f32, |_| 7.0];
    let values = planes.iter().flat_map(|plane| (0..area).map(plane)).collect();
    let x: Tensor<B<A>, 4> =
        Tensor::from_data(TensorData::new::<f32, _>(values, [1, 3, 16, 16]), &device);
    let gamma: Tensor<B<A>, 1> = Tensor::from_data([1.5, -0.5, 1.0], &device);
    let beta: Tensor<B<A>, 1> = Tensor::from_data([0.25, 0.5, -0.125], &device);
    for relu in [false, true] {
        let expected = ops::instance_norm(x.clone(), gamma.clone(), beta.clone(), relu);
        let [gamma, beta] = [&gamma, &beta].map(|affine| affine.clone().cast(DType::F16));
        let found = ops::instance_norm(x.clone().cast(DType::F16), gamma, beta, relu);
        assert_eq!(found.dtype(), DType::F16);
        for channel in 0..3 {
            let plane =
                |y: &Tensor<B<A>, 4>| y.clone().slice([0..1, channel..channel + 1]).into_data();
            let error = relative_error(&plane(&found), &plane(&expected));
            assert!(error <= NORM_TOLERANCE, "plane {channel}, relu {relu}: {error:e}");
        }
    }
}

fn half_precision_translations_are_close<A: AutodiffBackend>() {
    struct Halve;
    impl<B: Backend> ModuleMapper<B> for Halve {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            param.map(|value| value.cast(DType::F16))
        }
    }
    let (networks, mut fixture) = Fixture::open::<Networks>("networks");
    let generator = fixture.generator::<A::InnerBackend>(&networks);
    let (images, labels): (Tensor<_, 4>, Tensor<_, 2>) =
        (fixture.tensor("images"), fixture.tensor("labels"));
    let expected = generator.forward(images.clone(), labels.clone());
    let check = |found: Tensor<A::InnerBackend, 4>, what: &str, eighths: f64| {
        let differences: Vec<f64> = found
            .into_data()
            .iter::<f64>()
            .zip(expected.to_data().iter::<f64>())
            .map(|(found, expected)| (found - expected).abs())
            .collect();
        let largest = differences.iter().copied().fold(0.0, f64::max);
        // A sum passes NaN on, `f64::max` does not.
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        println!("{what} {}: {largest:.1e}, {mean:.1e}", backend_name::<A::InnerBackend>());
        assert!(mean <= eighths * MEAN_TOLERANCE, "{what}: {mean:e}");
        assert!(mean > 0.0 && largest <= eighths * LARGEST_TOLERANCE, "{what}: {largest:e}");
    };
    // bfloat16 has three bits less.
    for (precision, eighths) in [(Precision::Float16, 1.0), (Precision::BFloat16, 8.0)] {
        if computes_in::<A::InnerBackend>(precision) {
            let half = generator.clone().with_precision(precision);
            let found = half.forward(images.clone(), labels.clone());
            assert_eq!(found.dtype(), DType::F32);
            check(found, &format!("{precision:?}"), eighths);
        }
    }
    // All of it in float16, as by burn's default types.
    if computes_in::<A::InnerBackend>(Precision::Float16) {
        let found =
            generator.map(&mut Halve).forward(images.cast(DType::F16), labels.cast(DType::F16));
        assert_eq!(found.dtype(), DType::F16);
        check(found, "weights too", 1.0);
    }
}

/// The gradients of both networks in a step of `precision`, as one vector each, and the
/// translations, which `fake` has already where D is to learn from the same ones.
fn step_gradients<B: AutodiffBackend>(
    precision: Precision,
    fake: Option<Tensor<B::InnerBackend, 4>>,
) -> ([Vec<f64>; 2], Tensor<B::InnerBackend, 4>) {
    let (side, n, device) = (16, 4, B::Device::default());
    let generator = GeneratorConfig::new(2).with_base_channels(8).with_residual_blocks(2);
    let generator = generator.init::<B>(&mut stream(1, Purpose::Generator, 0, 0), &device).unwrap();
    let discriminator =
        DiscriminatorConfig::new(side, 2).with_base_channels(8).with_downsamplings(3);
    let mut rng = stream(1, Purpose::Discriminator, 0, 0);
    let discriminator = discriminator.init::<B>(&mut rng, &device).unwrap();
    let (generator, discriminator) =
        (generator.with_precision(precision), discriminator.with_precision(precision));
    let waves =
        (0..n * 3 * side * side).map(|i| (i as f32 * 0.37).sin() * (i as f32 * 0.011).cos());
    let real = TensorData::new(waves.collect::<Vec<_>>(), [n, 3, side, side]);
    let labels =
        Tensor::<_, 2>::from_data([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]], &device);
    let label = |label: Tensor<_, 2>| Label { label: label.clone(), condition: label };
    let sample = StepBatch {
        kind: LabelKind::Attributes,
        logits: 0..2,
        real: Tensor::from_data(real, &device),
        source: label(labels.clone()),
        target: label(labels.flip([0])),
        draw: PenaltyDraw { mixing: Tensor::ones([n, 1, 1, 1], &device) * 0.3, noise: None },
    };
    let (objective, weights) = (Objective::Wasserstein, LossWeights::default());
    let tracked = sample.tracked_fake(&generator);
    let fake = fake.unwrap_or_else(|| tracked.clone().inner());
    assert_eq!(fake.dtype(), DType::F32);
    let (penalty, none) = (Penalty::WganGp, OptionalTerm::LeftOut);
    let of_d =
        discriminator_losses(&discriminator, fake.clone(), &sample, objective, penalty, none);
    let of_g = generator_losses(&discriminator, &generator, tracked, &sample, objective, none);
    let scale = &mut LossScale::first(precision);
    // What infinite gradients would lead to.
    if let Some(scale) = scale {
        (0..8).for_each(|_| {
            scale.stands(false);
            scale.next_iteration();
        });
    }
    let moment = Moment {
        iteration: 1,
        iterations: 1,
        learning_rate: 0.0,
        discriminator_learning_rate: 0.0,
        seed: 0,
        parts: 1,
        device: &device,
        loss_scale: scale,
        workers: &mut Workers::Alone,
    };
    let learner = Learner::new("d", discriminator, AdamConfig::default());
    let of_d = moment.backward(of_d.total(&weights)).of(&learner);
    let learner = Learner::new("g", generator, AdamConfig::default());
    let of_g = moment.backward(of_g.total(&weights)).of(&learner);
    let values = |gradients: Gradients<B>| {
        let values = gradients.into_iter().flat_map(|gradient| {
            assert_eq!(gradient.dtype(), DType::F32);
            gradient.into_data().iter::<f64>().collect::<Vec<_>>()
        });
        values.collect()
    };
    ([values(of_d), values(of_g)], fake)
}

fn half_precision_steps_are_close<B: AutodiffBackend>() {
    let (expected, fake) = step_gradients::<B>(Precision::Float32, None);
    for (precision, tolerances) in GRADIENT_TOLERANCE {
        if !computes_in::<B>(precision) {
            continue;
        }
        let (found, _) = step_gradients::<B>(precision, Some(fake.clone()));
        for (network, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let what = format!("{} {precision:?} network {network}", backend_name::<B>());
            check_gradient(&what, found, expected, tolerances[network]);
        }
    }
}

/// Checks a gradient of half precision: it differs by at most `tolerance` of its length.
pub(super) fn check_gradient(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let length = |values: &mut dyn Iterator<Item = f64>| {
        values.map(|value| value * value).sum::<f64>().sqrt()
    };
    let difference = length(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    let error = difference / length(&mut expected.iter().copied());
    // As long as it should be in its direction, whatever roundings add across it.
    let along = found.iter().zip(expected).map(|(a, b)| a * b).sum::<f64>();
    let along = along / expected.iter().map(|value| value * value).sum::<f64>();
    println!("{what}: {error:.1e}, {along:.4} of it in its direction");
    assert!(error <= tolerance, "{what}: {error:e}");
    assert!((along - 1.0).abs() <= ALONG_TOLERANCE, "{what}: {along}");
    assert!(error > 0.0, "{what}: not computed in it");
}

fn what_is_not_supported_is_refused<B: AutodiffBackend>() {
    let device = B::Device::default();
    Precision::Float32.check::<B>(&device).unwrap();
    for (precision, dtype) in [(Precision::Float16, DType::F16), (Precision::BFloat16, DType::BF16)]
    {
        match precision.check::<B>(&device) {
            Ok(()) => assert!(B::supports_dtype(&device, dtype)),
            Err(error) => {
                assert!(!B::supports_dtype(&device, dtype));
                let error = error.to_string();
                println!("{}: {error}", backend_name::<B>());
                assert!(error.contains("does not compute in: choose float32"), "{error}");
            }
        }
    }
}
