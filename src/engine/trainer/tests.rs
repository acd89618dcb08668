//! The trainer's steps against PyTorch and across backends, and what its checkpoints hold.

use burn::tensor::backend::Backend;
use burn::tensor::{ElementConversion, Tensor, TensorData};
use rand::Rng;
use serde::Deserialize;

use crate::engine::stargan;
use crate::recipes::stargan::step::{Label, StepBatch, discriminator_losses, generator_losses};
use super::*;
use crate::labels::spaces::LabelSpaces;
use crate::nn::generator::Generator;
use crate::labels::space::{LabelKind, LabelSpace};
use crate::recipes::losses::{IdentityWarmup, LossWeights, NamedLosses, Objective};
use crate::recipes::penalty::{Penalty, PenaltyDraw};
use crate::files::pytorch;
use crate::files::pytorch::keys::Key;
use crate::random::{Purpose, stream};
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::{backend_name, largest_error, on_every_backend, relative_error};
use crate::tests::gradients;
use crate::nn::weights::Weights;

on_every_backend!(
    steps_on_attributes_are_pytorchs,
    steps_on_classes_are_pytorchs,
    vanilla_steps_are_pytorchs,
    joint_steps_are_pytorchs,
    one_iteration_is_that_of_the_reference,
    the_average_follows_the_generator,
);

/// Of a loss term's own value: what the project requires. The adversarial terms are means over patches of
/// either sign, which cancel.
const TERM_TOLERANCE: f64 = 1e-4;
/// Of each tensor's largest value: what the project requires.
const GRADIENT_TOLERANCE: f64 = 1e-4;
/// Weights are compared where every gradient so far is above this share of its tensor's largest
/// value, or exactly zero as those of the other dataset's logits are; below, rounding decides the
/// sign, which is all that Adam's first step takes from it.
const COMPARABLE: f64 = 1e-4;
/// Of a network's values, in percent: the fixtures decide it, 9.97 at most (D after both joint steps).
const MOST_EXCLUDED: f64 = 12.0;
/// Absolute, where comparable; a hundredth of the learning rate.
const WEIGHT_TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct StepConfig {
    #[serde(flatten)]
    networks: Networks,
    datasets: Vec<FixtureDataset>,
    objective: String,
    penalty: Penalty,
    weights: FixtureWeights,
    adam: FixtureAdam,
}

#[derive(Deserialize)]
struct FixtureDataset {
    kind: LabelKind,
    width: usize,
}

#[derive(Deserialize)]
struct FixtureWeights {
    domain: f64,
    reconstruction: f64,
    penalty: f64,
    identity: f64,
}

#[derive(Deserialize)]
struct FixtureAdam {
    learning_rate: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
}

impl StepConfig {
    fn spaces(&self) -> LabelSpaces {
        let space = |FixtureDataset { kind, width }: &FixtureDataset| {
            let names = (0..*width).map(|i| format!("label{i}"));
            match kind {
                LabelKind::Attributes => LabelSpace::attributes(names),
                LabelKind::Classes => LabelSpace::classes(names),
            }
        };
        match &self.datasets[..] {
            [only] => LabelSpaces::single(space(only)),
            several => LabelSpaces::joint(
                several.iter().enumerate().map(|(i, dataset)| (format!("set{i}"), space(dataset))),
            )
            .unwrap(),
        }
    }

