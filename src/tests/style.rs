//! StarGAN v2 against PyTorch: what the four networks make, the losses, and all gradients of D's
//! and G's updates, with styles from noise and from images.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Int, Tensor, TensorData};
use serde::Deserialize;

use crate::files::pytorch::keys::Key;
use crate::files::pytorch::style_keys::{
    discriminator_keys, encoder_keys, generator_keys, mapping_keys,
};
use crate::nn::style::config::StyleConfig;
use crate::nn::style::discriminator::StyleDiscriminator;
use crate::nn::style::encoder::StyleEncoder;
use crate::nn::style::generator::StyleGenerator;
use crate::nn::style::mapping::MappingNetwork;
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, stream};
use crate::recipes::stargan_v2::batch::{StyleBatch, StyleSource};
use crate::recipes::stargan_v2::config::StyleLossWeights;
use crate::recipes::stargan_v2::step::{style_critic_losses, style_generator_losses};
use crate::tests::fixture::Fixture;
use crate::tests::{backend_name, gradients, largest_error, on_every_backend, relative_error};

on_every_backend!(networks_are_pytorchs, updates_are_pytorchs);

/// Of each tensor's largest value: what the project requires.
pub(super) const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
pub(super) struct Config {
    image_size: usize,
    base_channels: usize,
    most_channels: usize,
    style_width: usize,
    latent_width: usize,
    mapping_width: usize,
    pub domains: usize,
    weights: Lambdas,
}

#[derive(Deserialize)]
struct Lambdas {
    style: f64,
    diversity: f64,
    cycle: f64,
    gradient_penalty: f64,
}

impl Config {
    pub fn networks(&self) -> StyleConfig {
        StyleConfig::new(self.image_size, self.domains)
            .with_channels(self.base_channels, self.most_channels)
            .with_style_width(self.style_width)
            .with_mapping(self.latent_width, self.mapping_width)
    }

    pub fn weights(&self) -> StyleLossWeights {
        let Lambdas { style, diversity, cycle, gradient_penalty } = self.weights;
        StyleLossWeights { style, diversity, cycle, penalty: gradient_penalty }
    }
}

pub(super) struct Networks<B: AutodiffBackend> {
    pub generator: StyleGenerator<B>,
    pub mapping: MappingNetwork<B>,
    pub encoder: StyleEncoder<B>,
    pub discriminator: StyleDiscriminator<B>,
}

