//! The architecture of a public network, told from the shapes in its `state_dict`.

use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::weights::Weights;

/// The four sides of a convolution's weight.
///
/// # Errors
/// When it is missing, or no such weight.
fn sides(weights: &Weights, key: &str) -> Result<[usize; 4], String> {
    let data = weights.get(key).ok_or_else(|| format!("{key} is missing"))?;
    let shape = data.shape.as_slice();
    match shape {
        &[a, b, c, d] if a.min(b).min(c).min(d) > 0 => Ok([a, b, c, d]),
        _ => Err(format!("{key}: expected a convolution's weight of four sides, found {shape:?}")),
    }
}

/// The generator whose stem, halvings and residual blocks `weights` have.
///
/// # Errors
/// When the stem is missing or none; what else does not fit shows when the weights are taken.
pub(super) fn generator(weights: &Weights) -> Result<GeneratorConfig, String> {
    const IMAGE_CHANNELS: usize = 3;
    let [base, inputs, ..] = sides(weights, "main.0.weight")?;
    let condition = inputs.checked_sub(IMAGE_CHANNELS).filter(|width| *width > 0).ok_or_else(|| {
        format!(
            "main.0.weight: expected the input channels of a generator, {IMAGE_CHANNELS} of the image and one \
             per label, found {inputs}; is it the discriminator's file?"
        )
    })?;
    // Every halving doubles the channels; the first doubling back does not, nor does the head.
    let is_halving = |level: &usize| {
        let width = base << level;
        sides(weights, &format!("main.{}.weight", 3 + 3 * level)) == Ok([2 * width, width, 4, 4])
    };
    // More would be wider than any machine, which the check of the configuration says.
    let downsamplings = (0..16).take_while(is_halving).count();
    let place = 3 + 3 * downsamplings;
    let blocks = (place..).take_while(|i| weights.contains_key(&format!("main.{i}.main.0.weight")));
    Ok(GeneratorConfig::new(condition)
        .with_base_channels(base)
        .with_downsamplings(downsamplings)
        .with_residual_blocks(blocks.count()))
}

/// The discriminator whose trunk and domain head `weights` have.
///
/// # Errors
/// When one of them is missing or none.
pub(super) fn discriminator(weights: &Weights) -> Result<DiscriminatorConfig, String> {
    let [base, channels, ..] = sides(weights, "main.0.weight")?;
    let [labels, _, patches, _] = sides(weights, "conv2.weight")
        .map_err(|error| format!("{error}; is it the generator's file?"))?;
    let trunk =
        (0..).take_while(|i| weights.contains_key(&format!("main.{}.weight", 2 * i))).count();
    let image_size = u32::try_from(trunk).ok().and_then(|shift| patches.checked_shl(shift));
    let image_size = image_size.filter(|size| size >> trunk == patches).ok_or_else(|| {
        format!("conv2.weight: {patches} patches after {trunk} halvings would be an image beyond any machine")
    })?;
    Ok(DiscriminatorConfig::new(image_size, labels)
        .with_image_channels(channels)
        .with_base_channels(base)
        .with_downsamplings(trunk))
}