    fn training(&self) -> TrainingConfig {
        let (generator, discriminator) = (self.networks.generator(), self.networks.discriminator());
        let identity = (self.weights.identity > 0.0)
            .then_some(IdentityWarmup { weight: self.weights.identity, last_iteration: 1 });
        let config = TrainingConfig {
            objective: match &self.objective[..] {
                "wgan-gp" => Objective::Wasserstein,
                "vanilla" => Objective::Vanilla,
                other => panic!("unknown objective {other}"),
            },
            penalty: self.penalty,
            weights: LossWeights {
                domain: self.weights.domain,
                reconstruction: self.weights.reconstruction,
                penalty: self.weights.penalty,
                identity,
            },
            adam: crate::optim::adam::AdamConfig {
                beta1: self.adam.beta1,
                beta2: self.adam.beta2,
                epsilon: self.adam.epsilon,
            },
            downsamplings: generator.downsamplings,
            discriminator_downsamplings: Some(discriminator.downsamplings),
            ..TrainingConfig::new(self.spaces())
        }
        .with_image_size(discriminator.image_size)
        .with_base_channels(generator.base_channels)
        .with_residual_blocks(generator.residual_blocks)
        .with_learning_rate(self.adam.learning_rate)
        .with_critic_steps(1);
        assert_eq!((config.generator(), config.discriminator()), (generator, discriminator));
        config
    }
}

fn steps_on_attributes_are_pytorchs<B: AutodiffBackend>() {
    Comparison::<B>::new("step_attributes").run();
}

fn steps_on_classes_are_pytorchs<B: AutodiffBackend>() {
    Comparison::<B>::new("step_classes").run();
}

fn vanilla_steps_are_pytorchs<B: AutodiffBackend>() {
    Comparison::<B>::new("step_vanilla").run();
}

fn joint_steps_are_pytorchs<B: AutodiffBackend>() {
    Comparison::<B>::new("step_joint").run();
}

/// A trainer that does what one of the `step_*` fixtures did.
struct Comparison<B: AutodiffBackend> {
    name: &'static str,
    fixture: Fixture,
    trainer: Trainer<B>,
    generator: Network,
    discriminator: Network,
    _folder: tempfile::TempDir,
}

/// What the comparison of one network's updates needs.
struct Network {
    letter: char,
    keys: Vec<Key>,
    updates: usize,
    /// By public name, for every value the smallest gradient so far, as a share of the largest of its
    /// tensor.
    smallest: std::collections::BTreeMap<String, Vec<f64>>,
}

impl Network {
    fn new(letter: char, keys: Vec<Key>) -> Self {
        Self { letter, keys, updates: 0, smallest: Default::default() }
    }
}

impl<B: AutodiffBackend> Comparison<B> {
    fn new(name: &'static str) -> Self {
        let (config, mut fixture) = Fixture::open::<StepConfig>(name);
        let folder = tempfile::tempdir().unwrap();
        let mut trainer =
            Trainer::new(folder.path().join("run"), config.training(), &Default::default())
                .unwrap();
        trainer.networks[0].generator = fixture.generator(&config.networks);
        trainer.networks[0].discriminator = fixture.discriminator(&config.networks);
        trainer.iteration = 1;
        Self {
            name,
            fixture,
            trainer,
            generator: Network::new('g', config.networks.generator_keys()),
            discriminator: Network::new('d', config.networks.discriminator_keys()),
            _folder: folder,
        }
    }

    /// For every dataset in turn, D's step and G's against the result.
    fn run(mut self) {
        let datasets = self.trainer.config.spaces.len();
        for dataset in 0..datasets {
            let prefix = if datasets > 1 { format!("{dataset}.") } else { String::new() };
            let sample = self.sample(dataset, &prefix);
            self.discriminator_step(&sample, &prefix);
            self.generator_step(&sample, &prefix);
        }
        let left = self.fixture.tensors.keys();
        assert!(left.len() == 0, "not compared: {:?}", left.collect::<Vec<_>>());
    }

