//! Networks as ONNX files: what they compute, what they say of themselves.
//!
//! [`run`] stands in for a runtime. `ONNX_CASES=DIR cargo test --lib onnx` writes the files with
//! inputs and our outputs to `DIR`, which `scripts/check-onnx` gives to onnxruntime.

mod run;
mod style;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use prost::Message;

use crate::data::channels::Channels;
use crate::data::crop::Crop;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::files::model::{ModelConfig, write_tensors};
use crate::files::onnx::message::{Graph, Model, Value};
use crate::files::onnx::model;
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::head::Head;
use crate::nn::upsampling::Upsampling;
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, stream};
use crate::recipes::pairwise::direction::Direction;
use crate::tests::largest_error;
use crate::translate::translator::Translator;

/// Of each output's largest value: sums of products in another order, through up to 20 layers.
const TOLERANCE: f64 = 2e-5;

/// A batch, and a size that isn't that of the model's images.
const BATCHES: [(usize, [usize; 2]); 2] = [(1, [24, 16]), (3, [8, 40])];

/// Values that repeat nowhere, in `[-1, 1]`.
fn values(shape: &[usize]) -> TensorData {
    let count = shape.iter().product::<usize>();
    TensorData::new((0..count).map(|i| (i as f32 * 0.7).sin()).collect(), shape.to_vec())
}

/// Fresh networks whose norms do something.
fn translator(
    generator: GeneratorConfig,
    discriminator: Option<DiscriminatorConfig>,
) -> Translator<Flex> {
    let device = Default::default();
    let labels = (0..generator.condition_width).map(|label| format!("label {label}"));
    let channels = Channels::of_count(generator.image_channels).unwrap();
    let size = discriminator.as_ref().map_or(ImageSize::square(32), |d| d.image_size);
    let transform = Transform::new(Crop::Square, size).with_channels(channels);
    let mut rng = stream(0, Purpose::Generator, 0, 0);
    let fresh = generator.init::<Flex>(&mut rng, &device).unwrap();
    let mut weights = weights::collect(&fresh, "g");
    for data in weights.values_mut().filter(|data| data.shape.num_dims() == 1) {
        *data = values(data.shape.as_slice());
    }
    let network = weights::apply(fresh, "g", &mut weights).unwrap();
    let judge = discriminator.as_ref().map(|config| config.init(&mut rng, &device).unwrap());
    let spaces = LabelSpaces::single(LabelSpace::attributes(labels));
    let config = ModelConfig { spaces, transform, generator, discriminator };
    Translator::new(config, network, judge, device)
}

/// A file, and what it makes of each of some inputs.
struct Case {
    name: String,
    bytes: Vec<u8>,
    uses: Vec<[BTreeMap<String, TensorData>; 2]>,
}

impl Case {
    /// The generator, asked to translate images of [`BATCHES`].
    fn generator(name: &str, translator: &Translator<Flex>) -> Self {
        let config = &translator.config().generator;
        let used = |(n, [height, width]): (usize, [usize; 2])| {
            let images = values(&[n, config.image_channels, height, width]);
            let mut inputs = BTreeMap::from([("image".to_owned(), images.clone())]);
            let images = Tensor::from_data(images, &Default::default());
            let (translated, mask) = match config.condition_width {
                0 => (translator.networks().0.forward_unconditional(images), None),
                width => {
                    let labels = values(&[n, width]);
                    inputs.insert("label".to_owned(), labels.clone());
                    let labels = Tensor::from_data(labels, &Default::default());
                    translator.networks().0.forward_masked(images, labels)
                }
            };
            let mut outputs = BTreeMap::from([("translated".to_owned(), translated.into_data())]);
            outputs.extend(mask.map(|mask| ("mask".to_owned(), mask.into_data())));
            [inputs, outputs]
        };
        let uses = BATCHES.map(used).into();
        Self { name: name.to_owned(), bytes: translator.to_onnx().unwrap(), uses }
    }

