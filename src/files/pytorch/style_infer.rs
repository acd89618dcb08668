//! Infers the sizes of StarGAN v2's networks from the shapes in a public file.

use crate::files::pytorch::infer::sides;
use crate::files::pytorch::keys::Key;
use crate::files::pytorch::style_keys::{NETWORKS, networks};
use crate::nn::limits::{MOST_HALVINGS, check_channels};
use crate::nn::style::config::{LAST, StyleConfig};
use crate::nn::weights::Weights;

/// The names in a public file of the parameters of one of its networks, by our paths.
struct Names {
    network: &'static str,
    keys: Vec<Key>,
}

impl Names {
    /// Those of all networks of `config`.
    fn of(config: &StyleConfig) -> [Self; 3] {
        let mut keys = networks(config).into_iter();
        NETWORKS.map(|network| Self { network, keys: keys.next().unwrap_or_default() })
    }

    fn named(&self, key: &Key) -> String {
        format!("{}.{}", self.network, key.public)
    }

    /// The name of the parameter at `path`.
    fn name(&self, path: &str) -> String {
        let mut keys = self.keys.iter();
        self.named(keys.find(|key| key.path == path).expect("a parameter of the table"))
    }

    /// How many blocks below `path` there are, up to the last that is in `weights`.
    fn blocks(&self, weights: &Weights, path: &str) -> usize {
        let is_block =
            |key: &&Key| key.path.starts_with(path) && key.path.ends_with(".conv1.weight");
        let blocks: Vec<&Key> = self.keys.iter().filter(is_block).collect();
        let last = blocks.iter().rposition(|key| weights.contains_key(&self.named(key)));
        last.map_or(0, |last| last + 1)
    }
}

/// The networks that `weights` have, by the names of a public file behind those of its
/// [`NETWORKS`]. The image size is the style encoder's.
///
/// # Errors
/// When what says a size is missing or of another kind, or the generator is one with high-pass
/// skips, which has one halving more than an encoder of its images. Whether the rest fits is
/// checked when the weights are taken.
pub(super) fn config(weights: &Weights) -> Result<StyleConfig, String> {
    // Every other's blocks are among those of the largest images.
    let largest = StyleConfig::new(LAST << MOST_HALVINGS, 1);
    let [generator, mapping, encoder] = Names::of(&largest);
    let [base, channels, _, _] = sides(weights, &generator.name("from_rgb.weight"))?;
    let [mapping_width, latent_width] = sides(weights, &mapping.name("shared.0.weight"))?;
    let first = mapping.name("unshared.0.3.weight");
    let [style_width, _] = sides(weights, &first)?;
    let of_domain = |domain: &usize| {
        let name = first.replace("unshared.0.", &format!("unshared.{domain}."));
        weights.contains_key(&name)
    };
    let domains = (0..).take_while(of_domain).count();
    // Before there are tables of so many: a name in a file costs little.
    check_channels("domains", domains).map_err(|error| error.to_string())?;

    let halvings = encoder.blocks(weights, "shared.blocks.");
    let config = StyleConfig::new(LAST << halvings, domains);
    let [_, _, encoder] = Names::of(&config);
    let [deepest, _, _, _] = sides(weights, &encoder.name("shared.last.weight"))?;
    // The generator halves two times less, and has two blocks that keep the size.
    if generator.blocks(weights, "encode.") == halvings + 1 {
        let size = config.image_size;
        return Err(format!(
            "the generator has one halving more than images of {size} pixels, the style encoder's, \
             have without a high-pass skip (w_hpf above 0, as in the weights for CelebA-HQ), whose \
             masks a network for facial landmarks makes: weights with w_hpf 0 are read, as those \
             for AFHQ are"
        ));
    }
    Ok(config
        .with_channels(base, deepest)
        .with_image_channels(channels)
        .with_style_width(style_width)
        .with_mapping(latent_width, mapping_width))
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    /// Zeros in the place of all parameters of `config`'s networks.
    fn zeros(config: &StyleConfig) -> Weights {
        let zero = |names: &Names, key: &Key| {
            (names.named(key), TensorData::zeros::<f32, _>(key.shape.clone()))
        };
        let of = |names: Names| names.keys.iter().map(|key| zero(&names, key)).collect::<Vec<_>>();
        Names::of(config).into_iter().flat_map(of).collect()
    }

    #[test]
    fn what_networks_are_shows_in_their_shapes() {
        for (size, domains, base, most) in
            [(16, 2, 2, 5), (32, 3, 3, 6), (64, 12, 1, 16), (256, 2, 2, 4), (512, 2, 1, 7)]
        {
            let channels = if size == 64 { 1 } else { 3 };
            let config = StyleConfig::new(size, domains)
                .with_channels(base, most)
                .with_image_channels(channels)
                .with_style_width(4)
                .with_mapping(3, 6);
            assert_eq!(super::config(&zeros(&config)).unwrap(), config);
        }
        // Widths that never reach the most of the configuration are those of the deepest layer.
        let small = StyleConfig::new(16, 2).with_channels(2, 512);
        assert_eq!(super::config(&zeros(&small)).unwrap(), small.with_channels(2, 8));
    }

    #[test]
    fn a_generator_with_one_halving_more_is_one_with_high_pass_skips() {
        let config = |size| StyleConfig::new(size, 2).with_channels(2, 4).with_mapping(3, 6);
        let mut weights = zeros(&config(64));
        let deeper = zeros(&config(128)).into_iter();
        weights.extend(deeper.filter(|(name, _)| name.starts_with("generator.")));
        let error = super::config(&weights).unwrap_err();
        assert!(error.contains("more than images of 64 pixels"), "{error}");
    }
}
