//! StarGAN v2's generator, mapping network and style encoder as the bytes of ONNX files.

use crate::data::transform::Transform;
use crate::error::Result;
use crate::files::onnx::graph::{Builder, STYLE, TRANSLATED};
use crate::files::onnx::message::{Attribute, Entry, Value};
use crate::files::onnx::model::{
    IMAGE, IMAGE_IS, any_images, check_size, encode, entry, images, labels, model_images, rows,
};
use crate::labels::spaces::LabelSpaces;
use crate::nn::architecture::{Architecture, Sequence};
use crate::nn::style::config::StyleConfig;
use crate::nn::weights::Weights;

const LATENT: &str = "latent";
const DOMAIN: &str = "domain";

/// The file of the generator with these `weights`, named `generator.` and their path. What it makes
/// is in `[-1, 1]`, as a [`StyleTranslator`](crate::StyleTranslator)'s images are.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) when it is larger than such a file may be.
///
/// # Panics
/// When the weights are those of another network, here and below.
pub(crate) fn generator(
    config: &StyleConfig,
    weights: Weights,
    transform: Transform,
    spaces: &LabelSpaces,
) -> Result<Vec<u8>> {
    check_size("generator", config.generator_params())?;
    let mut graph = Builder::new(weights, "generator", IMAGE);
    let made = graph.sequence(&config.generator().trunk, "", IMAGE.to_owned());
    let least = graph.floats("least", &[], [-1.0]);
    let most = graph.floats("most", &[], [1.0]);
    graph.node("Clip", TRANSLATED, [&made, &least, &most], Vec::new());
    let channels = config.image_channels;
    let input = vec![
        Value::floats(IMAGE, any_images(channels), IMAGE_IS),
        Value::floats(STYLE, rows(config.style_width), "The style of each image"),
    ];
    let same = "The images in the styles, in [-1, 1]";
    let output = vec![Value::floats(TRANSLATED, any_images(channels), same)];
    let mut metadata = images(transform);
    metadata.push(entry("divisor", &config.divisor()));
    metadata.extend(of_domains(spaces));
    encode(graph.finish("generator", input, output), metadata)
}

/// The file of the mapping network with these `weights`, named `mapping.` and their path.
///
/// # Errors
/// As [`generator`].
pub(crate) fn mapping(
    config: &StyleConfig,
    weights: Weights,
    spaces: &LabelSpaces,
) -> Result<Vec<u8>> {
    check_size("mapping network", config.mapping_params())?;
    let mut graph = Builder::new(weights, "mapping", LATENT);
    let Architecture { trunk, heads } = config.mapping();
    let shared = graph.sequence(&trunk, "", LATENT.to_owned());
    own_style(&mut graph, &heads, &shared);
    let noise = "Independent standard normal numbers";
    let input = vec![Value::floats(LATENT, rows(config.latent_width), noise), domain(config)];
    let graph = graph.finish("mapping network", input, vec![style(config)]);
    encode(graph, of_domains(spaces).into())
}

/// The file of the style encoder with these `weights`, named `encoder.` and their path.
///
/// # Errors
/// As [`generator`].
pub(crate) fn encoder(
    config: &StyleConfig,
    weights: Weights,
    transform: Transform,
    spaces: &LabelSpaces,
) -> Result<Vec<u8>> {
    check_size("style encoder", config.encoder_params())?;
    let mut graph = Builder::new(weights, "encoder", IMAGE);
    let Architecture { trunk, heads } = config.encoder();
    let features = graph.sequence(&trunk, "", IMAGE.to_owned());
    let axis = vec![Attribute::int("axis", 1)];
    let features = graph.node("Flatten", "features", [&features], axis);
    own_style(&mut graph, &heads, &features);
    let shape = model_images(config.image_channels, config.size());
    let input = vec![Value::floats(IMAGE, shape, IMAGE_IS), domain(config)];
    let graph = graph.finish("style encoder", input, vec![style(config)]);
    let mut metadata = images(transform);
    metadata.extend(of_domains(spaces));
    encode(graph, metadata)
}

/// Every image's style of those that the heads make of `x`, one per domain.
fn own_style(graph: &mut Builder, heads: &[Sequence], x: &str) {
    let styles: Vec<_> = heads.iter().map(|head| graph.sequence(head, "", x.to_owned())).collect();
    graph.of_domain(STYLE, DOMAIN, &styles);
}

fn domain(config: &StyleConfig) -> Value {
    let which = "1 at the place of each image's domain in the metadata's labels, else 0";
    Value::floats(DOMAIN, rows(config.domains), which)
}

fn style(config: &StyleConfig) -> Value {
    Value::floats(STYLE, rows(config.style_width), "What the generator takes as style")
}

fn of_domains(spaces: &LabelSpaces) -> [Entry; 2] {
    labels(spaces, spaces.label_names())
}
