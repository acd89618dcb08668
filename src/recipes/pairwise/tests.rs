//! One step of either method against PyTorch.

use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::Deserialize;

use crate::engine::recipe::Recipe;
use crate::files::pytorch::keys::{Key, discriminator_keys, export, generator_keys};
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::nn::generator::{Generator, GeneratorConfig};
use crate::nn::weights::{self, Weights};
use crate::optim::adam::{self, Adam, AdamConfig};
use crate::random::{Purpose, stream};
use crate::recipes::cyclegan::{CycleGan, cycle_losses};
use crate::recipes::losses::OptionalTerm;
use crate::recipes::losses::{NamedLosses, read};
use crate::recipes::objective::Objective;
use crate::recipes::pairwise::losses::{CriticLosses, DirectionLosses};
use crate::recipes::pix2pix::{Pix2Pix, paired_losses, under_condition};
use crate::recipes::stargan::config::StarGan;
use crate::tests::fixture::Fixture;
use crate::tests::gradients;
use crate::tests::{backend_name, largest_error, on_every_backend, relative_error};

on_every_backend!(a_cyclegan_step_is_pytorchs, a_pix2pix_step_is_pytorchs);

/// Of a term's value, and of each gradient tensor's largest: what the project requires of
/// StarGAN's.
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct StepConfig {
    generator: GeneratorConfig,
    discriminator: DiscriminatorConfig,
    objective: Objective,
    reconstruction: f64,
    identity: Option<f64>,
    adam: Option<StepAdam>,
}

#[derive(Deserialize)]
struct StepAdam {
    learning_rate: f64,
    #[serde(flatten)]
    constants: AdamConfig,
}

/// A fixture whose values are compared with as they are taken out.
struct Comparison {
    name: &'static str,
    config: StepConfig,
    fixture: Fixture,
    keys: [Vec<Key>; 2],
}

impl Comparison {
    fn open(name: &'static str) -> Self {
        let (config, fixture) = Fixture::open::<StepConfig>(name);
        let keys = [generator_keys(&config.generator), discriminator_keys(&config.discriminator)];
        Self { name, config, fixture, keys }
    }

    /// The networks of the parameters `<prefix>g.` and `<prefix>d.`.
    fn networks<B: Backend>(&mut self, prefix: &str) -> (Generator<B>, Discriminator<B>) {
        let device = Default::default();
        let mut rng = stream(0, Purpose::Generator, 0, 0);
        let generator = self.config.generator.init(&mut rng, &device).unwrap();
        let discriminator = self.config.discriminator.init(&mut rng, &device).unwrap();
        let [g, d] = &self.keys;
        let mut g = self.fixture.parameters(g, &format!("{prefix}g."), "m");
        let mut d = self.fixture.parameters(d, &format!("{prefix}d."), "m");
        let generator = weights::apply(generator, "m", &mut g).unwrap();
        let discriminator = weights::apply(discriminator, "m", &mut d).unwrap();
        assert!(g.is_empty() && d.is_empty());
        (generator, discriminator)
    }

    fn terms<B: Backend>(&mut self, prefix: &str, named: NamedLosses, total: &Tensor<B, 1>) {
        for (name, value) in named.into_iter().chain(read(vec![("total", total.clone())])) {
            let term = name.rsplit('/').next().unwrap_or(name);
            let expected = self.fixture.take(&format!("{prefix}_loss.{term}"));
            let error = relative_error(&[value].into(), &expected);
            println!("{} {} {prefix} {term}: {error:.1e}", self.name, backend_name::<B>());
            assert!(error <= TOLERANCE, "{} {prefix} {term}: {error:e}", self.name);
        }
    }

    fn gradients(&mut self, prefix: &str, network: usize, found: Weights) {
        let keys = &self.keys[network];
        let found = export(keys, found, "m", "").unwrap();
        let expected: Weights = keys
            .iter()
            .map(|key| {
                let name = format!("{prefix}_grad.{}", key.public);
                (key.public.clone(), self.fixture.take(&name))
            })
            .collect();
        let (error, worst) = largest_error(&found, &expected);
        println!("{} {prefix} gradients: {error:.1e} ({worst})", self.name);
        assert!(error <= TOLERANCE, "{} {prefix} {worst}: {error:e}", self.name);
    }

    fn finish(self) {
        let left: Vec<_> = self.fixture.tensors.keys().collect();
        assert!(left.is_empty(), "{}: not compared: {left:?}", self.name);
    }
}

