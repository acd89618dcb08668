//! The public PyTorch code's parameter names: which of ours each of them is.
//!
//! The tables are computed from a configuration, since the public names are positions in one
//! sequence of layers, and serve both directions.

use crate::discriminator::DiscriminatorConfig;
use crate::generator::GeneratorConfig;
use crate::weights::Weights;

/// The names of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// In our module, such as `blocks.0.first.norm.bias`.
    pub path: String,
    /// In the public code's `state_dict`, such as `main.9.main.1.bias`.
    pub public: String,
}

/// Pairs up one layer's parameters.
fn layer(keys: &mut Vec<Key>, path: &str, public: &str, parameters: &[&str]) {
    keys.extend(parameters.iter().map(|parameter| Key {
        path: format!("{path}.{parameter}"),
        public: format!("{public}.{parameter}"),
    }));
}

const CONVOLUTION: &[&str] = &["weight"];
const AFFINE: &[&str] = &["weight", "bias"];

/// The generator's parameters, in visiting order.
///
/// The public generator is one sequence, `main`: a convolution, a norm and a ReLU each for the stem
/// and every halving, one entry per residual block, three per doubling, the head.
pub(crate) fn generator_keys(config: &GeneratorConfig) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut next = 0;
    let conv_norm = |keys: &mut Vec<Key>, path: String, public: &str, first: usize| {
        layer(keys, &format!("{path}.conv"), &format!("{public}.{first}"), CONVOLUTION);
        layer(keys, &format!("{path}.norm"), &format!("{public}.{}", first + 1), AFFINE);
    };
    let mut outer = |keys: &mut Vec<Key>, path: String| {
        conv_norm(keys, path, "main", next);
        next += 3;
    };
    outer(&mut keys, "stem".to_owned());
    (0..config.downsamplings).for_each(|i| outer(&mut keys, format!("down.{i}")));
    for i in 0..config.residual_blocks {
        let block = format!("main.{next}.main");
        conv_norm(&mut keys, format!("blocks.{i}.first"), &block, 0);
        conv_norm(&mut keys, format!("blocks.{i}.second"), &block, 3);
        next += 1;
    }
    for i in 0..config.downsamplings {
        conv_norm(&mut keys, format!("up.{i}"), "main", next);
        next += 3;
    }
    layer(&mut keys, "head", &format!("main.{next}"), CONVOLUTION);
    keys
}

/// The discriminator's parameters, in visiting order: the trunk is `main` with a LeakyReLU after every
/// convolution, the heads are `conv1` and `conv2`.
pub(crate) fn discriminator_keys(config: &DiscriminatorConfig) -> Vec<Key> {
    let mut keys = Vec::new();
    for i in 0..config.downsamplings {
        layer(&mut keys, &format!("trunk.{i}"), &format!("main.{}", 2 * i), AFFINE);
    }
    layer(&mut keys, "realness", "conv1", CONVOLUTION);
    layer(&mut keys, "domain", "conv2", CONVOLUTION);
    keys
}

/// Takes the parameters of `keys` out of `public`, where they are named `public_prefix` and their
/// public name, and names them `prefix.` and our path.
///
/// # Errors
/// The first that is missing, by its public name.
pub(crate) fn import(
    keys: &[Key],
    public: &mut Weights,
    public_prefix: &str,
    prefix: &str,
) -> Result<Weights, String> {
    keys.iter()
        .map(|key| {
            let name = format!("{public_prefix}{}", key.public);
            let data = public.remove(&name).ok_or_else(|| format!("{name} is missing"))?;
            Ok((format!("{prefix}.{}", key.path), data))
        })
        .collect()
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
    use crate::random::{Purpose, stream};
    use crate::weights;

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

    #[test]
    fn every_parameter_has_one_key_whatever_the_depth() {
        for (downsamplings, blocks) in [(0, 0), (1, 3), (3, 1)] {
            let config = GeneratorConfig::new(2)
                .with_base_channels(1)
                .with_downsamplings(downsamplings)
                .with_residual_blocks(blocks);
            let mut rng = stream(0, Purpose::Generator, 0, 0);
            let generator = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
            let paths: Vec<String> =
                weights::paths(&generator).into_iter().map(|(path, _)| path).collect();
            let keys = generator_keys(&config);
            assert_eq!(keys.iter().map(|key| key.path.clone()).collect::<Vec<_>>(), paths);

            let weights = weights::collect(&generator, "g");
            let mut public = export(&keys, weights.clone(), "g", "").unwrap();
            assert_eq!(public.len(), weights.len(), "no two share a public name");
            assert_eq!(import(&keys, &mut public, "", "g").unwrap(), weights);
            assert!(public.is_empty());
        }
        for downsamplings in [1, 4] {
            let config = DiscriminatorConfig::new(16, 2)
                .with_base_channels(1)
                .with_downsamplings(downsamplings);
            let mut rng = stream(0, Purpose::Discriminator, 0, 0);
            let discriminator = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
            let paths: Vec<String> =
                weights::paths(&discriminator).into_iter().map(|(path, _)| path).collect();
            let keys = discriminator_keys(&config);
            assert_eq!(keys.iter().map(|key| key.path.clone()).collect::<Vec<_>>(), paths);
        }
    }

    #[test]
    fn a_missing_parameter_is_named() {
        let keys = discriminator_keys(&DiscriminatorConfig::new(16, 2).with_downsamplings(1));
        let error = import(&keys, &mut Weights::new(), "d.", "discriminator").unwrap_err();
        assert_eq!(error, "d.main.0.weight is missing");
        let error = export(&keys, Weights::new(), "discriminator", "").unwrap_err();
        assert_eq!(error, "discriminator.trunk.0.weight is missing");
    }
}
