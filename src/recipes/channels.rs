//! The channels of the images that a pair of networks takes.

use crate::data::channels::Channels;
use crate::error::{Error, Result};
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;

/// Those of the generator's images; [`check_channels`] refuses others.
pub(crate) fn channels(generator: &GeneratorConfig) -> Channels {
    Channels::of_count(generator.image_channels).unwrap_or_default()
}

/// Refuses a generator of images that none are, and a discriminator that does not see `images` of
/// its images at once.
///
/// # Errors
/// [`Error::Config`] saying what they take.
pub(crate) fn check_channels(
    generator: &GeneratorConfig,
    discriminator: &DiscriminatorConfig,
    images: usize,
) -> Result<()> {
    let channels = Channels::try_from(generator.image_channels)
        .map_err(|error| Error::Config(format!("the generator's image_channels: {error}")))?;
    let (found, expected) = (discriminator.image_channels, images * channels.count());
    if found == expected {
        return Ok(());
    }
    Err(Error::Config(format!(
        "the discriminator's image_channels are {found}, the generator's images need {expected}"
    )))
}
