//! The reader against files that PyTorch wrote, and against damaged and hostile ones.
//! `tests/fixtures/checkpoints/make.py` makes the files.

mod damage;
mod handmade;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::files::pytorch::safetensors;
use crate::files::pytorch::state_dict::entry::{Array, Entry};
use crate::files::pytorch::state_dict::{read_state_dict, read_state_dicts};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/checkpoints"))
}

/// Names and bytes of the checkpoints, `refused` or not.
fn checkpoints(refused: bool) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".pt") && name.starts_with("refused-") == refused {
            let bytes = fs::read(folder().join(&name)).unwrap();
            found.push((name, bytes));
        }
    }
    found.sort();
    assert!(found.len() >= 10, "{found:?}");
    found
}

fn checkpoint(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}

/// Key, type, shape and the floats' bits, as make.py wrote them.
type Expected = BTreeMap<String, (String, Vec<usize>, Vec<u32>)>;

fn expected(name: &str) -> Expected {
    let stem = name.split('.').next().unwrap();
    let text = fs::read_to_string(folder().join(format!("{stem}.txt"))).unwrap();
    let line = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        let [key, dtype, shape, bits] = fields[..] else { panic!("{line}") };
        let shape = shape.split(',').filter(|size| !size.is_empty());
        let bits = bits.split(' ').filter(|bits| !bits.is_empty());
        let entry = (
            dtype.to_string(),
            shape.map(|size| size.parse().unwrap()).collect(),
            bits.map(|bits| u32::from_str_radix(bits, 16).unwrap()).collect(),
        );
        (key.to_string(), entry)
    };
    text.lines().map(line).collect()
}

fn found(state: BTreeMap<String, Entry>) -> Expected {
    let entry = |entry| match entry {
        Entry::Floats(Array { shape, values }) => {
            ("floats".to_string(), shape, values.into_iter().map(f32::to_bits).collect())
        }
        Entry::Other { dtype, shape } => (dtype.to_string(), shape, Vec::new()),
    };
    state.into_iter().map(|(key, value)| (key, entry(value))).collect()
}

#[test]
fn values_are_pytorchs_to_the_bit() {
    for (name, bytes) in checkpoints(false) {
        let state = read_state_dict(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = expected(&name);
        assert!(!expected.is_empty());
        assert_eq!(found(state), expected, "{name}");
    }
}

/// The same tensors as in `dtypes.zip.pt`.
#[test]
fn safetensors_are_read_to_the_same_bits() {
    let entries = safetensors::read(&checkpoint("dtypes.safetensors")).unwrap();
    assert_eq!(found(entries), expected("dtypes"));
}

#[test]
fn refusals_say_why() {
    let reasons = [
        ("refused-conjugate.legacy.pt", "_rebuild_tensor_v2"),
        ("refused-conjugate.zip.pt", "_rebuild_tensor_v2"),
        ("refused-deflated.zip.pt", "compression method (0 is stored): expected 0, found 8"),
        ("refused-expanded.legacy.pt", "key `weight`: expected a tensor within 1 elements"),
        ("refused-expanded.zip.pt", "key `weight`: expected a tensor within 1 elements"),
        ("refused-integer-key.legacy.pt", "expected strings as keys"),
        ("refused-integer-key.zip.pt", "expected strings as keys"),
        ("refused-looped.zip.pt", "expected a state_dict in at most 4 dicts, found more around it"),
        ("refused-module.zip.pt", "found `torch.nn.modules.container.Sequential`"),
        (
            "refused-networks.zip.pt",
            "key `G`: expected a tensor, found a dict, and none under a key",
        ),
        ("refused-several.zip.pt", "expected one state_dict, found dicts under `model` and"),
        ("refused-system.legacy.pt", "found `posix.system` (nothing was run)"),
        ("refused-system.zip.pt", "found `os.system` (nothing was run)"),
        ("refused-tensor.legacy.pt", "expected a state_dict (a dict of tensors), found a tensor"),
        ("refused-tensor.zip.pt", "expected a state_dict (a dict of tensors), found a tensor"),
        ("refused-value.legacy.pt", "key `note`: expected a tensor, found the string `text`"),
        ("refused-value.zip.pt", "key `note`: expected a tensor, found the string `text`"),
    ];
    let refused = checkpoints(true);
    assert_eq!(refused.len(), reasons.len());
    for ((name, bytes), (file, reason)) in refused.iter().zip(reasons) {
        assert_eq!(name, file);
        let error = read_state_dict(bytes).unwrap_err();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn several_state_dicts_are_read_by_name_in_both_formats() {
    let keys = |file: &str, names: &[&str]| {
        let state = read_state_dicts(&checkpoint(file), names).unwrap();
        state.into_keys().collect::<Vec<_>>()
    };
    let both = keys("refused-networks.zip.pt", &["G", "D"]);
    assert!(both.iter().any(|key| key.starts_with("D.")), "{both:?}");
    let one = keys("refused-networks.zip.pt", &["G", "other"]);
    assert!(!one.is_empty() && one.iter().all(|key| key.starts_with("G.")), "{one:?}");
    for file in ["wrapped.zip.pt", "wrapped.legacy.pt"] {
        let inner = expected(file).into_keys().map(|key| format!("state_dict.{key}"));
        assert_eq!(keys(file, &["state_dict"]), inner.collect::<Vec<_>>(), "{file}");
        let error = read_state_dicts(&checkpoint(file), &["epoch"]).unwrap_err();
        assert!(error.starts_with("key `epoch`: expected a state_dict, found "), "{error}");
    }
    let error = read_state_dicts(&checkpoint("refused-tensor.zip.pt"), &["G"]).unwrap_err();
    assert_eq!(error, "expected a dict of state_dicts, found a tensor");
}

/// A plain zip of stored files.
fn zip(files: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let offset = body.len() as u32;
        let mut common = vec![0; 10];
        common.extend(crc32fast::hash(data).to_le_bytes());
        common.extend([(data.len() as u32).to_le_bytes(); 2].as_flattened());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        body.extend(b"PK\x03\x04".iter().chain(&common).chain(name).chain(data));
        directory.extend(b"PK\x01\x02\0\0".iter().chain(&common).chain(&[0; 10]));
        directory.extend(offset.to_le_bytes().iter().chain(name));
    }
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend([(files.len() as u16).to_le_bytes(); 2].as_flattened());
    end.extend((directory.len() as u32).to_le_bytes());
    end.extend((body.len() as u32).to_le_bytes());
    end.extend([0; 2]);
    [body, directory, end].concat()
}
