use burn::backend::Flex;
use safetensors::tensor::{Dtype, SafeTensors};

use super::*;
use crate::data::crop::Crop;
use crate::data::size::ImageSize;
use crate::files::pytorch::read::is_statistic;
use crate::labels::space::LabelSpace;
use crate::random::{Purpose, stream};
use crate::tests::fixture::{Fixture, Networks};
use crate::translate::relabel::DomainLabel;
use crate::translate::translator::Translator;

const TRANSFORM: Transform = Transform::new(Crop::Centre(178), ImageSize::square(32));

fn spaces() -> LabelSpaces {
    LabelSpaces::single(LabelSpace::attributes(["a", "b", "c", "d", "e"]))
}

/// The networks of the fixture as files of the public code, without and with running
/// statistics.
struct Files {
    folder: tempfile::TempDir,
    networks: Networks,
    fixture: Fixture,
}

impl Files {
    fn new() -> Self {
        let (networks, fixture) = Fixture::open::<Networks>("networks");
        let files = Self { folder: tempfile::tempdir().unwrap(), networks, fixture };
        for (file, prefix) in [("G", "g."), ("D", "d.")] {
            files.write(file, &files.public(prefix));
        }
        files
    }

    fn public(&self, prefix: &str) -> Weights {
        let own = self.fixture.tensors.iter();
        own.filter_map(|(key, data)| Some((key.strip_prefix(prefix)?.to_owned(), data.clone())))
            .collect()
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file).with_extension("safetensors")
    }

    fn write(&self, file: &str, weights: &Weights) {
        super::write(&self.path(file), weights).unwrap();
    }

    fn refusal(&self, generator: &str, discriminator: Option<&str>) -> String {
        let discriminator = discriminator.map(|file| self.path(file));
        PublicModel::open(self.path(generator), discriminator).unwrap_err().to_string()
    }
}

#[test]
fn what_a_network_is_shows_in_its_shapes() {
    let files = Files::new();
    let model = PublicModel::open(files.path("G"), Some(files.path("D"))).unwrap();
    assert_eq!(model.generator(), &files.networks.generator());
    assert_eq!(model.discriminator(), Some(&files.networks.discriminator()));
    let (plain, mask) = (Head::Plain, Head::Mask);
    for (downsamplings, blocks, head) in
        [(0, 0, plain), (1, 0, mask), (0, 2, plain), (3, 1, plain), (3, 1, mask)]
    {
        let config = GeneratorConfig::new(2)
            .with_head(head)
            .with_base_channels(2)
            .with_downsamplings(downsamplings)
            .with_residual_blocks(blocks);
        let keys = generator_keys(&config).into_iter();
        let zeros = keys.map(|key| (key.public, TensorData::zeros::<f32, _>(key.shape)));
        assert_eq!(infer::generator(&zeros.collect(), head).unwrap(), config);
    }
}

#[test]
fn an_imported_model_translates_as_pytorch_does_and_goes_back_bit_for_bit() {
    let mut files = Files::new();
    let device = Default::default();
    let model = PublicModel::open(files.path("G"), Some(files.path("D"))).unwrap();
    let translator = Translator::<Flex>::import(model, spaces(), TRANSFORM, &device).unwrap();
    let images = files.fixture.tensor::<Flex, 4>("images");
    let labels: Vec<f32> = files.fixture.take("labels").iter().collect();
    let targets: Vec<DomainLabel> =
        labels.chunks(5).map(|label| DomainLabel { dataset: 0, label: label.to_vec() }).collect();
    let found = translator.forward(images, &targets).into_data();
    let expected = files.fixture.take("translated");
    let error = crate::tests::relative_error(&found, &expected);
    assert!(error <= 1e-5, "{error:e}");

    let (g, d) = (files.path("out/G"), files.path("out/D"));
    translator.export_pytorch(&g, Some(&d)).unwrap();
    for (path, prefix) in [(&g, "g."), (&d, "d.")] {
        assert_eq!(read(&fs::read(path).unwrap()).unwrap(), files.public(prefix));
    }
    let bytes = fs::read(&g).unwrap();
    let exported = SafeTensors::deserialize(&bytes).unwrap();
    let statistic = |key: &str| exported.tensor(key).unwrap();
    assert_eq!(statistic("main.1.num_batches_tracked").dtype(), Dtype::I64);
    assert_eq!(statistic("main.1.num_batches_tracked").shape(), [0; 0]);
    assert_eq!(statistic("main.9.main.4.running_var").data()[..4], 1.0_f32.to_le_bytes());
    assert_eq!(statistic("main.12.running_mean").shape(), [16]);
    assert!(exported.tensor("main.17.running_mean").is_err(), "the head has no norm");
    let statistics = exported.names().into_iter().filter(|key| is_statistic(key)).count();
    assert_eq!(statistics, 3 * (1 + 2 + 2 * 2 + 2), "of every norm");
    // With the statistics it is read as without them.
    let again = PublicModel::open(&g, Some(&d)).unwrap();
    assert_eq!(
        again.generator.1,
        PublicModel::open(files.path("G"), None::<&str>).unwrap().generator.1
    );
    let error = translator.export_pytorch(&g, None::<&str>).unwrap_err().to_string();
    assert!(error.contains("exists"), "{error}");
}

