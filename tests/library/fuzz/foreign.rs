//! Networks of the public code in the types and under the keys that other programs give them: each
//! is read, or refused in words.

use std::fs;
use std::path::Path;

use safetensors::tensor::Dtype;
use stargan::Parts;
use stargan::burn::tensor::{bf16, f16};

use crate::fuzz::binary::import;
use crate::fuzz::file::{File, Tensor};
use crate::fuzz::project;

/// The generator of the fixtures, of values that are exact in every type.
fn generator() -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("G.safetensors");
    let translator = import(&project("tests/fixtures/public-G.ckpt")).unwrap();
    translator.export_pytorch(&path, None::<&Path>).unwrap();
    let mut file = File::of(&fs::read(path).unwrap());
    for (_, _, data) in file.tensors.values_mut().filter(|tensor| tensor.0 == Dtype::F32) {
        for (index, value) in data.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *value = ((index % 9) as f32 / 8.0 - 0.5).to_le_bytes();
        }
    }
    file
}

/// The model file that is made of `file`.
fn open(file: &File) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("G.safetensors"), file.foreign()).unwrap();
    let translator = import(&path("G.safetensors")).map_err(|error| error.to_string())?;
    translator.save(path("model.safetensors"), Parts::All).unwrap();
    Ok(fs::read(path("model.safetensors")).unwrap())
}

/// `tensor` of 32-bit floats in another type, `last` in place of its last value.
fn converted(tensor: &Tensor, dtype: Dtype, last: Option<f64>) -> Tensor {
    let (_, shape, data) = tensor;
    let values = data.as_chunks::<4>().0.iter().map(|value| f64::from(f32::from_le_bytes(*value)));
    let mut values: Vec<f64> = values.collect();
    if let Some(last) = last {
        *values.last_mut().unwrap() = last;
    }
    let bytes = |value: f64| match dtype {
        Dtype::F64 => value.to_le_bytes().to_vec(),
        Dtype::F32 => (value as f32).to_le_bytes().to_vec(),
        Dtype::F16 => f16::from_f64(value).to_le_bytes().to_vec(),
        Dtype::BF16 => bf16::from_f64(value).to_le_bytes().to_vec(),
        other => panic!("{other:?}"),
    };
    (dtype, shape.clone(), values.into_iter().flat_map(bytes).collect())
}

const FLOATS: [Dtype; 4] = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16];

#[test]
fn every_type_of_floats_is_the_same_network() {
    let file = generator();
    let expected = open(&file).unwrap();
    for dtype in FLOATS {
        let mut other = file.clone();
        for tensor in other.tensors.values_mut().filter(|tensor| tensor.0 == Dtype::F32) {
            *tensor = converted(tensor, dtype, None);
        }
        assert!(open(&other).unwrap() == expected, "{dtype:?}");
    }
}

#[test]
fn what_is_not_finite_is_refused_in_every_type() {
    let file = generator();
    let cases = FLOATS.map(|dtype| [f64::NAN, f64::INFINITY, -f64::INFINITY].map(|v| (dtype, v)));
    // Beyond what 32 bits hold.
    let beyond = [(Dtype::F64, 1e39), (Dtype::F64, -1e300)];
    for (dtype, value) in cases.as_flattened().iter().chain(&beyond) {
        let mut other = file.clone();
        let tensor = other.tensors.get_mut("main.1.bias").unwrap();
        *tensor = converted(tensor, *dtype, Some(*value));
        let error = open(&other).unwrap_err();
        let expected = "main.1.bias: expected finite 32-bit floats, found ";
        assert!(error.contains(expected), "{dtype:?} {value}: {error}");
    }
    // Nobody uses the running statistics.
    let mut other = file.clone();
    let tensor = other.tensors.get_mut("main.1.running_var").unwrap();
    *tensor = converted(tensor, Dtype::F32, Some(f64::NAN));
    open(&other).unwrap();
}

#[test]
fn other_types_are_refused_by_name() {
    let file = generator();
    for (dtype, width, expected) in [
        (Dtype::I64, 8, "expected floats, found int64 values"),
        (Dtype::I32, 4, "expected floats, found int32 values"),
        (Dtype::U8, 1, "expected floats, found uint8 values"),
        (Dtype::BOOL, 1, "expected floats, found bool values"),
        (Dtype::F8_E4M3, 1, "expected floats of 16, 32 or 64 bits, found F8_E4M3"),
        (Dtype::F8_E5M2, 1, "expected floats of 16, 32 or 64 bits, found F8_E5M2"),
        (Dtype::U64, 8, "expected floats of 16, 32 or 64 bits, found U64"),
    ] {
        let mut other = file.clone();
        let tensor = other.tensors.get_mut("main.1.bias").unwrap();
        *tensor = (dtype, tensor.1.clone(), vec![0; width * tensor.1[0]]);
        let error = open(&other).unwrap_err();
        assert!(error.contains(&format!("`main.1.bias`: {expected}")), "{dtype:?}: {error}");
    }
}

/// `file` with other keys.
fn renamed(file: &File, name: impl Fn(&str) -> String) -> File {
    let tensors = file.tensors.iter().map(|(key, tensor)| (name(key), tensor.clone()));
    File { description: file.description.clone(), tensors: tensors.collect() }
}

#[test]
fn wrappers_before_all_keys_are_taken_off() {
    let file = generator();
    let expected = open(&file).unwrap();
    for prefix in [
        "module.",
        "_orig_mod.",
        "_orig_mod.module.",
        "module._orig_mod.",
        "module.module.",
        "module.module._orig_mod._orig_mod.",
    ] {
        let other = renamed(&file, |key| format!("{prefix}{key}"));
        assert!(open(&other).unwrap() == expected, "{prefix}");
    }
    let five = "module.".repeat(5);
    let first_only = |key: &str| match key {
        "main.0.weight" => "module.main.0.weight".to_owned(),
        key => key.to_owned(),
    };
    let twice = {
        let mut twice = file.clone();
        twice.tensors.extend(renamed(&file, |key| format!("module.{key}")).tensors);
        twice
    };
    for (what, other, expected) in [
        (
            "too many",
            renamed(&file, |key| format!("{five}{key}")),
            "main.0.weight is missing (its first keys: `module.main.",
        ),
        ("a key of five", renamed(&file, first_only), "main.0.weight is missing"),
        ("every key with and without", twice, "unexpected keys: module.main.0.weight"),
        (
            "another wrapper",
            renamed(&file, |key| format!("generator.{key}")),
            "main.0.weight is missing (its first keys: `generator.main.",
        ),
        (
            "a wrapper alone",
            renamed(&file, |_| "module.".to_owned()),
            "main.0.weight is missing (its first keys: ``)",
        ),
        (
            "keys that a terminal obeys",
            renamed(&file, |key| format!("\u{1b}[2J{key}")),
            r"(its first keys: `\x1b[2Jmain.",
        ),
        (
            "long keys",
            renamed(&file, |key| format!("{}{key}", "module.".repeat(100_000))),
            "main.0.weight is missing",
        ),
    ] {
        let error = open(&other).unwrap_err();
        assert!(error.contains(expected), "{what}: {error}");
        assert!(error.len() < 2_700, "{what}");
    }
}

#[test]
fn arrays_of_nothing_are_refused() {
    let mut file = generator();
    for shape in [vec![0], vec![0, 1 << 40, 1 << 40], vec![1 << 40, 0]] {
        file.tensors.insert("main.1.bias".to_owned(), (Dtype::F32, shape, Vec::new()));
        let error = open(&file).unwrap_err();
        assert!(error.contains("`main.1.bias`: expected values, found none"), "{error}");
    }
}
