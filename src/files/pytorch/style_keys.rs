//! The parameter names of StarGAN v2's public files: which of ours each of them is, and its shape.

use crate::files::pytorch::keys::{Key, of_layer};
use crate::nn::architecture::{Architecture, Layer, Sequence};
use crate::nn::style::config::StyleConfig;

/// What the networks of a public file are called there.
pub(crate) const NETWORKS: [&str; 3] = ["generator", "mapping_network", "style_encoder"];

/// What they are called in our files.
pub(crate) const OURS: [&str; 3] = ["generator", "mapping", "encoder"];

/// The parameters of each of [`NETWORKS`].
pub(super) fn networks(config: &StyleConfig) -> [Vec<Key>; 3] {
    [generator_keys(config), mapping_keys(config), encoder_keys(config)]
}

/// The generator's parameters, in visiting order. The public names are ours but for the last
/// layers, which are a sequence there.
pub(crate) fn generator_keys(config: &StyleConfig) -> Vec<Key> {
    let public = |layer: &Layer| match layer.path.as_str() {
        "to_rgb.norm" => "to_rgb.0".to_owned(),
        "to_rgb.conv" => "to_rgb.2".to_owned(),
        other => other.to_owned(),
    };
    let trunk = config.generator().trunk;
    trunk
        .layers()
        .iter()
        .flat_map(|layer| of_layer(&layer.path, &public(layer), &layer.operation))
        .collect()
}

/// The mapping network's parameters, in visiting order.
pub(crate) fn mapping_keys(config: &StyleConfig) -> Vec<Key> {
    let Architecture { trunk, heads } = config.mapping();
    let heads = heads.iter().enumerate();
    let heads = heads.flat_map(|(domain, head)| by_place(head, &format!("unshared.{domain}")));
    by_place(&trunk, "shared").into_iter().chain(heads).collect()
}

/// The style encoder's parameters, in visiting order.
pub(crate) fn encoder_keys(config: &StyleConfig) -> Vec<Key> {
    let Architecture { trunk, heads } = config.encoder();
    let heads = heads.iter().flat_map(Sequence::layers);
    let heads = heads.flat_map(|layer| of_layer(&layer.path, &layer.path, &layer.operation));
    by_place(&trunk, "shared").into_iter().chain(heads).collect()
}

/// The discriminator's parameters, in visiting order. No public file that is read has them.
#[cfg(test)]
pub(crate) fn discriminator_keys(config: &StyleConfig) -> Vec<Key> {
    by_place(&config.discriminator().trunk, "main")
}

/// The parameters of a sequence, which is one in the public code too: a layer has its place there.
fn by_place(sequence: &Sequence, public: &str) -> Vec<Key> {
    let layers = sequence.layers().iter().enumerate();
    let keys = |(place, layer): (usize, &Layer)| {
        of_layer(&layer.path, &format!("{public}.{place}"), &layer.operation)
    };
    layers.flat_map(keys).collect()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;

    use super::*;
    use crate::nn::weights::{self, Weights};
    use crate::random::{Purpose, stream};

    fn listed(keys: &[Key]) -> Vec<(String, Vec<usize>)> {
        keys.iter().map(|key| (key.path.clone(), key.shape.clone())).collect()
    }

    /// Of the same networks written in PyTorch (`tests/fixtures/stargan_v2.py`).
    #[test]
    fn the_papers_networks_have_pytorchs_parameter_counts() {
        let config = StyleConfig::new(256, 2);
        assert_eq!(config.generator_params(), 33_892_995);
        assert_eq!(config.mapping_params(), 2_438_272);
        assert_eq!(config.encoder_params(), 20_916_928);
        assert_eq!(config.discriminator_params(), 20_852_290);
    }

    #[test]
    fn every_parameter_has_one_key_and_is_counted() {
        let device = Default::default();
        for size in [16, 32, 64] {
            let config = StyleConfig::new(size, 3).with_channels(2, 6).with_mapping(3, 5);
            let config = config.with_style_width(4);
            let rng = &mut stream(0, Purpose::Generator, 0, 0);
            let generator = config.init_generator::<Flex>(rng, &device).unwrap();
            let mapping = config.init_mapping::<Flex>(rng, &device).unwrap();
            let encoder = config.init_encoder::<Flex>(rng, &device).unwrap();
            let discriminator = config.init_discriminator::<Flex>(rng, &device).unwrap();
            let networks: [(Vec<Key>, Vec<_>, Weights, u64); 4] = [
                (
                    generator_keys(&config),
                    weights::paths(&generator),
                    weights::collect(&generator, "x"),
                    config.generator_params(),
                ),
                (
                    mapping_keys(&config),
                    weights::paths(&mapping),
                    weights::collect(&mapping, "x"),
                    config.mapping_params(),
                ),
                (
                    encoder_keys(&config),
                    weights::paths(&encoder),
                    weights::collect(&encoder, "x"),
                    config.encoder_params(),
                ),
                (
                    discriminator_keys(&config),
                    weights::paths(&discriminator),
                    weights::collect(&discriminator, "x"),
                    config.discriminator_params(),
                ),
            ];
            for (keys, paths, weights, params) in networks {
                assert_eq!(listed(&keys), paths, "{size}");
                let count: usize = weights.values().map(|data| data.num_elements()).sum();
                assert_eq!(count as u64, params, "{size}");
            }
        }
    }

    #[test]
    fn public_names_are_those_of_the_published_files() {
        let config = StyleConfig::new(256, 2);
        let public = |keys: &[Key], path: &str| {
            keys.iter().find(|key| key.path == path).map(|key| key.public.clone()).unwrap()
        };
        let keys = generator_keys(&config);
        for (path, expected) in [
            ("from_rgb.weight", "from_rgb.weight"),
            ("encode.5.norm2.bias", "encode.5.norm2.bias"),
            ("decode.0.norm1.fc.weight", "decode.0.norm1.fc.weight"),
            ("decode.5.conv1x1.weight", "decode.5.conv1x1.weight"),
            ("to_rgb.norm.weight", "to_rgb.0.weight"),
            ("to_rgb.conv.bias", "to_rgb.2.bias"),
        ] {
            assert_eq!(public(&keys, path), expected);
        }
        let keys = mapping_keys(&config);
        assert_eq!(public(&keys, "shared.3.bias"), "shared.6.bias");
        assert_eq!(public(&keys, "unshared.1.3.weight"), "unshared.1.6.weight");
        let keys = encoder_keys(&config);
        assert_eq!(public(&keys, "shared.blocks.0.conv1x1.weight"), "shared.1.conv1x1.weight");
        assert_eq!(public(&keys, "shared.last.weight"), "shared.8.weight");
        assert_eq!(public(&keys, "unshared.1.bias"), "unshared.1.bias");
        let keys = discriminator_keys(&config);
        assert_eq!(public(&keys, "logits.bias"), "main.10.bias");
    }
}
