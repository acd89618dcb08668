//! The public PyTorch code's parameter names: which of ours each of them is, and its shape.
//!
//! The tables are computed from a configuration, since the public names are positions in one
//! sequence of layers, and serve both directions.

use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::weights::Weights;

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// In our module, such as `blocks.0.first.norm.bias`.
    pub path: String,
    /// In the public code's `state_dict`, such as `main.9.main.1.bias`.
    pub public: String,
    /// The same in both.
    pub shape: Vec<usize>,
}

/// A network's parameters as they are listed.
#[derive(Default)]
struct Keys(Vec<Key>);

impl Keys {
    fn add(&mut self, path: &str, public: &str, parameter: &str, shape: &[usize]) {
        self.0.push(Key {
            path: format!("{path}.{parameter}"),
            public: format!("{public}.{parameter}"),
            shape: shape.to_vec(),
        });
    }

    /// A convolution without bias, `[outputs, inputs, kernel, kernel]` or, transposed, inputs first; then a norm.
    fn conv_norm(
        &mut self,
        path: &str,
        [conv, norm]: [&str; 2],
        weight: [usize; 4],
        channels: usize,
    ) {
        self.add(&format!("{path}.conv"), conv, "weight", &weight);
        for parameter in ["weight", "bias"] {
            self.add(&format!("{path}.norm"), norm, parameter, &[channels]);
        }
    }
}

/// The generator's parameters, in visiting order.
///
/// The public generator is one sequence, `main`: a convolution, a norm and a ReLU each for the stem
/// and every halving, one entry per residual block, three per doubling, the head.
pub(crate) fn generator_keys(config: &GeneratorConfig) -> Vec<Key> {
    let mut keys = Keys::default();
    let mut next = 0;
    let mut outer = |keys: &mut Keys, path: String, weight, channels| {
        let public = [format!("main.{next}"), format!("main.{}", next + 1)];
        keys.conv_norm(&path, public.each_ref().map(String::as_str), weight, channels);
        next += 3;
        next
    };
    let width = |level: usize| config.base_channels << level;
    let inputs = config.image_channels + config.condition_width;
    let mut place = outer(&mut keys, "stem".to_owned(), [width(0), inputs, 7, 7], width(0));
    for i in 0..config.downsamplings {
        let weight = [width(i + 1), width(i), 4, 4];
        place = outer(&mut keys, format!("down.{i}"), weight, width(i + 1));
    }
    let channels = width(config.downsamplings);
    for i in 0..config.residual_blocks {
        for (part, conv) in [("first", 0), ("second", 3)] {
            let public = [conv, conv + 1].map(|layer| format!("main.{place}.main.{layer}"));
            let public = public.each_ref().map(String::as_str);
            let weight = [channels, channels, 3, 3];
            keys.conv_norm(&format!("blocks.{i}.{part}"), public, weight, channels);
        }
        place += 1;
    }
    for i in 0..config.downsamplings {
        let level = config.downsamplings - i;
        let public = [format!("main.{place}"), format!("main.{}", place + 1)];
        let public = public.each_ref().map(String::as_str);
        let weight = [width(level), width(level - 1), 4, 4];
        keys.conv_norm(&format!("up.{i}"), public, weight, width(level - 1));
        place += 3;
    }
    let weight = [config.image_channels, width(0), 7, 7];
    keys.add("head", &format!("main.{place}"), "weight", &weight);
    keys.0
}

/// The discriminator's parameters, in visiting order: the trunk is `main` with a LeakyReLU after every
/// convolution, the heads are `conv1` and `conv2`.
pub(crate) fn discriminator_keys(config: &DiscriminatorConfig) -> Vec<Key> {
    let mut keys = Keys::default();
    let width = |level: usize| match level {
        0 => config.image_channels,
        level => config.base_channels << (level - 1),
    };
    for i in 0..config.downsamplings {
        let (path, public) = (format!("trunk.{i}"), format!("main.{}", 2 * i));
        keys.add(&path, &public, "weight", &[width(i + 1), width(i), 4, 4]);
        keys.add(&path, &public, "bias", &[width(i + 1)]);
    }
    let features = width(config.downsamplings);
    let patches = config.image_size >> config.downsamplings;
    keys.add("realness", "conv1", "weight", &[1, features, 3, 3]);
    if config.label_width > 0 {
        let weight = [config.label_width, features, patches, patches];
        keys.add("domain", "conv2", "weight", &weight);
    }
    keys.0
}

/// Takes the parameters of `keys` out of `public`, where they are named `public_prefix` and their
/// public name, and names them `prefix.` and our path.
///
/// # Errors
/// Every one that is missing or has another shape, by its public name.
pub(crate) fn import(
    keys: &[Key],
    public: &mut Weights,
    public_prefix: &str,
    prefix: &str,
) -> Result<Weights, String> {
    let mut weights = Weights::new();
    let mut problems = Vec::new();
    for key in keys {
        let name = format!("{public_prefix}{}", key.public);
        match public.remove(&name) {
            None => problems.push(format!("{name} {:?} is missing", key.shape)),
            Some(data) if data.shape.as_slice() != key.shape => problems.push(format!(
                "{name}: expected shape {:?}, found {:?}",
                key.shape,
                data.shape.as_slice()
            )),
            Some(data) => drop(weights.insert(format!("{prefix}.{}", key.path), data)),
        }
    }
    if problems.is_empty() { Ok(weights) } else { Err(problems.join("; ")) }
}