    /// The discriminator's domain head.
    fn reader(name: &str, translator: &Translator<Flex>) -> Self {
        let config = translator.config().discriminator.as_ref().unwrap();
        let [height, width] = config.image_size.sides();
        let used = |n| {
            let images = values(&[n, config.image_channels, height, width]);
            let inputs = BTreeMap::from([("image".to_owned(), images.clone())]);
            let judged = translator
                .networks()
                .1
                .unwrap()
                .forward(Tensor::from_data(images, &Default::default()));
            [inputs, BTreeMap::from([("logits".to_owned(), judged.domain_logits.into_data())])]
        };
        let bytes = translator.discriminator_to_onnx().unwrap();
        Self { name: name.to_owned(), bytes, uses: [1, 3].map(used).into() }
    }

    /// Holds the file to its outputs, and writes both where that is asked for.
    fn check(self) {
        let graph = graph(&self.bytes);
        for [inputs, expected] in &self.uses {
            let found = run::run(&graph, inputs);
            for (name, expected) in expected {
                assert_eq!(found[name].shape, expected.shape, "{}: {name}", self.name);
            }
            let (error, worst) = largest_error(&found, expected);
            println!("{}: {error:.1e}", self.name);
            assert!(error <= TOLERANCE, "{}: {worst}: {error:e}", self.name);
        }
        self.write();
    }

    fn write(self) {
        let Some(folder) = std::env::var_os("ONNX_CASES").map(PathBuf::from) else { return };
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{}.onnx", self.name)), self.bytes).unwrap();
        for (at, [inputs, outputs]) in self.uses.into_iter().enumerate() {
            let path = folder.join(format!("{}.{at}.safetensors", self.name));
            let both: Weights = inputs.into_iter().chain(outputs).collect();
            write_tensors(&path, None, &both).unwrap();
        }
    }
}

fn decoded(bytes: &[u8]) -> Model {
    Model::decode(bytes).unwrap()
}

fn graph(bytes: &[u8]) -> Graph {
    decoded(bytes).graph.unwrap()
}

fn small(condition_width: usize) -> GeneratorConfig {
    GeneratorConfig::new(condition_width).with_base_channels(4).with_residual_blocks(1)
}

#[test]
fn files_of_any_generator_compute_what_it_does() {
    use Upsampling::{Resize, Transposed};
    for (name, condition_width, channels, downsamplings, blocks, upsampling, head) in [
        ("plain", 2, 3, 2, 2, Transposed, Head::Plain),
        ("no-layers", 1, 3, 0, 0, Transposed, Head::Plain),
        ("resize", 2, 3, 2, 1, Resize, Head::Plain),
        ("mask", 2, 3, 1, 1, Transposed, Head::Mask),
        ("grey-resize-mask", 2, 1, 3, 1, Resize, Head::Mask),
        ("rgba", 3, 4, 1, 1, Transposed, Head::Plain),
        ("direction", 0, 3, 1, 2, Transposed, Head::Plain),
    ] {
        let config = small(condition_width)
            .with_image_channels(channels)
            .with_downsamplings(downsamplings)
            .with_residual_blocks(blocks)
            .with_upsampling(upsampling)
            .with_head(head);
        Case::generator(name, &translator(config, None)).check();
    }
}

#[test]
fn files_of_a_discriminator_read_its_labels() {
    let small = |size: ImageSize| DiscriminatorConfig::fitting(size, 2).with_base_channels(4);
    for (name, config) in [
        ("reader", small(32.into())),
        ("reader-spectral", small(16.into()).with_spectral_norm()),
        ("reader-rectangle", small(ImageSize::new(48, 32))),
    ] {
        Case::reader(name, &translator(self::small(2), Some(config))).check();
    }
}

#[test]
fn files_of_the_shipped_model_and_of_the_papers_generator_compute_what_they_do() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");
    let faces = Translator::open(path, &Default::default()).unwrap();
    Case::generator("faces64", &faces).check();
    Case::reader("faces64-reader", &faces).check();
    // Its graph is the small ones' with more of each; onnxruntime computes it.
    if std::env::var_os("ONNX_CASES").is_some() {
        Case::generator("paper", &translator(GeneratorConfig::new(5), None)).write();
    }
}

