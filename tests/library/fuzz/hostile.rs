//! Files that someone has made to do harm, each with a checksum that is right: every one is an
//! error that says what is wrong, at once and in little memory.

use std::fs;
use std::path::Path;

use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use stargan::burn::backend::{Autodiff, Flex};
use stargan::{
    LabelSpace, LabelSpaces, ModelConfig, Parts, PublicModel, StarGan, Trainer, Transform,
    Translator,
};

use crate::fuzz::binary::trained;
use crate::fuzz::file::{File, Tensor};
use crate::fuzz::{assert_little_memory, project};

/// A model of 16 pixels and three labels, with both networks.
fn model() -> File {
    let folder = tempfile::tempdir().unwrap();
    let fixture = |network: &str| project(&format!("tests/fixtures/public-{network}.ckpt"));
    let public = PublicModel::open(fixture("G"), Some(fixture("D"))).unwrap();
    let spaces = LabelSpaces::single(LabelSpace::attributes(["a", "b", "c"]));
    let transform = Transform::new(stargan::Crop::Square, 16.into());
    let translator =
        Translator::<Flex>::import(public, spaces, transform, &Default::default()).unwrap();
    let path = folder.path().join("model.safetensors");
    translator.save(&path, Parts::All).unwrap();
    let file = File::of(&fs::read(path).unwrap());
    assert_eq!(File::of(&file.model()).tensors.len(), file.tensors.len());
    file
}

/// The error of opening `bytes` as a model: what `open` and `describe` say, one of which may find
/// nothing.
fn refusal(what: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, bytes).unwrap();
    let described = stargan::describe::<ModelConfig>(&path).err().map(|error| error.to_string());
    let opened = Translator::<Flex>::open(&path, &Default::default()).err();
    let opened = opened.unwrap_or_else(|| panic!("{what}: it is opened")).to_string();
    for error in described.iter().chain([&opened]) {
        assert!(error.contains("model.safetensors: "), "{what}: {error}");
        assert_readable(what, error);
    }
    opened
}

fn assert_readable(what: &str, error: &str) {
    assert!(error.len() < 2_700, "{what}: {} bytes", error.len());
    let plain = |c: char| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c);
    assert!(error.chars().all(plain), "{what}: {error:?}");
}

/// Checks that each change of the description is refused with its words, without much memory.
fn refuse(cases: impl IntoIterator<Item = (&'static str, Value, &'static str)>) {
    let model = model();
    for (pointer, value, expected) in cases {
        let mut changed = model.clone();
        let shown: String = value.to_string().chars().take(80).collect();
        let what = format!("{pointer} = {shown}");
        *changed.description.pointer_mut(pointer).expect(pointer) = value;
        let error = refusal(&what, &changed.model());
        assert!(error.contains(expected), "{what}: {error}");
        assert_little_memory(&what);
    }
}

#[test]
fn images_that_no_machine_has_room_for() {
    let crop = |side: Value| json!({"centre": side});
    let none = "the crop is 0 pixels; it must be at least 1";
    let beyond = "pixels a side; they must be 1 to 16384";
    refuse([
        ("/transform/crop", crop(json!(0)), none),
        ("/transform/crop", crop(json!(-1)), "invalid value: integer `-1`"),
        ("/transform/crop", crop(json!(1_u64 << 32)), "invalid value: integer `4294967296`"),
        ("/transform/crop", crop(json!(1.5)), "invalid type: floating point `1.5`"),
        ("/transform/crop", crop(Value::Null), "invalid type: null"),
        ("/transform/crop", json!("circle"), "unknown variant `circle`"),
        ("/transform/crop", json!({}), "its description is invalid"),
        ("/transform/size", json!(0), beyond),
        ("/transform/size", json!(15), "use 14 or 16 pixels"),
        ("/transform/size", json!(12), "the discriminator takes 16 pixel images"),
        ("/transform/size", json!(16_385), beyond),
        ("/transform/size", json!(4_294_967_294_u32), beyond),
        ("/transform/size", json!(u32::MAX), beyond),
        ("/transform/size", json!(1_u64 << 40), beyond),
        ("/transform/size", json!(-16), "invalid value: integer `-16`"),
        ("/transform/size", json!(1e300), "invalid type: floating point"),
        ("/transform/size", json!("16"), "invalid type: string"),
        ("/transform/size", json!({"width": 16, "height": 0}), beyond),
        ("/transform/size", json!({"width": 16}), "missing field `height`"),
        ("/transform/size", json!({"width": 16, "height": -1}), "invalid value: integer `-1`"),
        ("/discriminator/image_size", json!({"width": 16, "height": 17}), "17 pixels is not"),
        (
            "/discriminator/image_size",
            json!({"width": 32, "height": 16}),
            "the discriminator takes 32x16 pixel images, the transform makes 16",
        ),
        (
            "/discriminator/image_size",
            json!({"width": u64::MAX, "height": 1_u64 << 40}),
            "is not divisible by",
        ),
        ("/discriminator/image_size", json!(0), "0 pixels is not divisible by"),
        ("/discriminator/image_size", json!(32), "the discriminator takes 32 pixel images"),
        ("/discriminator/image_size", json!(1_u64 << 40), "the discriminator"),
        ("/discriminator/image_size", json!(u64::MAX), "is not divisible by"),
    ]);
    // Without D nothing else in the file depends on the size.
    let mut model = model();
    model.description["discriminator"] = Value::Null;
    model.tensors.retain(|name, _| name.starts_with("generator."));
    for (size, expected) in
        [(16_384_u32, "more than 2 GiB of memory for one layer"), (4_294_967_292, beyond)]
    {
        model.description["transform"]["size"] = json!(size);
        let error = refusal("without D", &model.model());
        assert!(error.contains(expected), "{size}: {error}");
    }
}

