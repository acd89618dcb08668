//! StarGAN v2's three networks as ONNX files.

use std::collections::BTreeMap;

use burn::backend::Flex;
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};

use crate::data::crop::Crop;
use crate::data::transform::Transform;
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::style::config::StyleConfig;
use crate::nn::weights;
use crate::random::{Purpose, stream};
use crate::recipes::stargan_v2::model::StyleModel;
use crate::recipes::stargan_v2::translator::StyleTranslator;
use crate::tests::onnx::{Case, decoded, said, sides, values};

/// A fresh network whose norms and biases do something. The last layer of a generator makes little
/// of its input, so that few values are beyond those of an image, which are cut off.
fn filled<M: Module<Flex>>(fresh: M) -> M {
    let mut weights = weights::collect(&fresh, "n");
    for (name, data) in &mut weights {
        if data.shape.num_dims() == 1 {
            *data = values(data.shape.as_slice());
        }
        if name.starts_with("n.to_rgb.conv.") {
            let smaller = data.iter::<f32>().map(|value| value * 0.1);
            *data = TensorData::new(smaller.collect(), data.shape.clone());
        }
    }
    weights::apply(fresh, "n", &mut weights).unwrap()
}

fn translator(networks: StyleConfig) -> StyleTranslator<Flex> {
    let device = Default::default();
    let domains = (0..networks.domains).map(|domain| format!("domain {domain}"));
    let spaces = LabelSpaces::single(LabelSpace::classes(domains));
    let rng = &mut stream(0, Purpose::Generator, 0, 0);
    let generator = filled(networks.init_generator(rng, &device).unwrap());
    let mapping = filled(networks.init_mapping(rng, &device).unwrap());
    let encoder = filled(networks.init_encoder(rng, &device).unwrap());
    let transform = Transform::new(Crop::Square, networks.size());
    let model = StyleModel { spaces, transform, networks };
    StyleTranslator::new(model, generator, mapping, encoder, device)
}

fn tensor<const D: usize>(data: &TensorData) -> Tensor<Flex, D> {
    Tensor::from_data(data.clone(), &Default::default())
}

/// The domains of so many images, in turn.
fn domains(n: usize, of: usize) -> TensorData {
    let entry = |at: usize| if at % of == at / of % of { 1.0_f32 } else { 0.0 };
    TensorData::new((0..n * of).map(entry).collect(), [n, of])
}

/// A use of a file: what it takes, and what it makes.
fn used<const N: usize>(
    inputs: [(&str, TensorData); N],
    output: (&str, TensorData),
) -> [BTreeMap<String, TensorData>; 2] {
    let owned = |(name, data): (&str, TensorData)| (name.to_owned(), data);
    [inputs.map(owned).into(), [owned(output)].into()]
}

/// The files of all three; the generator's translates images of these numbers and sizes.
fn cases(
    name: &str,
    translator: &StyleTranslator<Flex>,
    sizes: &[(usize, [usize; 2])],
) -> [Case; 3] {
    let StyleConfig { image_size, style_width, latent_width, domains: of, .. } =
        translator.model().networks;
    let (_, mapping, encoder) = translator.networks();
    let case = |network: &str, bytes, uses| Case { name: format!("{name}-{network}"), bytes, uses };
    let translated = |&(n, [height, width]): &(usize, [usize; 2])| {
        let (image, style) = (values(&[n, 3, height, width]), values(&[n, style_width]));
        let made = translator.forward(tensor(&image), tensor(&style)).into_data();
        used([("image", image), ("style", style)], ("translated", made))
    };
    let translations = sizes.iter().map(translated).collect();
    let mapped = |n: usize| {
        let (latent, domain) = (values(&[n, latent_width]), domains(n, of));
        let made = mapping.forward(tensor(&latent), tensor(&domain)).into_data();
        used([("latent", latent), ("domain", domain)], ("style", made))
    };
    let encoded = |n: usize| {
        let (image, domain) = (values(&[n, 3, image_size, image_size]), domains(n, of));
        let made = encoder.forward(tensor(&image), tensor(&domain)).into_data();
        used([("image", image), ("domain", domain)], ("style", made))
    };
    [
        case("generator", translator.to_onnx().unwrap(), translations),
        case("mapping", translator.mapping_to_onnx().unwrap(), [1, 4].map(mapped).into()),
        case("encoder", translator.encoder_to_onnx().unwrap(), [1, 3].map(encoded).into()),
    ]
}

#[test]
fn files_of_each_network_compute_what_it_does() {
    // Of 16 pixels the generator halves nothing; of 64 it does twice.
    let config = |size, domains| {
        StyleConfig::new(size, domains).with_channels(3, 5).with_style_width(4).with_mapping(3, 6)
    };
    for (name, config, sizes) in [
        ("style", config(16, 2), [(1, [16, 16]), (3, [15, 17])]),
        ("style-deep", config(64, 3), [(1, [64, 64]), (2, [32, 40])]),
    ] {
        cases(name, &translator(config), &sizes).into_iter().for_each(Case::check);
    }
    // Its graphs are the small ones' with more of each; onnxruntime computes them.
    if std::env::var_os("ONNX_CASES").is_some() {
        let paper = translator(StyleConfig::new(256, 3));
        cases("style-paper", &paper, &[(1, [256, 256])]).into_iter().for_each(Case::write);
    }
}

#[test]
fn files_say_what_they_take_and_make() {
    let networks = StyleConfig::new(32, 2).with_channels(2, 4).with_mapping(16, 5);
    let translator = translator(networks);
    let of = |width: &str| ["N", width].map(String::from).to_vec();
    let images = |[h, w]: [&str; 2]| ["N", "3", h, w].map(String::from).to_vec();
    for (bytes, expected, divisor) in [
        (
            translator.to_onnx(),
            vec![
                ("image", images(["H", "W"])),
                ("style", of("64")),
                ("translated", images(["H", "W"])),
            ],
            Some("2"),
        ),
        (
            translator.mapping_to_onnx(),
            vec![("latent", of("16")), ("domain", of("2")), ("style", of("64"))],
            None,
        ),
        (
            translator.encoder_to_onnx(),
            vec![("image", images(["32", "32"])), ("domain", of("2")), ("style", of("64"))],
            None,
        ),
    ] {
        let model = decoded(&bytes.unwrap());
        let graph = model.graph.as_ref().unwrap();
        let found = graph.input.iter().chain(&graph.output);
        let found: Vec<_> = found.map(|value| (&*value.name, sides(value))).collect();
        assert_eq!(found, expected);
        assert_eq!(said(&model, "labels"), r#"["domain 0","domain 1"]"#);
        let keys: Vec<_> = model.metadata_props.iter().map(|entry| &*entry.key).collect();
        assert!(keys.contains(&"domains"), "{keys:?}");
        if let Some(divisor) = divisor {
            assert_eq!(said(&model, "divisor"), divisor);
        }
        let has_images = found[0].0 == "image";
        assert_eq!(keys.contains(&"image_size"), has_images, "{keys:?}");
    }
}