fn sides(value: &Value) -> Vec<String> {
    let shape = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap().shape.as_ref();
    let sides = shape.unwrap().dim.iter();
    sides
        .map(|side| side.dim_param.clone().unwrap_or_else(|| side.dim_value().to_string()))
        .collect()
}

fn said(model: &Model, key: &str) -> String {
    let mut entries = model.metadata_props.iter();
    entries.find(|entry| entry.key == key).unwrap_or_else(|| panic!("no {key}")).value.clone()
}

#[test]
fn a_file_says_what_it_takes_and_makes() {
    let hair = ["Black", "Blond"];
    let faces = LabelSpace::attributes(hair).with("Male").exclusive(hair).unwrap();
    let moods = LabelSpace::classes(["happy", "sad"]);
    let spaces = LabelSpaces::joint([("faces", faces), ("moods", moods)]).unwrap();
    let transform = Transform::new(Crop::Centre(178), ImageSize::new(48, 32));
    let config = small(7).with_head(Head::Mask);
    let mut rng = stream(0, Purpose::Generator, 0, 0);
    let network = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
    let weights = weights::collect(&network, "generator");
    let bytes = model::generator(&config, weights, transform, Some(&spaces)).unwrap();
    let model = decoded(&bytes);
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    let graph = model.graph.as_ref().unwrap();
    let found: Vec<_> =
        graph.input.iter().chain(&graph.output).map(|v| (&*v.name, sides(v))).collect();
    assert_eq!(
        found,
        [
            ("image", ["N", "3", "H", "W"].map(String::from).to_vec()),
            ("label", ["N", "7"].map(String::from).to_vec()),
            ("translated", ["N", "3", "H", "W"].map(String::from).to_vec()),
            ("mask", ["N", "1", "H", "W"].map(String::from).to_vec()),
        ]
    );
    let labels = [
        "faces:Black",
        "faces:Blond",
        "faces:Male",
        "moods:happy",
        "moods:sad",
        "faces:",
        "moods:",
    ];
    assert_eq!(serde_json::from_str::<Vec<String>>(&said(&model, "labels")).unwrap(), labels);
    for (key, expected) in [("image_size", "[48,32]"), ("channels", "3"), ("divisor", "4")] {
        assert_eq!(said(&model, key), expected);
    }
    assert_eq!(serde_json::from_str::<LabelSpaces>(&said(&model, "domains")).unwrap(), spaces);
    assert_eq!(serde_json::from_str::<Transform>(&said(&model, "transform")).unwrap(), transform);

    let single = LabelSpaces::single(LabelSpace::attributes(["a", "b"]));
    assert_eq!(single.condition_names(), ["a", "b"]);
    assert_eq!(spaces.clone().without_mask().condition_names().len(), 5);
}

#[test]
fn a_direction_takes_no_label_and_a_model_without_discriminator_reads_none() {
    let alone = translator(small(2), None);
    let error = alone.discriminator_to_onnx().unwrap_err().to_string();
    assert!(error.contains("no discriminator to export"), "{error}");

    let config = small(0).with_head(Head::Mask).with_upsampling(Upsampling::Resize);
    let mut rng = stream(0, Purpose::Generator, 0, 0);
    let network = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
    let transform = Transform::new(Crop::Square, 16.into());
    let model = decoded(&Direction::new(network, transform, Default::default()).to_onnx().unwrap());
    let graph = model.graph.as_ref().unwrap();
    let names = |values: &[Value]| values.iter().map(|v| v.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&graph.input), ["image"]);
    assert_eq!(names(&graph.output), ["translated", "mask"]);
    assert!(model.metadata_props.iter().all(|entry| entry.key != "labels"));
}

#[test]
fn what_no_file_holds_is_refused_before_it_is_made() {
    let config = GeneratorConfig::new(5).with_base_channels(1 << 10);
    let transform = Transform::new(Crop::Square, 128.into());
    let refused = model::generator(&config, Weights::new(), transform, None);
    let error = refused.unwrap_err().to_string();
    assert!(error.starts_with("an ONNX file holds at most 2 GiB, this generator has"), "{error}");
}