fn a_cyclegan_step_is_pytorchs<B: AutodiffBackend>() {
    let mut case = Comparison::open("step_cyclegan");
    let directions = ["0.", "1."].map(|prefix| case.networks::<B>(prefix));
    let real = ["real.0", "real.1"].map(|name| case.fixture.tensor::<B::InnerBackend, 4>(name));
    let StepConfig { objective, reconstruction, identity, .. } = case.config;
    let identity = identity.expect("an identity term");

    let generators = directions.each_ref().map(|(generator, _)| generator);
    let discriminators = directions.each_ref().map(|(_, discriminator)| discriminator);
    let fake: [Tensor<B, 4>; 2] =
        [0, 1].map(|i| generators[i].forward_unconditional(Tensor::from_inner(real[i].clone())));
    let losses =
        cycle_losses(generators, discriminators, &real, &fake, objective, OptionalTerm::Computed);
    let totals = losses.each_ref().map(|losses| losses.total(reconstruction, identity));
    let [first, second] = totals.clone();
    let of_both = (first + second).backward();
    for i in [0, 1] {
        let (generator, discriminator) = &directions[i];
        case.terms(&format!("{i}.g"), losses[i].named(), &totals[i]);
        case.gradients(&format!("{i}.g"), 0, gradients(generator, &of_both, "m"));
        assert!(gradients(discriminator, &of_both, "m").is_empty(), "G's loss reaches D");

        let fake = fake[i].clone().inner();
        let losses = CriticLosses::new(discriminator, real[1 - i].clone(), fake, objective);
        let total = losses.total();
        let found = total.backward();
        case.terms(&format!("{i}.d"), losses.named(), &total);
        case.gradients(&format!("{i}.d"), 1, gradients(discriminator, &found, "m"));
        assert!(gradients(generator, &found, "m").is_empty(), "D's loss reaches G");
    }
    case.finish();
}

fn a_pix2pix_step_is_pytorchs<B: AutodiffBackend>() {
    let mut case = Comparison::open("step_pix2pix");
    let (generator, mut discriminator) = case.networks::<B>("");
    let [source, target] =
        ["source", "target"].map(|name| case.fixture.tensor::<B::InnerBackend, 4>(name));
    let StepConfig { objective, reconstruction, .. } = case.config;
    let StepAdam { learning_rate, constants } = case.config.adam.take().unwrap();

    let fake = generator.forward_unconditional(Tensor::from_inner(source.clone()));
    let losses = CriticLosses::new(
        &discriminator,
        under_condition(source.clone(), target.clone()),
        under_condition(source.clone(), fake.clone().inner()),
        objective,
    );
    let total = losses.total();
    let mut found = total.backward();
    case.terms("d", losses.named(), &total);
    case.gradients("d", 1, gradients(&discriminator, &found, "m"));
    let found = adam::gradients(&discriminator, &mut found);
    discriminator = Adam::new(constants).step(discriminator, found, learning_rate);

    let losses: DirectionLosses<B> = paired_losses(&discriminator, source, target, fake, objective);
    let total = losses.total(reconstruction, 0.0);
    let found = total.backward();
    case.terms("g", losses.named(), &total);
    case.gradients("g", 0, gradients(&generator, &found, "m"));
    assert!(gradients(&discriminator, &found, "m").is_empty(), "G's loss reaches D");
    case.finish();
}

#[test]
fn the_documented_parameter_counts_are_those_of_the_configurations() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/baselines.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let grouped = |number: u64| {
        let digits: Vec<char> = number.to_string().chars().rev().collect();
        let groups: Vec<String> = digits.chunks(3).map(|group| group.iter().collect()).collect();
        groups.join(",").chars().rev().collect::<String>()
    };
    let (cyclegan, pix2pix) = (CycleGan::new(["a", "b"]), Pix2Pix::new(["a", "b"]));
    let direction = cyclegan.generator.num_params() + cyclegan.discriminator.num_params();
    assert_eq!(direction, 8_414_848 + 44_721_088);
    for k in 2..=8 {
        let domains = LabelSpaces::single(LabelSpace::classes((0..k).map(|i| i.to_string())));
        let star = StarGan::paper(domains).num_params();
        let directions = k * (k - 1);
        let row = format!(
            "| {k} | 1 | {} | {} | {directions} | {} | {directions} | {} |",
            grouped(star),
            directions / 2,
            grouped(directions / 2 * cyclegan.num_params()),
            grouped(directions * pix2pix.num_params())
        );
        assert!(docs.contains(&row), "docs/baselines.md lacks {row}");
    }
    let of_the_paper = grouped(14 * direction);
    assert!(docs.contains(&of_the_paper), "docs/baselines.md lacks {of_the_paper}");
}
