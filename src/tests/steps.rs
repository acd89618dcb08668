//! StarGAN's steps against PyTorch: losses, gradients and the weights after both updates.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{ElementConversion, Tensor, TensorData};
use serde::Deserialize;

use crate::engine::learner::Learner;
use crate::engine::recipe::Moment;
use crate::engine::workers::seam::Workers;
use crate::error::Result;
use crate::files::pytorch::keys::{Key, export};
use crate::labels::space::{LabelKind, LabelSpace};
use crate::labels::spaces::LabelSpaces;
use crate::nn::weights::{self, Weights};
use crate::optim::adam::AdamConfig;
use crate::recipes::adversaries::Adversaries;
use crate::recipes::losses::NamedLosses;
use crate::recipes::losses::OptionalTerm;
use crate::recipes::objective::Objective;
use crate::recipes::penalty::{Penalty, PenaltyDraw};
use crate::recipes::stargan::batch::{Label, StepBatch};
use crate::recipes::stargan::config::StarGan;
use crate::recipes::stargan::recipe::{discriminator_step, generator_step};
use crate::recipes::stargan::step::{discriminator_losses, generator_losses};
use crate::recipes::stargan::weights::{IdentityWarmup, LossWeights};
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::{backend_name, gradients, largest_error, on_every_backend, relative_error};

on_every_backend!(
    steps_on_attributes_are_pytorchs,
    steps_on_classes_are_pytorchs,
    vanilla_steps_are_pytorchs,
    joint_steps_are_pytorchs,
);

/// Of a loss term's own value: what the project requires. The adversarial terms are means over
/// patches of either sign, which cancel.
const TERM_TOLERANCE: f64 = 1e-4;
/// Of each tensor's largest value: what the project requires.
const GRADIENT_TOLERANCE: f64 = 1e-4;
/// Weights are compared where every gradient so far is above this share of its tensor's largest
/// value, or exactly zero as those of the other dataset's logits are; below, rounding decides the
/// sign, which is all that Adam's first step takes from it.
const COMPARABLE: f64 = 1e-4;
/// Of a network's values, in percent: the fixtures decide it, 9.97 at most (D after both joint
/// steps).
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
    /// Left out of the fixtures that are the paper's.
    #[serde(default)]
    fake_domain: f64,
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

    fn recipe(&self) -> StarGan {
        let identity = (self.weights.identity > 0.0)
            .then_some(IdentityWarmup { weight: self.weights.identity, last_iteration: 1 });
        let mut recipe = StarGan::paper(self.spaces());
        recipe.generator = self.networks.generator();
        recipe.discriminator = self.networks.discriminator();
        recipe.objective = match &self.objective[..] {
            "wgan-gp" => Objective::Wasserstein,
            "vanilla" => Objective::Vanilla,
            other => panic!("unknown objective {other}"),
        };
        recipe.penalty = self.penalty;
        recipe.weights = LossWeights {
            domain: self.weights.domain,
            fake_domain: self.weights.fake_domain,
            reconstruction: self.weights.reconstruction,
            penalty: self.weights.penalty,
            identity,
            ..LossWeights::default()
        };
        recipe.critic_steps = 1;
        recipe.check().unwrap();
        recipe
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

/// Networks that learn what one of the `step_*` fixtures did.
struct Comparison<B: AutodiffBackend> {
    name: &'static str,
    fixture: Fixture,
    recipe: StarGan,
    networks: Adversaries<B>,
    learning_rate: f64,
    generator: Network,
    discriminator: Network,
}

/// What the comparison of one network's updates needs.
struct Network {
    letter: char,
    keys: Vec<Key>,
    updates: usize,
    /// By public name, for every value the smallest gradient so far, as a share of the largest of
    /// its tensor.
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
        let FixtureAdam { learning_rate, beta1, beta2, epsilon } = config.adam;
        let adam = || AdamConfig { beta1, beta2, epsilon, weight_decay: 0.0 };
        let networks = Adversaries {
            generator: Learner::new("generator", fixture.generator(&config.networks), adam()),
            discriminator: Learner::new(
                "discriminator",
                fixture.discriminator(&config.networks),
                adam(),
            ),
        };
        Self {
            name,
            fixture,
            recipe: config.recipe(),
            networks,
            learning_rate,
            generator: Network::new('g', config.networks.generator_keys()),
            discriminator: Network::new('d', config.networks.discriminator_keys()),
        }
    }

    /// For every dataset in turn, D's step and G's against the result.
    fn run(mut self) {
        let datasets = self.recipe.spaces.len();
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
        let spaces = self.recipe.spaces.clone();
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
        let StarGan { objective, penalty, weights, .. } = self.recipe.clone();
        // The same losses as in the step, for their gradients.
        let module = self.networks.discriminator.module().clone();
        let fake = sample.fake(&self.networks.generator.module().valid());
        let term = OptionalTerm::when(weights.fake_domain > 0.0);
        let losses = discriminator_losses(&module, fake.clone(), sample, objective, penalty, term);
        let total = losses.total(&weights);
        let found = gradients(&module, &total.backward(), "m");

        let losses = self.stepped(|recipe, networks, moment| {
            let fake = |_: &StepBatch<_>| fake.clone();
            let batch = std::slice::from_ref(sample);
            discriminator_step(recipe, networks, batch, fake, &weights, moment)
        });
        self.terms("d", prefix, losses.named(), total);
        let after = weights::collect(self.networks.discriminator.module(), "m");
        self.updated(|comparison| &mut comparison.discriminator, prefix, found, after);
    }

    fn generator_step(&mut self, sample: &StepBatch<B::InnerBackend>, prefix: &str) {
        let StarGan { objective, weights, .. } = self.recipe.clone();
        let weights = weights.at(1, 1);
        let module = self.networks.generator.module().clone();
        let judge = self.networks.discriminator.module();
        let fake = sample.tracked_fake(&module);
        let identity_term = OptionalTerm::when(weights.identity.is_some());
        let losses = generator_losses(judge, &module, fake, sample, objective, identity_term);
        let total = losses.total(&weights);
        let found = gradients(&module, &total.backward(), "m");

        let fake = sample.tracked_fake(self.networks.generator.module());
        let losses = self.stepped(|recipe, networks, moment| {
            let fake = |_: &StepBatch<_>| fake.clone();
            let batch = std::slice::from_ref(sample);
            generator_step(recipe, networks, batch, fake, &weights, moment)
        });
        self.terms("g", prefix, losses.named(), total);
        let after = weights::collect(self.networks.generator.module(), "m");
        self.updated(|comparison| &mut comparison.generator, prefix, found, after);
    }

    /// One of the two steps of an iteration, as the recipe makes it.
    fn stepped<T>(
        &mut self,
        step: impl FnOnce(&StarGan, &mut Adversaries<B>, &mut Moment<'_, B>) -> Result<T>,
    ) -> T {
        let mut moment = Moment {
            iteration: 1,
            iterations: 1,
            learning_rate: self.learning_rate,
            discriminator_learning_rate: self.learning_rate,
            seed: 0,
            parts: 1,
            device: &Default::default(),
            loss_scale: &mut None,
            workers: &mut Workers::Alone,
        };
        step(&self.recipe, &mut self.networks, &mut moment).unwrap()
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
        let found = export(&keys, found, "m", "").unwrap();
        let after = export(&keys, after, "m", "").unwrap();

        let (error, name) = largest_error(&found, &expected_gradients);
        self.report(prefix, &letter_name, "gradients", error, &name);
        assert!(error <= GRADIENT_TOLERANCE, "{} {prefix}{letter} {name}: {error:e}", self.name);

        let rate = self.learning_rate;
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