/// The networks by the letters that the fixture has for them.
fn keys(config: &StyleConfig) -> [(&'static str, Vec<Key>); 4] {
    [
        ("g", generator_keys(config)),
        ("f", mapping_keys(config)),
        ("e", encoder_keys(config)),
        ("d", discriminator_keys(config)),
    ]
}

pub(super) fn open<B: AutodiffBackend>() -> (Config, Networks<B>, Fixture) {
    let (config, mut fixture) = Fixture::open::<Config>("stargan_v2");
    let (sizes, device) = (config.networks(), B::Device::default());
    let rng = &mut stream(0, Purpose::Generator, 0, 0);
    let [g, f, e, d] = keys(&sizes).map(|(letter, keys)| {
        let weights = fixture.parameters(&keys, &format!("{letter}."), letter);
        move || weights.clone()
    });
    let networks = Networks {
        generator: weights::apply(sizes.init_generator(rng, &device).unwrap(), "g", &mut g())
            .unwrap(),
        mapping: weights::apply(sizes.init_mapping(rng, &device).unwrap(), "f", &mut f()).unwrap(),
        encoder: weights::apply(sizes.init_encoder(rng, &device).unwrap(), "e", &mut e()).unwrap(),
        discriminator: weights::apply(
            sizes.init_discriminator(rng, &device).unwrap(),
            "d",
            &mut d(),
        )
        .unwrap(),
    };
    (config, networks, fixture)
}

/// A row per image with a 1 at its class.
fn one_hot<B: AutodiffBackend>(
    fixture: &mut Fixture,
    name: &str,
    domains: usize,
) -> Tensor<B::InnerBackend, 2> {
    let classes: Vec<i64> = fixture.take(name).iter::<i64>().collect();
    let classes = TensorData::new(classes.clone(), [classes.len()]);
    Tensor::<B::InnerBackend, 1, Int>::from_data(classes, &Default::default())
        .one_hot::<2>(domains)
        .float()
}

pub(super) fn batch<B: AutodiffBackend>(
    fixture: &mut Fixture,
    domains: usize,
) -> StyleBatch<B::InnerBackend> {
    StyleBatch {
        real: fixture.tensor("real"),
        source: one_hot::<B>(fixture, "source_class", domains),
        target: one_hot::<B>(fixture, "target_class", domains),
        references: ["reference1", "reference2"].map(|name| fixture.tensor(name)),
        latents: ["latent1", "latent2"].map(|name| fixture.tensor(name)),
    }
}

fn compare<B: AutodiffBackend>(name: &str, found: TensorData, fixture: &mut Fixture) {
    let expected = fixture.take(name);
    let error = relative_error(&found, &expected);
    println!("v2 {} {name}: {error:.1e}", backend_name::<B>());
    assert!(error <= TOLERANCE, "{name}: {error:e}");
}

fn networks_are_pytorchs<B: AutodiffBackend>() {
    let (config, networks, mut fixture) = open::<B>();
    let batch = batch::<B>(&mut fixture, config.domains);
    let Networks { generator, mapping, encoder, discriminator } = networks;
    let real: Tensor<B, 4> = Tensor::from_inner(batch.real);
    let [source, target]: [Tensor<B, 2>; 2] = [batch.source, batch.target].map(Tensor::from_inner);
    let latent: Tensor<B, 2> = Tensor::from_inner(batch.latents[0].clone());

    let style = mapping.forward(latent.clone(), target);
    compare::<B>("style", style.clone().into_data(), &mut fixture);
    compare::<B>("all_styles", mapping.forward_all(latent).into_data(), &mut fixture);
    let encoded = encoder.forward(real.clone(), source.clone());
    compare::<B>("encoded", encoded.into_data(), &mut fixture);
    compare::<B>("all_encoded", encoder.forward_all(real.clone()).into_data(), &mut fixture);
    compare::<B>("logits", discriminator.forward_all(real.clone()).into_data(), &mut fixture);
    let (logits, gradient) = discriminator.forward_with_gradient(real.clone(), source.clone());
    assert_eq!(logits.into_data(), discriminator.forward(real.clone(), source.clone()).into_data());
    compare::<B>("input_gradient", gradient.into_data(), &mut fixture);
    compare::<B>("translated", generator.forward(real, style).into_data(), &mut fixture);
}

fn updates_are_pytorchs<B: AutodiffBackend>() {
    let (config, networks, mut fixture) = open::<B>();
    let batch = batch::<B>(&mut fixture, config.domains);
    let Networks { generator, mapping, encoder, discriminator } = &networks;
    let weights = config.weights();
    for source in StyleSource::ALL {
        let kind = source.name();
        use burn::module::AutodiffModule;
        let (plain_mapping, plain_encoder) = (mapping.valid(), encoder.valid());
        let style = |number| batch.style(number, source, &plain_mapping, &plain_encoder);

        let fake = generator.valid().forward(batch.real.clone(), style(0));
        let losses = style_critic_losses(discriminator, fake, &batch);
        let total = losses.total(&weights);
        for (name, term) in losses.terms() {
            let name = format!("{kind}.d_loss.{}", name.trim_start_matches("d/"));
            compare::<B>(&name, term.into_data(), &mut fixture);
        }
        compare::<B>(&format!("{kind}.d_loss.total"), total.clone().into_data(), &mut fixture);
        let found = gradients(discriminator, &total.backward(), "d");
        compare_gradients::<B>(kind, "d", found, &config, &mut fixture);

        let first = match source {
            StyleSource::Latent => batch.tracked_style(mapping),
            StyleSource::Reference => Tensor::from_inner(style(0)),
        };
        let losses =
            style_generator_losses(generator, encoder, discriminator, first, style(1), &batch);
        let total = losses.total(&weights);
        for (name, term) in losses.terms() {
            let name = format!("{kind}.g_loss.{}", name.trim_start_matches("g/"));
            compare::<B>(&name, term.into_data(), &mut fixture);
        }
        compare::<B>(&format!("{kind}.g_loss.total"), total.clone().into_data(), &mut fixture);
        let computed = total.backward();
        assert!(gradients(discriminator, &computed, "d").is_empty());
        let found = gradients(generator, &computed, "g");
        compare_gradients::<B>(kind, "g", found, &config, &mut fixture);
        if source == StyleSource::Latent {
            let found = gradients(mapping, &computed, "f");
            compare_gradients::<B>(kind, "f", found, &config, &mut fixture);
            let found = gradients(encoder, &computed, "e");
            compare_gradients::<B>(kind, "e", found, &config, &mut fixture);
        }
    }
}

/// Whether norms take the parameter's effect away, so that its gradient is rounding in PyTorch and
/// there is none here.
fn is_normed_away(path: &str) -> bool {
    let bias = ["conv1.bias", "conv2.bias", "from_rgb.bias"];
    path.starts_with("g.") && bias.iter().any(|bias| path.ends_with(bias))
}

fn compare_gradients<B: AutodiffBackend>(
    kind: &str,
    letter: &str,
    found: Weights,
    config: &Config,
    fixture: &mut Fixture,
) {
    let (found, expected) = compared(kind, letter, found, config, fixture);
    let (error, worst) = largest_error(&found, &expected);
    println!("v2 {} {kind} {letter}: {error:.1e} ({worst})", backend_name::<B>());
    assert!(error <= TOLERANCE, "{kind} {worst}: {error:e}");
}

/// The gradients of a network that are not zero for a reason, and PyTorch's: what norms take away,
/// and what is of a domain that the batch does not have.
///
/// # Panics
/// When one of those is not zero.
pub(super) fn compared(
    kind: &str,
    letter: &str,
    mut found: Weights,
    config: &Config,
    fixture: &mut Fixture,
) -> (Weights, Weights) {
    let (_, keys) =
        keys(&config.networks()).into_iter().find(|(network, _)| *network == letter).unwrap();
    let mut expected = fixture.parameters(&keys, &format!("{kind}.{letter}_grad."), letter);
    let largest = |data: &TensorData| data.iter::<f64>().fold(0.0, |a: f64, b| a.max(b.abs()));
    let most = expected.values().map(largest).fold(0.0, f64::max);
    expected.retain(|path, data| {
        let zero = is_normed_away(path) || largest(data) == 0.0;
        if zero {
            assert!(largest(data) < 1e-5 * most, "{path} has an effect in PyTorch");
            let found = found.remove(path).map_or(0.0, |data| largest(&data));
            assert_eq!(found, 0.0, "{path} has an effect");
        }
        !zero
    });
    (found, expected)
}

/// Central differences in float64, through all four networks.
#[cfg(feature = "flex")]
mod slopes {
    use burn::backend::{Autodiff, Flex};
    use burn::module::{AutodiffModule, Module};
    use burn::tensor::{FloatDType, Tensor};

    use super::{Networks, batch, open};
    use crate::recipes::stargan_v2::batch::{StyleBatch, StyleSource};
    use crate::recipes::stargan_v2::step::{style_critic_losses, style_generator_losses};
    use crate::tests::gradients::assert_module_slopes;
    use crate::tests::one_at_a_time;
    use crate::tests::penalty::Double;

    type Checked = Autodiff<Flex>;

    /// Sums of thousands of products in float64 round to a hundred millionth, and a difference
    /// divides that by 1e-6.
    const TOLERANCE: f64 = 1e-5;

    fn case() -> (Networks<Checked>, StyleBatch<Flex>) {
        let (config, networks, mut fixture) = open::<Checked>();
        let batch = batch::<Checked>(&mut fixture, config.domains);
        let Networks { generator, mapping, encoder, discriminator } = networks;
        let networks = Networks {
            generator: generator.map(&mut Double),
            mapping: mapping.map(&mut Double),
            encoder: encoder.map(&mut Double),
            discriminator: discriminator.map(&mut Double),
        };
        // One image, since a difference takes two forward passes per value.
        let of_one = |x: Tensor<Flex, 2>| x.narrow(0, 0, 1).cast(FloatDType::F64);
        let image = |x: Tensor<Flex, 4>| x.narrow(0, 0, 1).cast(FloatDType::F64);
        let StyleBatch { real, source, target, references, latents } = batch;
        let batch = StyleBatch {
            real: image(real),
            source: of_one(source),
            target: of_one(target),
            references: references.map(image),
            latents: latents.map(of_one),
        };
        (networks, batch)
    }

    #[test]
    fn r1_has_its_slopes() {
        let _turn = one_at_a_time();
        let (networks, batch) = case();
        let paths = [
            "trunk.first.weight",
            "trunk.blocks.0.conv1.weight",
            "trunk.blocks.0.conv1x1.weight",
            "trunk.last.weight",
            "logits.weight",
        ];
        assert_module_slopes("R1", &networks.discriminator, &paths, TOLERANCE, |module| {
            style_critic_losses(module, batch.real.clone(), &batch).penalty
        });
    }

    #[test]
    fn the_losses_have_their_slopes_in_every_network() {
        let _turn = one_at_a_time();
        let (Networks { generator, mapping, encoder, discriminator }, batch) = case();
        let (plain_mapping, plain_encoder) = (mapping.valid(), encoder.valid());
        let second = batch.style(1, StyleSource::Latent, &plain_mapping, &plain_encoder);
        let weights = super::StyleLossWeights::default();
        let first = || Tensor::from_inner(batch.tracked_style(&mapping).inner());
        let paths = [
            "from_rgb.weight",
            "encode.0.conv1.weight",
            "decode.0.norm1.fc.weight",
            "decode.2.conv1.weight",
            "to_rgb.conv.bias",
        ];
        // The second image is a constant in the loss, so it is no part of these slopes.
        let without = super::StyleLossWeights { diversity: 0.0, ..weights.clone() };
        assert_module_slopes("G", &generator, &paths, TOLERANCE, |module| {
            style_generator_losses(
                module,
                &encoder,
                &discriminator,
                first(),
                second.clone(),
                &batch,
            )
            .total(&without)
        });
        let paths = ["shared.first.weight", "shared.blocks.1.conv1.bias"];
        assert_module_slopes("E", &encoder, &paths, TOLERANCE, |module| {
            style_generator_losses(
                &generator,
                module,
                &discriminator,
                first(),
                second.clone(),
                &batch,
            )
            .total(&weights)
        });
        assert_module_slopes("F", &mapping, &["shared.0.weight"], TOLERANCE, |module| {
            let first = batch.tracked_style(module);
            style_generator_losses(
                &generator,
                &encoder,
                &discriminator,
                first,
                second.clone(),
                &batch,
            )
            .total(&weights)
        });
    }
}
