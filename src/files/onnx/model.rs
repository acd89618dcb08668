//! A generator, and a discriminator's domain head, as the bytes of an ONNX file.

use prost::Message;
use serde::Serialize;
use serde_json::json;

use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::files::onnx::graph::{Builder, MASK, TRANSLATED};
use crate::files::onnx::message::{Attribute, Dimension, Entry, Graph, Model, OperatorSet, Value};
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::head::Head;
use crate::nn::weights::Weights;

/// The version of ONNX's operators, which runtimes of 2022 and later know; what is used here needs
/// 16.
pub(crate) const OPERATORS: i64 = 17;

/// The version of the format that came with [`OPERATORS`].
const FORMAT: i64 = 8;

/// The most bytes of a protobuf message.
const MOST_BYTES: u64 = i32::MAX as u64;

/// What of a file is not its weights: nodes, names and metadata, of any but absurd networks.
const OTHER_BYTES: u64 = 16 << 20;

pub(super) const IMAGE: &str = "image";
const LABEL: &str = "label";
const LOGITS: &str = "logits";

pub(super) const IMAGE_IS: &str = "Images in [-1, 1]: 8-bit levels / 127.5 - 1";

/// The file of the generator with these `weights`, named `generator.` and their path, of labels in
/// `spaces` where it takes any.
///
/// # Errors
/// [`Error::Config`] when it is larger than such a file may be.
///
/// # Panics
/// When the weights are those of another network.
pub(crate) fn generator(
    config: &GeneratorConfig,
    weights: Weights,
    transform: Transform,
    spaces: Option<&LabelSpaces>,
) -> Result<Vec<u8>> {
    check_size("generator", config.num_params())?;
    let mut graph = Builder::new(weights, "generator", IMAGE);
    let mut input = vec![Value::floats(IMAGE, any_images(config.image_channels), IMAGE_IS)];
    let mut x = IMAGE.to_owned();
    if config.condition_width > 0 {
        let shape = rows(config.condition_width);
        let of_each = "The target label of each image, in the order of the metadata's labels";
        input.push(Value::floats(LABEL, shape, of_each));
        x = conditioned(&mut graph);
    }
    graph.sequence(&config.architecture().trunk, "", x);
    let same = "The translated images, in [-1, 1]";
    let mut output = vec![Value::floats(TRANSLATED, any_images(config.image_channels), same)];
    if config.head == Head::Mask {
        let where_painted = "Where they are painted anew: 1; where they are as they were: 0";
        output.push(Value::floats(MASK, any_images(1), where_painted));
    }
    let mut metadata = images(transform);
    metadata.push(entry("divisor", &(1_u64 << config.downsamplings)));
    if let Some(spaces) = spaces {
        metadata.extend(labels(spaces, spaces.condition_names()));
    }
    encode(graph.finish("generator", input, output), metadata)
}

/// The file of the discriminator with these `weights`, named `discriminator.` and their path and
/// without spectral norms, as far as it reads labels in `spaces`.
///
/// # Errors
/// [`Error::Config`] when it is larger than such a file may be.
///
/// # Panics
/// When the weights are those of another network, or it has no domain head.
pub(crate) fn reader(
    config: &DiscriminatorConfig,
    mut weights: Weights,
    transform: Transform,
    spaces: &LabelSpaces,
) -> Result<Vec<u8>> {
    check_size("discriminator", config.num_params())?;
    let architecture = config.architecture();
    let [realness, domain] = &architecture.heads[..] else {
        panic!("a discriminator of a model with labels has a domain head");
    };
    for layer in realness.layers() {
        weights.retain(|name, _| !name.starts_with(&format!("discriminator.{}.", layer.path)));
    }
    let mut graph = Builder::new(weights, "discriminator", IMAGE);
    let features = graph.sequence(&architecture.trunk, "", IMAGE.to_owned());
    let patches = graph.sequence(domain, "", features);
    graph.node("Flatten", LOGITS, [&patches], vec![Attribute::int("axis", 1)]);

    let shape = model_images(config.image_channels, config.image_size);
    let input = vec![Value::floats(IMAGE, shape, IMAGE_IS)];
    let shape = rows(config.label_width);
    let of_each = "Of each label: above 0 it is more likely than not; of those that exclude each \
                   other, the largest is the likeliest";
    let output = vec![Value::floats(LOGITS, shape, of_each)];
    let mut metadata = images(transform);
    metadata.extend(labels(spaces, spaces.label_names()));
    encode(graph.finish("discriminator", input, output), metadata)
}

/// The image with the label as constant planes behind its channels.
fn conditioned(graph: &mut Builder) -> String {
    let axes = graph.integers("planes.axes", &[2, 3]);
    let ones = graph.integers("planes.ones", &[1, 1]);
    let sides = vec![Attribute::int("start", 2)];
    let along = |axis| vec![Attribute::int("axis", axis)];
    let label = graph.node("Unsqueeze", "planes.label", [LABEL, &axes], Vec::new());
    let sides = graph.node("Shape", "planes.sides", [IMAGE], sides);
    let shape = graph.node("Concat", "planes.shape", [&ones, &sides], along(0));
    let planes = graph.node("Expand", "planes", [&label, &shape], Vec::new());
    graph.node("Concat", "conditioned", [IMAGE, &planes], along(1))
}

/// `[N, channels, H, W]`.
pub(super) fn any_images(channels: usize) -> [Dimension; 4] {
    let [n, h, w] = ["N", "H", "W"].map(Dimension::named);
    [n, Dimension::fixed(channels), h, w]
}

/// `[N, channels, height, width]`.
pub(super) fn model_images(channels: usize, size: ImageSize) -> [Dimension; 4] {
    let [height, width] = size.sides();
    let [c, h, w] = [channels, height, width].map(Dimension::fixed);
    [Dimension::named("N"), c, h, w]
}

/// `[N, width]`.
pub(super) fn rows(width: usize) -> [Dimension; 2] {
    [Dimension::named("N"), Dimension::fixed(width)]
}

/// What the images are that the model sees.
pub(super) fn images(transform: Transform) -> Vec<Entry> {
    let ImageSize { width, height } = transform.size;
    vec![
        entry("image_size", &[width, height]),
        entry("channels", &transform.channels.count()),
        entry("transform", &transform),
    ]
}

/// What labels mean, and the names of a vector of them.
pub(super) fn labels(spaces: &LabelSpaces, names: Vec<String>) -> [Entry; 2] {
    [entry("labels", &names), entry("domains", spaces)]
}

/// `value` as JSON.
pub(super) fn entry(key: &str, value: &impl Serialize) -> Entry {
    Entry { key: key.to_owned(), value: json!(value).to_string() }
}

pub(super) fn check_size(network: &str, params: u64) -> Result<()> {
    let bytes = params.saturating_mul(4).saturating_add(OTHER_BYTES);
    if bytes > MOST_BYTES {
        return Err(Error::Config(format!(
            "an ONNX file holds at most 2 GiB, this {network} has {params} parameters of 4 bytes"
        )));
    }
    Ok(())
}

pub(super) fn encode(graph: Graph, metadata_props: Vec<Entry>) -> Result<Vec<u8>> {
    let model = Model {
        ir_version: FORMAT,
        producer_name: "stargan".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPERATORS }],
        metadata_props,
    };
    Ok(model.encode_to_vec())
}