    fn sample(&mut self, dataset: usize, prefix: &str) -> StepBatch<B::InnerBackend> {
        let spaces = self.trainer.config.spaces.clone();
        let space = spaces.space(dataset);
        let fixture = &mut self.fixture;
        let mut label = |which: &str| {
            let label: Tensor<B::InnerBackend, 2> = fixture.tensor(&format!("{prefix}{which}"));
            let labels: Vec<f32> = label.to_data().iter().collect();
            let n = labels.len() / space.width();
            let rows = labels.chunks_exact(space.width());
            let condition: Vec<f32> =
                rows.clone().flat_map(|row| spaces.condition(dataset, row)).collect();
            let condition = TensorData::new(condition, [n, spaces.condition_width()]);
            if spaces.len() > 1 {
                assert_eq!(condition, fixture.take(&format!("{prefix}{which}_condition")));
            }
            if space.kind() == LabelKind::Classes {
                let classes = fixture.take(&format!("{prefix}{which}_class"));
                assert!(
                    rows.zip(classes.iter::<i64>()).all(|(row, class)| row[class as usize] == 1.0)
                );
            }
            Label { label, condition: Tensor::from_data(condition, &Default::default()) }
        };
        let (source, target) = (label("source"), label("target"));
        StepBatch {
            kind: space.kind(),
            logits: spaces.logit_range(dataset),
            real: self.fixture.tensor(&format!("{prefix}real")),
            source,
            target,
            draw: PenaltyDraw {
                mixing: self
                    .fixture
                    .tensor::<_, 1>(&format!("{prefix}alpha"))
                    .reshape([-1, 1, 1, 1]),
                noise: None,
            },
        }
    }

    fn discriminator_step(&mut self, sample: &StepBatch<B::InnerBackend>, prefix: &str) {
        let TrainingConfig { objective, penalty, weights, .. } = self.trainer.config.clone();
        // The same losses as in the step, for their gradients.
        let module = self.trainer.networks[0].discriminator.clone();
        let fake = sample.fake(&self.trainer.networks[0].generator.valid());
        let losses = discriminator_losses(&module, fake.clone(), sample, objective, penalty);
        let total = losses.total(&weights);
        let found = gradients(&module, &total.backward(), "m");

        let losses = self.stepped(|config, networks, moment| {
            stargan::discriminator_step(config, networks, fake, sample, &weights, moment)
        });
        self.terms("d", prefix, losses.named(), total);
        let after = weights::collect(&self.trainer.networks[0].discriminator, "m");
        self.updated(|comparison| &mut comparison.discriminator, prefix, found, after);
    }

    fn generator_step(&mut self, sample: &StepBatch<B::InnerBackend>, prefix: &str) {
        let TrainingConfig { objective, weights, .. } = self.trainer.config.clone();
        let identity = weights.identity_at(1);
        let module = self.trainer.networks[0].generator.clone();
        let judge = &self.trainer.networks[0].discriminator;
        let fake = sample.tracked_fake(&module);
        let identity_term = identity.is_some();
        let losses = generator_losses(judge, &module, fake, sample, objective, identity_term);
        let total = losses.total(&weights, identity);
        let found = gradients(&module, &total.backward(), "m");

        let fake = sample.tracked_fake(&self.trainer.networks[0].generator);
        let losses = self.stepped(|config, networks, moment| {
            stargan::generator_step(config, networks, fake, sample, &weights, moment)
        });
        self.terms("g", prefix, losses.named(), total);
        let after = weights::collect(&self.trainer.networks[0].generator, "m");
        self.updated(|comparison| &mut comparison.generator, prefix, found, after);
    }

