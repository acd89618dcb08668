//! Models for tests of what is measured, whatever they make of images.

use burn::backend::Flex;

use crate::data::transform::Transform;
use crate::files::model::ModelConfig;
use crate::labels::spaces::LabelSpaces;
use crate::nn::generator::GeneratorConfig;
use crate::random::{Purpose, stream};
use crate::translate::translator::Translator;

/// A small model with the weights that training begins with.
pub(super) fn untrained(spaces: LabelSpaces, transform: Transform) -> Translator<Flex> {
    let device = Default::default();
    let generator = GeneratorConfig::new(spaces.condition_width())
        .with_base_channels(4)
        .with_residual_blocks(0)
        .with_downsamplings(1);
    let network = generator.init(&mut stream(0, Purpose::Generator, 0, 0), &device).unwrap();
    let config = ModelConfig { spaces, transform, generator, discriminator: None };
    Translator::new(config, network, None, device)
}
