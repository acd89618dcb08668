//! One iteration across backends, and the moving average that it leaves.

use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{ElementConversion, Tensor};
use rand::Rng;

use crate::data::loader::Batch;
use crate::engine::config::TrainingConfig;
use crate::engine::networks::{Networks, State};
use crate::engine::trainer::Trainer;
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::generator::Generator;
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, stream};
use crate::recipes::stargan::config::StarGan;
use crate::tests::{backend_name, largest_error, on_every_backend};
use crate::translate::relabel::DomainLabel;

on_every_backend!(one_iteration_is_that_of_the_reference, the_average_follows_the_generator);

/// What the others are compared with.
#[cfg(feature = "ndarray")]
type Reference = burn::backend::Autodiff<burn::backend::NdArray>;
#[cfg(not(feature = "ndarray"))]
type Reference = burn::backend::Autodiff<burn::backend::Flex>;

/// Of each tensor's largest value, between two float32 evaluations of the same iteration: twice
/// what each may be off PyTorch's.
const BACKEND_TOLERANCE: f64 = 2e-4;

fn tiny(spaces: LabelSpaces) -> TrainingConfig<StarGan> {
    let recipe = StarGan::new(spaces)
        .with_image_size(16)
        .with_base_channels(4)
        .with_residual_blocks(1)
        .with_critic_steps(1);
    // At twice the rate, what D's update rounds otherwise would be twice as much in G's gradients.
    TrainingConfig::new(recipe)
        .with_run(|run| run.with_batch_size(4).with_seed(5).with_discriminator_learning_rate(None))
}

fn faces() -> LabelSpaces {
    LabelSpaces::single(LabelSpace::attributes(["Male", "Young"]))
}

/// Images of one colour each under noise, so that D tells them apart; `iteration` varies them.
fn batch(iteration: u64) -> Batch {
    let (image_size, batch_size) = (16, 4);
    let mut rng = stream(0, Purpose::Step, 1000, iteration);
    let mut images = Vec::new();
    for _ in 0..batch_size * 3 {
        let level = rng.random::<f32>() * 1.6 - 0.8;
        images.extend((0..image_size * image_size).map(|_| level + 0.2 * rng.random::<f32>()));
    }
    let labels = vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0];
    Batch {
        dataset: 0,
        iteration,
        rows: 0..batch_size,
        images,
        labels,
        batch_size,
        image_size: image_size.into(),
        references: None,
    }
}

/// The loss terms of one iteration, and the optimizers' means after it: of the gradient, times 1 -
/// beta1, and of its square, times 1 - beta2.
fn one_iteration<B: AutodiffBackend>() -> (Vec<(String, f32)>, Weights, Trainer<B, StarGan>) {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer =
        Trainer::<B, StarGan>::new(folder.path().join("run"), tiny(faces()), &Default::default())
            .unwrap();
    let losses = trainer.step(vec![batch(1)]).unwrap();
    let values = losses.iter().flat_map(|part| part.losses());
    let terms = values.map(|(name, value)| (name, value.clone().into_scalar().elem())).collect();
    let mut state = State::default();
    trainer.networks().save(&mut state);
    let mut moments = state.weights;
    moments.retain(|name, _| name.starts_with("adam."));
    (terms, moments, trainer)
}

fn one_iteration_is_that_of_the_reference<B: AutodiffBackend>() {
    let (terms, moments, trainer) = one_iteration::<B>();
    let (expected_terms, expected_moments, expected_trainer) = one_iteration::<Reference>();
    for ((name, value), (_, expected)) in terms.iter().zip(&expected_terms) {
        let error = f64::from((value - expected).abs() / expected.abs());
        assert!(error <= BACKEND_TOLERANCE, "{name}: {value} and {expected}");
    }
    let (error, name) = largest_error(&moments, &expected_moments);
    println!("one iteration {}: {error:.1e} ({name})", backend_name::<B>());
    assert!(error <= BACKEND_TOLERANCE, "{name}: {error:e}");

    let limit = 2.0 * trainer.config().run.learning_rate + 1e-6;
    let weights = weights::collect(trainer.networks().generator.module(), "g");
    for (name, expected) in weights::collect(expected_trainer.networks().generator.module(), "g") {
        let pairs = weights[&name].iter::<f64>().zip(expected.iter::<f64>());
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() <= limit), "{name}");
    }
}

/// float32 rounding of a weighted sum of values below 2.
const AVERAGE_TOLERANCE: f32 = 1e-6;

/// A GPU may choose another kernel, that sums in another order, for each of two equal passes.
const TRANSLATION_TOLERANCE: f32 = 1e-4;

fn the_average_follows_the_generator<B: AutodiffBackend>() {
    fn floats<B: Backend>(generator: &Generator<B>) -> Vec<f32> {
        weights::collect(generator, "g")
            .values()
            .flat_map(|data| data.to_vec::<f32>().unwrap())
            .collect()
    }
    let folder = tempfile::tempdir().unwrap();
    let config = tiny(faces()).with_run(|run| run.with_ema(0.2).with_learning_rate(1e-2));
    let mut trainer =
        Trainer::<B, StarGan>::new(folder.path().join("run"), config, &Default::default()).unwrap();
    let mut expected = floats(trainer.networks().generator.module());
    // The warm-up: 2/11, then the configured decay, since 3/12 is more.
    for (iteration, decay) in [(1, 2.0 / 11.0), (2, 0.2), (3, 0.2)] {
        trainer.step(vec![batch(iteration)]).unwrap();
        let current = floats(trainer.networks().generator.module());
        for (average, current) in expected.iter_mut().zip(&current) {
            *average = *average * decay + current * (1.0 - decay);
        }
        let average = floats(&trainer.networks().generator.averaged());
        let error = average.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error <= AVERAGE_TOLERANCE, "iteration {iteration}: {error:e}");
        assert_ne!(average, current, "the average is not the generator itself");
    }
    let translator = trainer.translator();
    let images: Tensor<B::InnerBackend, 4> = Tensor::zeros([1, 3, 16, 16], &Default::default());
    let target = DomainLabel { dataset: 0, label: vec![1.0, 0.0] };
    let condition = Tensor::from_data([[1.0_f32, 0.0]], &Default::default());
    let translated = translator.forward(images.clone(), &[target]);
    let distance = |generator: &Generator<B::InnerBackend>| -> f32 {
        let output = generator.forward(images.clone(), condition.clone());
        (output - translated.clone()).abs().max().into_scalar().elem()
    };
    let average = distance(&trainer.networks().generator.averaged());
    assert!(average <= TRANSLATION_TOLERANCE, "the average translates: {average:e}");
    let current = distance(&trainer.networks().generator.module().valid());
    assert!(current > 10.0 * TRANSLATION_TOLERANCE, "the generator does not: {current:e}");
}