    /// One of the two steps of an iteration, as the trainer makes it.
    fn stepped<T>(
        &mut self,
        step: impl FnOnce(&TrainingConfig, &mut Adversaries<B>, &mut Moment<'_, B>) -> Result<T>,
    ) -> T {
        let learning_rate = self.trainer.learning_rate();
        let Trainer { config, networks, device, iteration, workers, .. } = &mut self.trainer;
        let mut moment = Moment { iteration: *iteration, learning_rate, device, workers };
        step(config, &mut networks[0], &mut moment).unwrap()
    }

    fn terms(&mut self, letter: &str, prefix: &str, terms: NamedLosses, total: Tensor<B, 1>) {
        let mut worst = 0.0_f64;
        let total = ("total", total.into_scalar().elem::<f32>());
        for (name, value) in terms.into_iter().chain([total]) {
            let term = name.rsplit('/').next().unwrap_or(name);
            let expected = self.fixture.take(&format!("{prefix}{letter}_loss.{term}"));
            let error = relative_error(&TensorData::from([value]), &expected);
            assert!(error <= TERM_TOLERANCE, "{}{prefix}{letter} {term}: {error:e}", self.name);
            worst = worst.max(error);
        }
        let missed = format!("{prefix}{letter}_loss.");
        assert!(!self.fixture.tensors.keys().any(|name| name.starts_with(&missed)), "{missed}");
        self.report(prefix, letter, "loss terms", worst, "");
    }

    /// Compares the gradients of one update and the weights after it.
    fn updated(
        &mut self,
        network: impl Fn(&mut Self) -> &mut Network,
        prefix: &str,
        found: Weights,
        after: Weights,
    ) {
        let Network { letter, keys, updates, mut smallest } =
            std::mem::replace(network(self), Network::new('-', Vec::new()));
        let updates = updates + 1;
        let letter_name = letter.to_string();
        let mut take = |what: &str| -> Weights {
            let prefix = format!("{prefix}{letter}_{what}.");
            keys.iter()
                .map(|key| {
                    (key.public.clone(), self.fixture.take(&format!("{prefix}{}", key.public)))
                })
                .collect()
        };
        let (expected_gradients, expected_after) = (take("grad"), take("after"));
        assert_eq!(found.len(), keys.len(), "every parameter has a gradient");
        let found = pytorch::export(&keys, found, "m", "").unwrap();
        let after = pytorch::export(&keys, after, "m", "").unwrap();

        let (error, name) = largest_error(&found, &expected_gradients);
        self.report(prefix, &letter_name, "gradients", error, &name);
        assert!(error <= GRADIENT_TOLERANCE, "{} {prefix}{letter} {name}: {error:e}", self.name);

        let rate = self.trainer.config.learning_rate;
        let (mut worst, mut excluded, mut values) = (0.0_f64, 0, 0);
        for (name, gradient) in &expected_gradients {
            let gradient: Vec<f64> = gradient.iter::<f64>().map(f64::abs).collect();
            let largest = gradient.iter().copied().fold(0.0, f64::max);
            let smallest =
                smallest.entry(name.clone()).or_insert_with(|| vec![f64::INFINITY; gradient.len()]);
            for (smallest, &gradient) in smallest.iter_mut().zip(&gradient) {
                if gradient != 0.0 {
                    *smallest = smallest.min(gradient / largest);
                }
            }
            let pairs = after[name].iter::<f64>().zip(expected_after[name].iter::<f64>());
            for ((after, expected), smallest) in pairs.zip(smallest) {
                let error = (after - expected).abs();
                values += 1;
                if *smallest > COMPARABLE {
                    worst = worst.max(error);
                    assert!(error <= WEIGHT_TOLERANCE, "{name}: {after} instead of {expected}");
                } else {
                    excluded += 1;
                    // Both may have moved by the learning rate, in opposite directions.
                    let limit = 2.0 * rate * updates as f64 + WEIGHT_TOLERANCE;
                    assert!(error <= limit, "{name}: {after} instead of {expected}");
                }
            }
        }
        let share = 100.0 * f64::from(excluded) / f64::from(values);
        let note = format!("absolute, {share:.2} % of the values excluded");
        self.report(prefix, &letter_name, "weights after", worst, &note);
        assert!(share < MOST_EXCLUDED, "{share} % of the values are not compared");
        *network(self) = Network { letter, keys, updates, smallest };
    }

    fn report(&self, prefix: &str, letter: &str, what: &str, error: f64, note: &str) {
        let backend = backend_name::<B>();
        println!("{} {backend} {prefix}{letter} {what}: {error:.1e} {note}", self.name);
    }
}

/// What the others are compared with.
#[cfg(feature = "ndarray")]
type Reference = burn::backend::Autodiff<burn::backend::NdArray>;
#[cfg(not(feature = "ndarray"))]
type Reference = burn::backend::Autodiff<burn::backend::Flex>;

/// Of each tensor's largest value, between two float32 evaluations of the same iteration: twice what
/// each may be off PyTorch's.
const BACKEND_TOLERANCE: f64 = 2.0 * GRADIENT_TOLERANCE;

fn tiny(spaces: LabelSpaces) -> TrainingConfig {
    TrainingConfig::new(spaces)
        .with_image_size(16)
        .with_base_channels(4)
        .with_residual_blocks(1)
        .with_batch_size(4)
        .with_critic_steps(1)
        .with_seed(5)
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
    let rows = 0..batch_size;
    Batch { dataset: 0, iteration, rows, images, labels, batch_size, image_size }
}

/// The loss terms of one iteration, and the optimizers' means after it: of the gradient, times 1 -
/// beta1, and of its square, times 1 - beta2.
fn one_iteration<B: AutodiffBackend>() -> (Vec<(&'static str, f32)>, Weights, Trainer<B>) {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer =
        Trainer::<B>::new(folder.path().join("run"), tiny(faces()), &Default::default()).unwrap();
    let losses = trainer.step(vec![batch(1)]).unwrap().remove(0);
    let mut terms = losses.discriminator.named();
    terms.extend(losses.generator.expect("G is updated at every iteration").named());
    let mut moments =
        trainer.networks[0].generator_adam.state(&trainer.networks[0].generator.valid(), "g");
    moments.extend(
        trainer.networks[0]
            .discriminator_adam
            .state(&trainer.networks[0].discriminator.valid(), "d"),
    );
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

    let limit = 2.0 * trainer.config.learning_rate + WEIGHT_TOLERANCE;
    let weights = weights::collect(&trainer.networks[0].generator, "g");
    for (name, expected) in weights::collect(&expected_trainer.networks[0].generator, "g") {
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
    let config = TrainingConfig { ema: 0.2, ..tiny(faces()) }.with_learning_rate(1e-2);
    let mut trainer =
        Trainer::<B>::new(folder.path().join("run"), config, &Default::default()).unwrap();
    let mut expected = floats(&trainer.networks[0].generator);
    // The warm-up: 2/11, then the configured decay, since 3/12 is more.
    for (iteration, decay) in [(1, 2.0 / 11.0), (2, 0.2), (3, 0.2)] {
        trainer.step(vec![batch(iteration)]).unwrap();
        let current = floats(&trainer.networks[0].generator);
        for (average, current) in expected.iter_mut().zip(&current) {
            *average = *average * decay + current * (1.0 - decay);
        }
        let average = floats(trainer.networks[0].average.as_ref().unwrap());
        let error = average.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error <= AVERAGE_TOLERANCE, "iteration {iteration}: {error:e}");
        assert_ne!(average, current, "the average is not the generator itself");
    }
    let translator = trainer.translator();
    let images: Tensor<B::InnerBackend, 4> = Tensor::zeros([1, 3, 16, 16], &Default::default());
    let target = crate::translate::translator::DomainLabel { dataset: 0, label: vec![1.0, 0.0] };
    let condition = Tensor::from_data([[1.0_f32, 0.0]], &Default::default());
    let translated = translator.forward(images.clone(), &[target]);
    let distance = |generator: &Generator<B::InnerBackend>| -> f32 {
        let output = generator.forward(images.clone(), condition.clone());
        (output - translated.clone()).abs().max().into_scalar().elem()
    };
    let average = distance(trainer.networks[0].average.as_ref().unwrap());
    assert!(average <= TRANSLATION_TOLERANCE, "the average translates: {average:e}");
    let current = distance(&trainer.networks[0].generator.valid());
    assert!(current > 10.0 * TRANSLATION_TOLERANCE, "the generator does not: {current:e}");
}