#[test]
fn networks_that_are_not_in_the_file() {
    let few = "parameters, it holds";
    let wide = "more than 65536 channels wide";
    let many = "more than 68 billion parameters";
    refuse([
        ("/generator/condition_width", json!(0), "condition width is 0, the labels need 3"),
        ("/generator/condition_width", json!(u64::MAX), many),
        ("/generator/base_channels", json!(0), "base_channels is 0"),
        ("/generator/base_channels", json!(1), "expected shape"),
        ("/generator/base_channels", json!(1 << 14), few),
        ("/generator/base_channels", json!(1_u64 << 40), wide),
        ("/generator/base_channels", json!(u64::MAX), wide),
        ("/generator/residual_blocks", json!(0), "unexpected tensor(s)"),
        ("/generator/residual_blocks", json!(1_u64 << 20), few),
        ("/generator/residual_blocks", json!(u64::MAX), many),
        ("/generator/downsamplings", json!(0), "expected shape"),
        ("/generator/upsampling", json!("resize"), "expected shape"),
        ("/generator/head", json!("mask"), few),
        ("/generator/head", json!("both"), "unknown variant `both`"),
        ("/generator/upsampling", json!("nearest"), "unknown variant `nearest`"),
        ("/generator/downsamplings", json!(31), wide),
        ("/generator/downsamplings", json!(u64::MAX), wide),
        ("/generator/image_channels", json!(0), "image_channels is 0"),
        ("/generator/image_channels", json!(1 << 20), "takes images of 1048576 channels"),
        ("/generator/image_channels", json!(u64::MAX), many),
        ("/discriminator/label_width", json!(0), "label width is 0, the labels need 3"),
        ("/discriminator/downsamplings", json!(0), "downsamplings is 0"),
        ("/discriminator/downsamplings", json!(40), wide),
        ("/discriminator/base_channels", json!(1_u64 << 50), wide),
        ("/discriminator/image_channels", json!(1_u64 << 50), many),
        ("/discriminator", json!({}), "missing field"),
        ("/discriminator", Value::Null, "unexpected tensor(s): discriminator."),
        ("/generator", Value::Null, "its description is invalid"),
    ]);
}

