//! StarGAN v2's models in files: public weights translate as in PyTorch, and go back.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};

use crate::data::crop::Crop;
use crate::error::Result;
use crate::files::model::write_tensors;
use crate::files::pytorch::model::PublicModel;
use crate::files::pytorch::style_model::PublicStyleModel;
use crate::labels::space::LabelSpace;
use crate::nn::weights::Weights;
use crate::recipes::open::{open_model, recipe_of};
use crate::recipes::stargan_v2::translator::StyleTranslator;
use crate::tests::fixture::Fixture;
use crate::tests::style::{self, TOLERANCE};
use crate::tests::{backend_name, on_every_backend, relative_error};

on_every_backend!(public_weights_translate_as_in_pytorch, a_saved_model_is_the_same);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn public() -> PublicStyleModel {
    PublicStyleModel::open(fixture("public-nets-ema.ckpt")).unwrap()
}

/// The model of the fixture, whose domains are named as AFHQ's.
fn import<B: AutodiffBackend>() -> StyleTranslator<B::InnerBackend> {
    let animals = LabelSpace::classes(["cat", "dog", "wild"]);
    StyleTranslator::import(public(), animals, Crop::Square, &Default::default()).unwrap()
}

fn public_weights_translate_as_in_pytorch<B: AutodiffBackend>() {
    let (config, mut fixture) = Fixture::open::<style::Config>("stargan_v2");
    assert_eq!(public().networks(), &config.networks());
    let translator = import::<B>();
    let batch = style::batch::<B>(&mut fixture, config.domains);
    let of_two = |x: Tensor<B::InnerBackend, 2>| x.narrow(0, 0, 2);
    let [latents, _] = batch.latents.map(of_two);
    let [references, _] = batch.references.map(|x| x.narrow(0, 0, 2));
    let (real, target) = (batch.real.narrow(0, 0, 2), of_two(batch.target));
    let domains: Vec<usize> = {
        let rows: Vec<f32> = target.clone().into_data().iter().collect();
        let one = |row: &[f32]| row.iter().position(|&entry| entry == 1.0).unwrap();
        rows.chunks(config.domains).map(one).collect()
    };
    let (generator, mapping, _) = translator.networks();
    for (name, styles) in [
        ("ema.translated", mapping.forward(latents, target)),
        ("ema.reference", translator.reference_styles(references, &domains)),
    ] {
        let expected = fixture.take(name);
        let found = generator.forward(real.clone(), styles).into_data();
        let error = relative_error(&found, &expected);
        println!("v2 {} {name}: {error:.1e}", backend_name::<B>());
        assert!(error <= TOLERANCE, "{name}: {error:e}");
    }
}

fn a_saved_model_is_the_same<B: AutodiffBackend>() {
    let folder = tempfile::tempdir().unwrap();
    let device = Default::default();
    let translator = import::<B>();
    let path = folder.path().join("in/model.safetensors");
    translator.save(&path).unwrap();
    let error = translator.save(&path).unwrap_err().to_string();
    assert!(error.contains("exists"), "{error}");
    translator.replace(&path).unwrap();
    assert_eq!(recipe_of(&path).unwrap(), "stargan-v2");
    let opened = StyleTranslator::<B::InnerBackend>::open(&path, &device).unwrap();
    assert_eq!(opened.model(), translator.model());
    assert_eq!(opened.weights(), translator.weights());
    let any = open_model::<B>(&path, &device).unwrap();
    assert_eq!(any.spaces().space(0).names(), ["cat", "dog", "wild"]);

    // By the public keys it comes back bit for bit.
    let path = folder.path().join("in/nets-ema.safetensors");
    translator.export_pytorch(&path).unwrap();
    let error = translator.export_pytorch(&path).unwrap_err().to_string();
    assert!(error.contains("exists"), "{error}");
    let [again, first] = [PublicStyleModel::open(&path).unwrap(), public()];
    assert_eq!(again.into_parts(), first.into_parts());
}