#[test]
fn resize_convolutions_neither_leave_nor_enter() {
    let config = GeneratorConfig::new(2).with_base_channels(2).with_residual_blocks(1);
    let resizing = config.clone().with_upsampling(Upsampling::Resize);
    let error = public_generator(&resizing, Weights::new()).unwrap_err().to_string();
    assert!(error.contains("by resize-convolutions (upsampling: resize)"), "{error}");
    // Such a file by the public code's names is no transposed one either.
    let keys = generator_keys(&resizing).into_iter();
    let zeros = keys.map(|key| (key.public, TensorData::zeros::<f32, _>(key.shape)));
    let files = Files::new();
    files.write("resizing", &zeros.collect());
    let error = files.refusal("resizing", None);
    assert!(
        error.contains("main.10.weight: expected shape [8, 4, 4, 4], found [4, 8, 3, 3]"),
        "{error}"
    );
}

#[test]
fn a_mask_travels_as_one_more_output_and_must_be_told() {
    let config = GeneratorConfig::new(2).with_base_channels(2).with_residual_blocks(1);
    let config = config.with_head(Head::Mask);
    let keys = generator_keys(&config);
    let named = |key: &Key| format!("generator.{}", key.path);
    let ones = |key: &Key| (named(key), TensorData::ones::<f32, _>(key.shape.clone()));
    let own: Weights = keys.iter().map(ones).collect();
    let files = Files::new();
    files.write("mask", &public_generator(&config, own.clone()).unwrap());
    // Of one label fewer, for images with opacity.
    let opaque = PublicModel::open(files.path("mask"), None::<&str>).unwrap();
    let error = opaque.into_parts(spaces(), TRANSFORM).unwrap_err().to_string();
    let expected = "the last weight has 4 outputs: where the last of them is that of a mask";
    assert!(error.contains(expected), "{error}");
    let open = |file| PublicModel::open_with_head(files.path(file), None::<&str>, Head::Mask);
    assert_eq!(open("mask").unwrap().generator, (config, own));
    let error = open("G").unwrap().into_parts(spaces(), TRANSFORM).unwrap_err().to_string();
    assert!(error.contains("expected 1 (grey), 3 (RGB) or 4"), "{error}");
}

#[test]
fn checkpoints_of_both_formats_hold_the_same_networks() {
    let (networks, mut fixture) = Fixture::open::<Networks>("objectives");
    let generator = fixture.parameters(&networks.generator_keys(), "g.", "generator");
    let discriminator = fixture.parameters(&networks.discriminator_keys(), "d.", "discriminator");
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    for format in ["", "-legacy"] {
        let path = |network: &str| format!("{fixtures}/public-{network}{format}.ckpt");
        let model = PublicModel::open(path("G"), Some(path("D"))).unwrap();
        assert_eq!(model.generator, (networks.generator(), generator.clone()));
        assert_eq!(model.discriminator, Some((networks.discriminator(), discriminator.clone())));
    }
}

#[test]
fn a_damaged_file_never_panics_and_a_cut_one_is_an_error() {
    use rand::Rng;
    let files = Files::new();
    let whole = fs::read(files.path("D")).unwrap();
    let mut rng = stream(1, Purpose::Step, 0, 0);
    for _ in 0..1000 {
        let mut damaged = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            // The header is where damage is structural; a value has no checksum in this format.
            let at = rng.random_range(0..damaged.len().min(2000));
            damaged[at] = rng.random();
        }
        let _ = read(&damaged).and_then(|weights| infer::discriminator(&weights));
        let cut = rng.random_range(0..whole.len());
        assert!(read(&whole[..cut]).is_err(), "{cut} of {} bytes", whole.len());
    }
}

#[test]
fn every_key_that_does_not_fit_is_named() {
    let files = Files::new();
    let change = |file: &str, prefix: &str, change: &dyn Fn(&mut Weights)| {
        let mut weights = files.public(prefix);
        change(&mut weights);
        files.write(file, &weights);
    };
    let values = || TensorData::zeros::<f32, _>([3]);
    change("missing", "g.", &|w| drop((w.remove("main.4.bias"), w.remove("main.17.weight"))));
    change("shape", "g.", &|w| drop(w.insert("main.9.main.1.bias".to_owned(), values())));
    change("more", "g.", &|w| drop(w.insert("main.99.weight".to_owned(), values())));
    change("long", "g.", &|w| {
        drop(w.insert("main.0.weight".to_owned(), TensorData::zeros::<i64, _>([1])))
    });
    change("none", "d.", &|w| drop(w.remove("conv2.weight")));
    fs::write(files.path("text"), "no checkpoint").unwrap();
    for (generator, discriminator, expected) in [
        (
            "missing",
            None,
            vec!["main.4.bias [16] is missing", "main.17.weight [3, 8, 7, 7] is missing"],
        ),
        ("shape", None, vec!["main.9.main.1.bias: expected shape [32], found [3]"]),
        ("more", None, vec!["unexpected keys: main.99.weight"]),
        ("long", None, vec!["`main.0.weight`: expected floats, found int64 values of shape [1]"]),
        ("D", None, vec!["is it the discriminator's file?"]),
        ("G", Some("G"), vec!["conv2.weight is missing; is it the generator's file?"]),
        ("G", Some("none"), vec!["conv2.weight is missing"]),
        ("text", None, vec!["text.safetensors: "]),
        ("nothing", None, vec!["nothing.safetensors: "]),
    ] {
        let error = files.refusal(generator, discriminator);
        assert!(expected.iter().all(|part| error.contains(part)), "{generator}: {error}");
    }
    let open = || PublicModel::open(files.path("G"), Some(files.path("D"))).unwrap();
    let few = LabelSpaces::single(LabelSpace::attributes(["a", "b"]));
    let other = Transform { size: 64.into(), ..TRANSFORM };
    for (spaces, transform, expected) in [
        (few, TRANSFORM, "condition width is 5, the labels need 2"),
        (spaces(), other, "the discriminator takes 32 pixel images"),
    ] {
        let model = Translator::<Flex>::import(open(), spaces, transform, &Default::default());
        let error = model.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
