//! StarGAN v2's four updates: which networks each moves, by which gradients and how far.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;

use crate::engine::learner::Learner;
use crate::engine::networks::{Networks as _, State};
use crate::engine::recipe::Moment;
use crate::engine::workers::seam::Workers;
use crate::labels::space::LabelSpace;
use crate::nn::weights::{self, Weights};
use crate::optim::adam::AdamConfig;
use crate::recipes::stargan_v2::batch::{StyleBatch, StyleSource};
use crate::recipes::stargan_v2::config::StarGanV2;
use crate::recipes::stargan_v2::networks::StyleNetworks;
use crate::recipes::stargan_v2::recipe::{critic_step, style_step};
use crate::tests::fixture::Fixture;
use crate::tests::style::{self, Config, Networks, TOLERANCE, compared};
use crate::tests::{largest_error, on_every_backend};

on_every_backend!(each_update_is_of_its_networks_by_pytorchs_gradients);

/// So small that all updates take their gradients at the same weights.
const STILL: f64 = 1e-12;

struct Case<B: AutodiffBackend> {
    config: Config,
    recipe: StarGanV2,
    networks: StyleNetworks<B>,
    batch: StyleBatch<B::InnerBackend>,
    fixture: Fixture,
}

impl<B: AutodiffBackend> Case<B> {
    fn new() -> Self {
        let (config, networks, mut fixture) = style::open::<B>();
        let batch = style::batch::<B>(&mut fixture, config.domains);
        let Networks { generator, mapping, encoder, discriminator } = networks;
        // The running mean of a gradient is then the last one.
        let adam = || AdamConfig { beta1: 0.0, beta2: 0.99, ..AdamConfig::default() };
        let networks = StyleNetworks {
            generator: Learner::new("generator", generator, adam()),
            mapping: Learner::new("mapping", mapping, adam()),
            encoder: Learner::new("encoder", encoder, adam()),
            discriminator: Learner::new("discriminator", discriminator, adam()),
        };
        let recipe = StarGanV2::new(LabelSpace::classes(["a", "b", "c"]), 32)
            .with_networks(config.networks())
            .with_weights(config.weights());
        Self { config, recipe, networks, batch, fixture }
    }

    fn update(&mut self, source: StyleSource, critic: bool, rate: f64) {
        let mut moment = Moment {
            iteration: 1,
            iterations: 1,
            learning_rate: rate,
            discriminator_learning_rate: rate,
            seed: 0,
            parts: 1,
            device: &Default::default(),
            loss_scale: &mut None,
            workers: &mut Workers::Alone,
        };
        let (networks, batch) = (&mut self.networks, std::slice::from_ref(&self.batch));
        if critic {
            critic_step(&self.recipe, networks, batch, source, &mut moment).unwrap();
        } else {
            style_step(&self.recipe, networks, batch, source, &mut moment).unwrap();
        }
    }

    fn state(&self) -> State {
        let mut state = State::default();
        self.networks.save(&mut state);
        state
    }

    /// The last gradients of a network, against PyTorch's.
    fn compare(&mut self, kind: &str, letter: &str, network: &str) {
        let prefix = format!("adam.{network}.first.");
        let found: Weights = self
            .state()
            .weights
            .into_iter()
            .filter_map(|(name, data)| {
                Some((format!("{letter}.{}", name.strip_prefix(&prefix)?), data))
            })
            .collect();
        let (found, expected) = compared(kind, letter, found, &self.config, &mut self.fixture);
        // Optimizers keep vectors.
        let flat = |data: Weights| -> Weights {
            let vector = |(name, data): (String, burn::tensor::TensorData)| {
                let count = data.num_elements();
                (name, burn::tensor::TensorData::new(data.iter::<f32>().collect(), [count]))
            };
            data.into_iter().map(vector).collect()
        };
        let (error, worst) = largest_error(&flat(found), &flat(expected));
        assert!(error <= TOLERANCE, "{kind} {worst}: {error:e}");
    }
}

fn each_update_is_of_its_networks_by_pytorchs_gradients<B: AutodiffBackend>() {
    let mut case = Case::<B>::new();
    let [latent, reference] = StyleSource::ALL;
    case.update(latent, true, STILL);
    case.compare("latent", "d", "discriminator");
    case.update(reference, true, STILL);
    case.compare("reference", "d", "discriminator");
    let updates = |case: &Case<B>| case.state().updates;
    assert_eq!(updates(&case).values().copied().collect::<Vec<_>>(), [2, 0, 0, 0], "D alone");
    case.update(latent, false, STILL);
    for (letter, network) in [("g", "generator"), ("f", "mapping"), ("e", "encoder")] {
        case.compare("latent", letter, network);
    }
    case.update(reference, false, STILL);
    case.compare("reference", "g", "generator");
    let names = ["discriminator", "encoder", "generator", "mapping"].map(str::to_owned);
    let expected: Vec<_> = names.into_iter().zip([2, 1, 2, 1]).collect();
    assert_eq!(updates(&case).into_iter().collect::<Vec<_>>(), expected);

    // Adam's first step goes as far as the rate wherever there is a gradient.
    let mut case = Case::<B>::new();
    let before = |case: &Case<B>| {
        let encoder = weights::collect(&case.networks.encoder.module().valid(), "n");
        (weights::collect(&case.networks.mapping.module().valid(), "n"), encoder)
    };
    let (mapping, encoder) = before(&case);
    case.update(latent, false, 1e-3);
    let (mapping_after, encoder_after) = before(&case);
    for (what, before, after, rate) in
        [("F, at a hundredth", mapping, mapping_after, 1e-5), ("E", encoder, encoder_after, 1e-3)]
    {
        let moved = before.iter().flat_map(|(name, data)| {
            data.iter::<f64>().zip(after[name].iter::<f64>().collect::<Vec<_>>())
        });
        let farthest = moved.map(|(before, after)| (before - after).abs()).fold(0.0, f64::max);
        // Weights of about 1 have 24 bits.
        assert!((farthest - rate).abs() < 0.05 * rate, "{what}: {farthest:e}");
    }
}
