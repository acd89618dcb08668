//! Infers the architecture of a public network from the shapes in its `state_dict`.
//!
//! The first and the last weights have the numbers of channels. The numbers of layers are found by
//! comparison with the tables of networks that have more and more of them.

use crate::data::size::ImageSize;
use crate::files::pytorch::keys::{Key, keys};
use crate::nn::architecture::Architecture;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::head::Head;
use crate::nn::limits::{MOST_HALVINGS, doubled};
use crate::nn::weights::Weights;

/// The key of the parameter at `path`.
fn key(architecture: &Architecture, path: &str) -> Key {
    keys(architecture).find(|key| key.path == path).expect("a parameter of the table")
}

/// The sides of the weight with the `public` name: four of a convolution's, two of a linear
/// layer's.
///
/// # Errors
/// When it is missing or has another number of sides, or one is 0.
pub(super) fn sides<const N: usize>(weights: &Weights, public: &str) -> Result<[usize; N], String> {
    let data = weights.get(public).ok_or_else(|| format!("{public} is missing"))?;
    let shape = data.shape.as_slice();
    <[usize; N]>::try_from(shape)
        .ok()
        .filter(|sides| !sides.contains(&0))
        .ok_or_else(|| format!("{public}: expected a weight of {N} sides, found {shape:?}"))
}

/// The generator whose stem, halvings, residual blocks and head `weights` have. What kind of `head`
/// they don't say: one more output is a mask's, or that of another channel.
///
/// # Errors
/// When the stem is missing or is no convolution. Whether the rest fits is checked when the weights
/// are taken.
pub(super) fn generator(weights: &Weights, head: Head) -> Result<GeneratorConfig, String> {
    let config = GeneratorConfig::new(0).with_head(head);
    let stem = key(&config.architecture(), "stem.conv.weight");
    let [base, inputs, _, _] = sides(weights, &stem.public)?;
    let config = config.with_base_channels(base);

    // Where there is no further halving, a weight of another shape is in its place.
    let has_halving = |level: &usize| {
        let deeper = config.clone().with_downsamplings(level + 1).architecture();
        let halving = key(&deeper, &format!("down.{level}.conv.weight"));
        weights.get(&halving.public).is_some_and(|data| data.shape.as_slice() == halving.shape)
    };
    let downsamplings = (0..MOST_HALVINGS).take_while(has_halving).count();

    let config = config.with_downsamplings(downsamplings);
    let longest = config.clone().with_residual_blocks(weights.len()).architecture();
    let is_block =
        |key: &Key| key.path.starts_with("blocks.") && key.path.ends_with(".first.conv.weight");
    let blocks = keys(&longest).filter(is_block);
    let blocks = blocks.take_while(|key| weights.contains_key(&key.public)).count();
    let config = config.with_residual_blocks(blocks);

    // Without a head, which is found missing later, it is taken for one of RGB.
    let last = key(&config.architecture(), "head.weight");
    let channels = match sides::<4>(weights, &last.public) {
        Err(_) => config.image_channels,
        Ok([outputs, ..]) if outputs > head.outputs(0) => outputs - head.outputs(0),
        Ok(_) => {
            return Err(format!(
                "{} has one output, which with a mask leaves none for an image: its head is plain",
                last.public
            ));
        }
    };
    let condition = inputs.checked_sub(channels).filter(|width| *width > 0).ok_or_else(|| {
        format!(
            "{}: expected the input channels of a generator, {channels} of the image and one per \
             label, found {inputs}; is it the discriminator's file?",
            stem.public
        )
    })?;
    Ok(config.with_image_channels(channels).with_condition_width(condition))
}

/// The discriminator whose trunk and domain head `weights` have.
///
/// # Errors
/// When one of them is missing or is no convolution.
pub(super) fn discriminator(weights: &Weights) -> Result<DiscriminatorConfig, String> {
    let deepest = DiscriminatorConfig::new(1, 1).with_downsamplings(MOST_HALVINGS).architecture();
    let [base, channels, _, _] = sides(weights, &key(&deepest, "trunk.0.weight").public)?;
    let [labels, _, rows, columns] = sides(weights, &key(&deepest, "domain.weight").public)
        .map_err(|error| format!("{error}; is it the generator's file?"))?;
    let trunk = keys(&deepest)
        .filter(|key| key.path.starts_with("trunk.") && key.path.ends_with(".weight"));
    let trunk = trunk.take_while(|key| weights.contains_key(&key.public)).count();
    let [height, width] = [rows, columns].map(|patches| doubled(patches, trunk));
    Ok(DiscriminatorConfig::new(ImageSize::new(width, height), labels)
        .with_image_channels(channels)
        .with_base_channels(base)
        .with_downsamplings(trunk))
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn a_trunk_beyond_any_machine_is_described_without_being_built() {
        let zeros = |name: String, shape: [usize; 4]| (name, TensorData::zeros::<f32, _>(shape));
        let trunk = (0..40).map(|i| zeros(format!("main.{}.weight", 2 * i), [1, 1, 4, 4]));
        let head = zeros("conv2.weight".to_owned(), [2, 1, 2, 2]);
        let config = discriminator(&trunk.chain([head]).collect()).unwrap();
        assert_eq!(config.downsamplings, MOST_HALVINGS);
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("more than 65536 channels wide (1 doubled 30 times)"), "{error}");
    }
}