/// Names the parameters `prefix.` and our path as the public code does; the inverse of [`import`].
///
/// # Errors
/// The first that is missing, by our name.
pub(crate) fn export(
    keys: &[Key],
    mut weights: Weights,
    prefix: &str,
    public_prefix: &str,
) -> Result<Weights, String> {
    keys.iter()
        .map(|key| {
            let name = format!("{prefix}.{}", key.path);
            let data = weights.remove(&name).ok_or_else(|| format!("{name} is missing"))?;
            Ok((format!("{public_prefix}{}", key.public), data))
        })
        .collect()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;

    use super::*;
    use crate::nn::weights;
    use crate::random::{Purpose, stream};

    /// The published layer numbers (of the checkpoints `200000-G.ckpt` and `200000-D.ckpt`).
    #[test]
    fn the_papers_networks_have_the_published_keys() {
        let keys = generator_keys(&GeneratorConfig::new(5));
        let public = |path: &str| {
            keys.iter().find(|key| key.path == path).map(|key| key.public.as_str()).unwrap()
        };
        for (path, expected) in [
            ("stem.conv.weight", "main.0.weight"),
            ("stem.norm.bias", "main.1.bias"),
            ("down.0.conv.weight", "main.3.weight"),
            ("down.1.norm.weight", "main.7.weight"),
            ("blocks.0.first.conv.weight", "main.9.main.0.weight"),
            ("blocks.0.first.norm.bias", "main.9.main.1.bias"),
            ("blocks.5.second.conv.weight", "main.14.main.3.weight"),
            ("blocks.5.second.norm.weight", "main.14.main.4.weight"),
            ("up.0.conv.weight", "main.15.weight"),
            ("up.1.norm.bias", "main.19.bias"),
            ("head.weight", "main.21.weight"),
        ] {
            assert_eq!(public(path), expected, "{path}");
        }
        let keys = discriminator_keys(&DiscriminatorConfig::new(128, 5));
        let public: Vec<&str> = keys.iter().map(|key| key.public.as_str()).collect();
        assert_eq!(public[..2], ["main.0.weight", "main.0.bias"]);
        assert_eq!(
            public[10..],
            ["main.10.weight", "main.10.bias", "conv1.weight", "conv2.weight"]
        );
    }

    fn listed(keys: &[Key]) -> Vec<(String, Vec<usize>)> {
        keys.iter().map(|key| (key.path.clone(), key.shape.clone())).collect()
    }

    #[test]
    fn every_parameter_has_one_key_whatever_the_depth() {
        for (downsamplings, blocks) in [(0, 0), (1, 3), (3, 1)] {
            let config = GeneratorConfig::new(2)
                .with_base_channels(1)
                .with_downsamplings(downsamplings)
                .with_residual_blocks(blocks);
            let mut rng = stream(0, Purpose::Generator, 0, 0);
            let generator = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
            let keys = generator_keys(&config);
            assert_eq!(listed(&keys), weights::paths(&generator));

            let weights = weights::collect(&generator, "g");
            let mut public = export(&keys, weights.clone(), "g", "").unwrap();
            assert_eq!(public.len(), weights.len(), "no two share a public name");
            assert_eq!(import(&keys, &mut public, "", "g").unwrap(), weights);
            assert!(public.is_empty());
        }
        for (downsamplings, labels) in [(1, 2), (4, 2), (2, 0)] {
            let config = DiscriminatorConfig::new(16, labels)
                .with_base_channels(1)
                .with_downsamplings(downsamplings);
            let mut rng = stream(0, Purpose::Discriminator, 0, 0);
            let discriminator = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
            let keys = discriminator_keys(&config);
            assert_eq!(listed(&keys), weights::paths(&discriminator));
        }
    }

    #[test]
    fn a_missing_parameter_is_named() {
        let keys = discriminator_keys(&DiscriminatorConfig::new(16, 2).with_downsamplings(1));
        let mut public = Weights::from([("d.main.0.bias".to_owned(), [1.0_f32].into())]);
        let error = import(&keys, &mut public, "d.", "discriminator").unwrap_err();
        let expected = "d.main.0.weight [64, 3, 4, 4] is missing; \
                        d.main.0.bias: expected shape [64], found [1]; d.conv1.weight";
        assert!(error.starts_with(expected), "{error}");
        let error = export(&keys, Weights::new(), "discriminator", "").unwrap_err();
        assert_eq!(error, "discriminator.trunk.0.weight is missing");
    }
}
