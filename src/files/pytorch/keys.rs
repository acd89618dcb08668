//! The public PyTorch code's parameter names: which of ours each of them is, and its shape.
//!
//! Both are read off the network's table, since the public names are places in its sequences, and
//! serve both directions.

use crate::nn::architecture::{Architecture, Layer, Operation, Sequence};
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

/// The parameters of a network, in visiting order.
///
/// In the public code a trunk is one sequence, `main`, in which every layer has a place,
/// activations too; each residual block has one, and is itself a sequence, `main`. The heads are
/// `conv1`, `conv2` and so on.
pub(crate) fn keys(architecture: &Architecture) -> impl Iterator<Item = Key> {
    let heads = architecture.heads.iter().enumerate().flat_map(|(i, head)| {
        let public = format!("conv{}", i + 1);
        let layers = head.layers().iter();
        layers.flat_map(move |layer| of_layer(&layer.path, &public, &layer.operation))
    });
    of_sequence(&architecture.trunk, "", "main").chain(heads)
}

/// The parameters of a sequence whose paths begin with `path` and whose public names with
/// `public.`.
fn of_sequence<'a>(
    sequence: &'a Sequence,
    path: &str,
    public: &str,
) -> Box<dyn Iterator<Item = Key> + 'a> {
    let (path, public) = (path.to_owned(), public.to_owned());
    let mut place = 0;
    Box::new(sequence.layers().iter().flat_map(move |layer| {
        let (path, first) = (format!("{path}{}", layer.path), place);
        let keys: Box<dyn Iterator<Item = Key>> = match &layer.operation {
            Operation::Residual { times, layers } => {
                place += times;
                let public = public.clone();
                Box::new((0..*times).flat_map(move |i| {
                    let public = format!("{public}.{}.main", first + i);
                    of_sequence(layers, &format!("{path}.{i}."), &public)
                }))
            }
            operation => {
                place += 1;
                Box::new(of_layer(&path, &format!("{public}.{first}"), operation).into_iter())
            }
        };
        keys
    }))
}

/// The parameters of a layer; those within a block have the same names in both.
pub(super) fn of_layer(path: &str, public: &str, operation: &Operation) -> Vec<Key> {
    if let Operation::Block { layers, shortcut } = operation {
        let inner = layers.layers().iter().chain(shortcut.layers());
        let within = |inner: &Layer| {
            let [path, public] = [path, public].map(|outer| format!("{outer}.{}", inner.path));
            of_layer(&path, &public, &inner.operation)
        };
        return inner.flat_map(within).collect();
    }
    let parameters = operation.parameters().into_iter();
    parameters
        .map(|(parameter, shape)| Key {
            path: format!("{path}.{parameter}"),
            public: format!("{public}.{parameter}"),
            shape,
        })
        .collect()
}

/// The generator's parameters, in visiting order.
pub(crate) fn generator_keys(config: &GeneratorConfig) -> Vec<Key> {
    keys(&config.architecture()).collect()
}

/// The discriminator's parameters, in visiting order.
pub(crate) fn discriminator_keys(config: &DiscriminatorConfig) -> Vec<Key> {
    keys(&config.architecture()).collect()
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

/// Takes all of `public` as the parameters of networks, of which each has its keys, what stands
/// before them in `public`, and the prefix of our names: see [`import`].
///
/// # Errors
/// Every parameter that is missing or has another shape, and every one that is left.
pub(super) fn import_all<'a>(
    networks: impl IntoIterator<Item = (Vec<Key>, &'a str, &'a str)>,
    mut public: Weights,
) -> Result<Weights, String> {
    let (mut weights, mut problems) = (Weights::new(), Vec::new());
    for (keys, public_prefix, prefix) in networks {
        match import(&keys, &mut public, public_prefix, prefix) {
            Ok(taken) => weights.extend(taken),
            Err(problem) => problems.push(problem),
        }
    }
    if !public.is_empty() {
        let unexpected: Vec<&str> = public.keys().map(String::as_str).collect();
        problems.push(format!("unexpected keys: {}", unexpected.join(", ")));
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