#[test]
fn labels_that_a_terminal_obeys_or_that_mean_nothing() {
    let names = |names: &[&str]| json!(names);
    let control = "contains a control character";
    let (long, huge) = ("x".repeat(256), "x".repeat(20_000_000));
    let many: Vec<_> = (0..100_000).map(|number| number.to_string()).collect();
    const NAMES: &str = "/domains/0/labels/names";
    const GROUPS: &str = "/domains/0/labels/exclusive";
    refuse([
        (NAMES, names(&["a", "\u{1b}[2J\u{1b}[H", "c"]), control),
        (NAMES, names(&["a", "b\nerror: all is well", "c"]), control),
        (NAMES, names(&["a", "b\r", "c"]), control),
        (NAMES, names(&["a", "b\0", "c"]), control),
        (NAMES, names(&["a", "\u{202e}gpj.b", "c"]), control),
        (NAMES, names(&["a", "\u{9b}2J", "c"]), control),
        (NAMES, names(&["a", "", "c"]), "label name \"\" is empty"),
        (NAMES, names(&["a", " ", "c"]), "starts or ends with a space"),
        (NAMES, names(&["a", "a", "c"]), "label \"a\" appears twice"),
        (NAMES, names(&["a", "b,c", "c"]), "which edits use"),
        (NAMES, names(&["a", &long, "c"]), "is longer than 255 bytes"),
        (NAMES, names(&["a", &huge, "c"]), "its description has 20000"),
        (NAMES, names(&["a", &huge[..1 << 20], "c"]), "is longer than 255 bytes"),
        (NAMES, json!(many), "condition width is 3, the labels need 100000"),
        (NAMES, json!([]), "a label space needs names"),
        (NAMES, json!([1]), "invalid type: integer"),
        (GROUPS, json!([[0, 99]]), "attribute number 99"),
        (GROUPS, json!([[1, 1]]), "appears twice"),
        (GROUPS, json!([[1]]), "at least two attributes"),
        (GROUPS, json!([[0, 1], [1, 2]]), "in two exclusive groups"),
        (GROUPS, json!([[u64::MAX, 0]]), "attribute number 18446744073709551615"),
        ("/domains/0/name", json!("\u{1b}]0;owned\u{7}"), control),
        ("/domains/0/labels/kind", json!("\u{1b}[31mkind"), "unknown variant"),
        ("/domains", json!([]), "expected at least one dataset"),
        ("/domains", json!(3), "expected a list of datasets"),
        ("/version", json!(2), "format version 2"),
        ("/version", json!(-1), "its description is invalid"),
        ("/version", json!(huge), "its description has 20000"),
        ("/version", json!(&huge[..1 << 20]), "its description is invalid"),
        ("", json!([1, 2, 3]), "its description is invalid"),
        ("", json!("text"), "its description is invalid"),
    ]);
    let model = model();
    for (what, text, expected) in [
        ("nothing", String::new(), "its description is invalid"),
        ("nested", "[".repeat(1 << 20), "its description is invalid"),
        ("nested in an object", r#"{"a":"#.repeat(1 << 19), "its description is invalid"),
        ("many", format!("[{}0]", "0,".repeat(1 << 20)), "its description is invalid"),
        ("blank", " ".repeat(5 << 20), "its description has 5242880 bytes"),
    ] {
        let error = refusal(what, &model.described(&text));
        assert!(error.contains(expected), "{what}: {error}");
        assert_little_memory(what);
    }
}

#[test]
fn weights_that_are_no_numbers_or_not_those_described() {
    let model = model();
    let stem = "generator.stem.conv.weight";
    for name in [stem, "generator.head.weight", "discriminator.domain.weight"] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut changed = model.clone();
            let (_, _, data) = changed.tensors.get_mut(name).unwrap();
            let end = data.len() - 4;
            data[end..].copy_from_slice(&value.to_le_bytes());
            let error = refusal(name, &changed.model());
            let expected = format!("{name}: expected finite 32-bit floats, found {value}");
            assert!(error.contains(&expected), "{error}");
        }
    }
    let tensor = |dtype, shape: &[usize]| -> Tensor {
        let bits: usize = shape.iter().product::<usize>() * dtype_bits(dtype);
        (dtype, shape.to_vec(), vec![0; bits / 8])
    };
    for (name, tensor, expected) in [
        (stem, None, "stem.conv.weight [4, 6, 7, 7] is missing"),
        (stem, Some(tensor(Dtype::F32, &[1])), "expected shape [4, 6, 7, 7], found [1]"),
        (stem, Some(tensor(Dtype::F32, &[0])), "parameters, it holds"),
        (stem, Some(tensor(Dtype::F16, &[4, 6, 7, 7])), "expected F32 values, found F16"),
        (stem, Some(tensor(Dtype::I64, &[4, 6, 7, 7])), "expected F32 values, found I64"),
        ("generator.\u{1b}[2J", Some(tensor(Dtype::F32, &[1])), "unexpected tensor(s)"),
        ("generator.none", Some(tensor(Dtype::F32, &[0, 1 << 40])), "unexpected tensor(s)"),
    ] {
        let mut changed = model.clone();
        match tensor {
            Some(tensor) => drop(changed.tensors.insert(name.to_owned(), tensor)),
            None => drop(changed.tensors.remove(name)),
        }
        // Enough values, so that it is the names that are looked at.
        if !expected.contains("it holds") {
            changed.tensors.insert("more".to_owned(), (Dtype::F32, vec![9_999], vec![0; 39_996]));
        }
        let error = refusal(name, &changed.model());
        assert!(error.contains(expected), "{name:?}: {error}");
    }
}

