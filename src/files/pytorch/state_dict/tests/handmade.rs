//! Files that PyTorch wouldn't write.

use crate::files::pytorch::state_dict::entry::{Array, Entry};
use crate::files::pytorch::state_dict::read_state_dict;
use crate::files::pytorch::state_dict::tests::{checkpoint, zip};

/// A zip checkpoint of one float storage `0` and this pickle.
fn around(pickled: &[u8], values: &[f32]) -> Vec<u8> {
    let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    zip(&[(b"a/data.pkl".to_vec(), pickled.to_vec()), (b"a/data/0".to_vec(), data)])
}

/// The opcodes of a tensor over float storage `0` of `count` elements.
fn tensor(count: u8, offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let numbers = |numbers: &[u8]| [b"(", numbers, b"t"].concat();
    let shape = numbers(&shape.iter().flat_map(|&size| [b'K', size]).collect::<Vec<_>>());
    let strides = numbers(&strides.iter().flat_map(|&size| [b'K', size]).collect::<Vec<_>>());
    [
        b"ctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK",
        &[count][..],
        b"tQK",
        &[offset],
        &shape,
        &strides,
        b"tR",
    ]
    .concat()
}

#[test]
fn tensors_stay_within_their_storage() {
    let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let read = |count, offset, shape: &[u8], strides: &[u8]| {
        let pickled =
            [b"\x80\x02}U\x01w", &tensor(count, offset, shape, strides)[..], b"s."].concat();
        read_state_dict(&around(&pickled, &values)).map(|state| state["w"].clone())
    };
    let floats = |shape: &[usize], values: &[f32]| {
        Ok(Entry::Floats(Array { shape: shape.to_vec(), values: values.to_vec() }))
    };
    assert_eq!(read(6, 1, &[2, 2], &[1, 3]), floats(&[2, 2], &[1.0, 4.0, 2.0, 5.0]));
    assert_eq!(read(6, 0, &[3, 2], &[2, 0]), floats(&[3, 2], &[0.0, 0.0, 2.0, 2.0, 4.0, 4.0]));
    assert_eq!(read(6, 6, &[3, 0], &[1, 1]), floats(&[3, 0], &[]));
    for (count, offset, shape, strides) in [
        (6, 2, &[2, 2][..], &[1, 3][..]),
        (6, 0, &[7, 1], &[0, 0]),
        (6, 6, &[], &[]),
        (6, 7, &[0], &[1]),
        (5, 0, &[1], &[1]),
        (7, 0, &[1], &[1]),
        (6, 0, &[1, 1], &[1]),
        (6, 0, &[1; 9], &[1; 9]),
    ] {
        let error = read(count, offset, shape, strides).unwrap_err();
        assert!(error.contains("expected"), "{error}");
    }
}

#[test]
fn a_small_file_cannot_unfold_into_a_large_one() {
    // One tensor of 200 values under each of 250 keys, 8 bytes apiece. An attribute of the dict
    // puts the tensor in the memo first.
    let mut pickled = b"\x80\x02}}U\x01t".to_vec();
    pickled.extend(tensor(200, 0, &[200], &[1]));
    pickled.extend(b"q\0sb");
    for key in 0..250_u32 {
        pickled.extend(format!("U\x03{key:03}h\0s").as_bytes());
    }
    pickled.push(b'.');
    let error = read_state_dict(&around(&pickled, &[0.0; 200])).unwrap_err();
    assert!(error.contains("shared too often"), "{error}");
}

#[test]
fn deep_and_long_pickles_are_refused_without_overflow() {
    let nested = |opcodes: &[u8], count| [b"\x80\x02)", &opcodes.repeat(count)[..], b"."].concat();
    let read = |pickled| read_state_dict(&zip(&[(b"a/data.pkl".to_vec(), pickled)]));
    // A tuple in a tuple, deeper than the program's stack could follow.
    let error = read(nested(b"\x85", 500_000)).unwrap_err();
    assert!(error.contains("found a tuple"), "{error}");
    for opcodes in [&b"\x85"[..], b"]", b"}", b"(", b"q\0", b"K\0", b"q\0h\0"] {
        let error = read(nested(opcodes, 1 << 20)).unwrap_err();
        assert!(error.contains("expected at most 1048576 values in a pickle"), "{error}");
    }
}

#[test]
fn other_files_are_named_as_such() {
    for (bytes, reason) in [
        (&b""[..], "byte 0: expected a PyTorch checkpoint (a zip or a pickle), found ``"),
        (b"\x93NUMPY\x01\0v\0", "found `\\x93NUMPY\\x01\\x00`"),
        (b"\x80\x02}.", "byte 0: expected PyTorch's magic number, found a dict"),
        (b"\x80\x06}.", "magic number: byte 0: expected pickle protocol 2 to 5, found 6"),
        (b"PK\x03\x04", "zip: expected at least 22 bytes, found 4"),
    ] {
        let error = read_state_dict(bytes).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_zips_storages_are_those_its_pickle_names() {
    let files = |extra: &[u8]| {
        let pickled = [b"\x80\x02}U\x01w", &tensor(1, 0, &[1], &[1])[..], b"s."].concat();
        let named = |name: &[u8], data: &[u8]| (name.to_vec(), data.to_vec());
        let mut files = vec![named(b"a/data.pkl", &pickled), named(b"a/data/0", &[0; 4])];
        files.push(named(extra, b"little"));
        read_state_dict(&zip(&files))
    };
    assert!(files(b"a/byteorder").is_ok());
    assert!(files(b"a/whatever").is_ok());
    for (name, reason) in [
        (&b"a/data/1"[..], "expected only storages that data.pkl names, found `data/1`"),
        (b"a/data/0", "expected distinct names, found `a/data/0` twice"),
        (b"b/version", "expected one top folder, found `b/version`"),
        (b"version", "expected every entry in one folder, found `version`"),
    ] {
        let error = files(name).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn big_endian_files_are_refused() {
    let files = [(b"a/data.pkl".to_vec(), b"\x80\x02}.".to_vec())];
    assert!(read_state_dict(&zip(&files)).unwrap().is_empty());
    let order = (b"a/byteorder".to_vec(), b"big".to_vec());
    let error = read_state_dict(&zip(&[&files[..], &[order]].concat())).unwrap_err();
    assert!(error.contains("byteorder: expected `little`, found `big`"), "{error}");

    let mut legacy = checkpoint("base.legacy.pt");
    let name = b"little_endianq\x02";
    let at = name.len() + legacy.windows(name.len()).position(|bytes| bytes == name).unwrap();
    assert_eq!(legacy[at], 0x88); // NEWTRUE
    legacy[at] = 0x89;
    let error = read_state_dict(&legacy).unwrap_err();
    assert!(error.contains("byte 21: expected little_endian to be True"), "{error}");
}