/// The fixture by its keys, in a file of safetensors that a test may change.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn weights() -> Weights {
        let (config, weights) = public().into_parts();
        let named = |name: &str| {
            let own = weights.iter().filter(|(key, _)| key.starts_with(&format!("{name}.")));
            own.map(|(key, data)| (key.clone(), data.clone())).collect()
        };
        let weights = ["generator", "mapping", "encoder"].map(named);
        crate::files::pytorch::style_model::public_networks(&config, weights).unwrap()
    }

    fn open(&self, change: impl FnOnce(&mut Weights)) -> Result<PublicStyleModel> {
        let mut weights = Self::weights();
        change(&mut weights);
        let path = self.0.path().join("nets.safetensors");
        write_tensors(&path, None, &weights).unwrap();
        PublicStyleModel::open(path)
    }

    fn refusal(&self, change: impl FnOnce(&mut Weights)) -> String {
        self.open(change).unwrap_err().to_string()
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let files = Files::new();
    let zeros = |shape: &[usize]| TensorData::zeros::<f32, _>(shape.to_vec());
    type Change<'a> = &'a dyn Fn(&mut Weights);
    let cases: [(Change, &str); 8] = [
        (
            &|w| w.retain(|key, _| !key.starts_with("mapping_network.")),
            "expected the networks generator, mapping_network, style_encoder; missing: \
             mapping_network",
        ),
        (
            &|w| drop(w.remove("style_encoder.shared.2.conv1.weight")),
            "style_encoder.shared.2.conv1.weight [8, 8, 3, 3] is missing",
        ),
        (&|w| drop(w.remove("generator.from_rgb.weight")), "generator.from_rgb.weight is missing"),
        (
            &|w| drop(w.insert("generator.to_rgb.0.bias".to_owned(), zeros(&[5]))),
            "generator.to_rgb.0.bias: expected shape [4], found [5]",
        ),
        (
            &|w| drop(w.insert("mapping_network.shared.0.weight".to_owned(), zeros(&[8]))),
            "mapping_network.shared.0.weight: expected a weight of 2 sides, found [8]",
        ),
        (
            &|w| drop(w.insert("generator.more.weight".to_owned(), zeros(&[1]))),
            "unexpected keys: generator.more.weight",
        ),
        (
            // A generator for twice the size.
            &|w| {
                let deeper: Vec<_> = w
                    .iter()
                    .filter_map(|(key, data)| {
                        let place = key.strip_prefix("generator.encode.2.")?;
                        Some((format!("generator.encode.3.{place}"), data.clone()))
                    })
                    .collect();
                w.extend(deeper);
            },
            "without a high-pass skip (w_hpf above 0, as in the weights for CelebA-HQ)",
        ),
        (
            &|w| {
                let bias = w.get_mut("generator.to_rgb.2.bias").unwrap();
                *bias = TensorData::from([f32::NAN, 0.0, 0.0]);
            },
            "generator.to_rgb.2.bias: expected finite 32-bit floats, found NaN",
        ),
    ];
    for (change, expected) in cases {
        let error = files.refusal(change);
        assert!(error.contains("nets.safetensors") && error.contains(expected), "{error}");
    }
    // What is no part of the model is passed over.
    let more = |w: &mut Weights| drop(w.insert("discriminator.main.0.bias".into(), zeros(&[4])));
    files.open(more).unwrap();
}

#[test]
fn files_of_either_stargan_are_told_apart() {
    for file in ["public-G.ckpt", "public-D-legacy.ckpt"] {
        let error = PublicStyleModel::open(fixture(file)).unwrap_err().to_string();
        assert!(
            error.contains("one network of the first StarGAN: PublicModel reads it"),
            "{error}"
        );
    }
    let files = Files::new();
    files.open(|_| ()).unwrap();
    let safetensors = files.0.path().join("nets.safetensors");
    for file in [fixture("public-nets-ema.ckpt"), safetensors] {
        let error = PublicModel::open(file, None::<&Path>).unwrap_err().to_string();
        let expected = "the networks of StarGAN v2: PublicStyleModel reads them, import --nets-ema";
        assert!(error.contains(expected), "{error}");
    }
    let error = PublicStyleModel::open(fixture("README.md")).unwrap_err().to_string();
    assert!(error.contains("byte 0: expected a PyTorch checkpoint"), "{error}");
}

#[test]
fn a_damaged_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.ckpt");
    let whole = fs::read(fixture("public-nets-ema.ckpt")).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        PublicStyleModel::open(&path).unwrap_err().to_string()
    };
    for at in (0..whole.len()).step_by(997) {
        assert!(refused(&whole[..at]).contains("damaged.ckpt: "), "{at}");
    }
    // In a value, which its entry's checksum covers.
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let error = refused(&damaged);
    assert!(error.contains("CRC-32") || error.contains("expected"), "{error}");
}

#[test]
#[cfg(feature = "flex")]
fn domains_that_do_not_fit_are_refused() {
    let import = |domains: LabelSpace| {
        let device = Default::default();
        let model = StyleTranslator::<burn::backend::Flex>::import(
            public(),
            domains,
            Crop::Square,
            &device,
        );
        model.map(|_| ()).unwrap_err().to_string()
    };
    let error = import(LabelSpace::classes(["cat", "dog"]));
    assert_eq!(error, "the networks have 3 domains, the labels 2");
    let error = import(LabelSpace::attributes(["cat", "dog", "wild"]));
    assert!(error.contains("StarGAN v2 translates between two domains or more"), "{error}");
}