fn dtype_bits(dtype: Dtype) -> usize {
    match dtype {
        Dtype::I64 | Dtype::F64 => 64,
        Dtype::F32 => 32,
        Dtype::F16 | Dtype::BF16 => 16,
        other => panic!("{other:?}"),
    }
}

#[test]
fn checkpoints_that_no_run_could_have_written() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = File::of(&trained(folder.path()));
    let run = folder.path().join("run");
    let resume = |what: &str, file: &File| {
        fs::write(run.join("checkpoints/00000002.safetensors"), file.model()).unwrap();
        let resumed = Trainer::<Autodiff<Flex>, StarGan>::resume(&run, &Default::default());
        let error = resumed.err().unwrap_or_else(|| panic!("{what}: it is resumed")).to_string();
        assert_readable(what, &error);
        error
    };
    for name in checkpoint.tensors.keys() {
        let mut changed = checkpoint.clone();
        let (_, _, data) = changed.tensors.get_mut(name).unwrap();
        data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        let error = resume(name, &changed);
        assert!(error.contains(&format!("{name}: expected finite 32-bit floats")), "{error}");
    }
    let control = "contains a control character";
    for (pointer, value, expected) in [
        ("/training/datasets/0/crop", json!({"centre": 0}), "the crop is 0 pixels"),
        ("/transform/crop", json!({"centre": 0}), "the crop is 0 pixels"),
        ("/transform/size", json!(1 << 20), "they must be 1 to 16384"),
        ("/domains/0/labels/names/0", json!("\u{1b}[2J"), control),
        ("/training/config/settings/domains/0/labels/names/0", json!("\u{1b}[2J"), control),
        ("/training/config/settings/discriminator/image_size", json!(1 << 20), "2 GiB"),
    ] {
        let mut changed = checkpoint.clone();
        let description = changed.description.to_string();
        let place = changed.description.pointer_mut(pointer);
        *place.unwrap_or_else(|| panic!("{pointer}: {description}")) = value;
        let error = resume(pointer, &changed);
        assert!(error.contains(expected), "{pointer}: {error}");
    }
    assert_little_memory("checkpoints");
}

#[test]
fn heads_that_promise_terabytes() {
    let headed = |length: u64, head: &str| [&length.to_le_bytes()[..], head.as_bytes()].concat();
    let whole = |head: &str| headed(head.len() as u64, head);
    let tensor = |shape: &str, offsets: &str| {
        whole(&format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#))
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("7 bytes", vec![0; 7]),
        ("8 bytes", vec![0; 8]),
        ("a head of 2^64 bytes", headed(u64::MAX, "{}")),
        ("a head of 2^63 bytes", headed(1 << 63, "{}")),
        ("a head of a terabyte", headed(1 << 40, "{}")),
        ("a head of 99 MB", headed(99_000_000, "{}")),
        ("a head of one more", headed(3, "{}")),
        ("a head of one less", headed(1, "{}")),
        ("no JSON", whole("{]")),
        ("no UTF-8", [&2_u64.to_le_bytes()[..], b"{\xff"].concat()),
        ("nested", whole(&"{\"a\":".repeat(100_000))),
        ("a list", whole("[1, 2]")),
        ("a terabyte", tensor("[274877906944]", "[0,1099511627776]")),
        ("more than there is", tensor("[1000000]", "[0,4000000]")),
        ("2^64 values", tensor("[4294967296,4294967296]", "[0,0]")),
        ("2^64 values, and none", tensor("[4294967296,4294967296,0]", "[0,0]")),
        ("backwards", tensor("[1]", "[4,0]")),
        ("negative", tensor("[-1]", "[0,4]")),
        ("no numbers", tensor(r#"["1"]"#, "[0,4]")),
        ("overlapping", {
            let one =
                |name| format!(r#""{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#);
            [whole(&format!("{{{},{}}}", one("a"), one("b"))), vec![0; 4]].concat()
        }),
        ("metadata of numbers", whole(r#"{"__metadata__":{"stargan":1}}"#)),
        ("metadata of lists", whole(r#"{"__metadata__":[]}"#)),
        ("no metadata", whole("{}")),
    ];
    for (what, bytes) in cases {
        refusal(what, &bytes);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("G.safetensors");
        fs::write(&path, &bytes).unwrap();
        let error = PublicModel::open(&path, None::<&Path>).unwrap_err().to_string();
        assert_readable(what, &error);
        assert_little_memory(what);
    }
}
