//! Truncated, flipped and mutated files.

use crate::files::pytorch::state_dict::read_state_dict;
use crate::files::pytorch::state_dict::tests::{checkpoints, expected, found, zip};
use crate::files::pytorch::state_dict::zip as archive;

#[test]
fn every_truncation_is_an_error() {
    for (name, bytes) in checkpoints(false) {
        for length in 0..bytes.len() {
            assert!(read_state_dict(&bytes[..length]).is_err(), "{name} cut to {length}");
        }
    }
}

#[test]
fn anything_after_the_end_is_an_error() {
    for (name, mut bytes) in checkpoints(false) {
        bytes.push(0);
        assert!(read_state_dict(&bytes).is_err(), "{name}");
    }
}

#[test]
fn a_flipped_bit_in_a_zip_is_an_error_or_changes_nothing() {
    for (name, mut bytes) in checkpoints(false) {
        // It has no checksums.
        if !name.ends_with(".zip.pt") || name == "unchecked.zip.pt" {
            continue;
        }
        let expected = expected(&name);
        let mut refused = 0;
        for bit in 0..bytes.len() * 8 {
            let flip = 1 << (bit % 8);
            bytes[bit / 8] ^= flip;
            match read_state_dict(&bytes) {
                Ok(state) => assert_eq!(found(state), expected, "{name}, bit {bit}"),
                Err(_) => refused += 1,
            }
            bytes[bit / 8] ^= flip;
        }
        // The rest is alignment's padding, dates, versions and attributes.
        assert!(refused > bytes.len() * 8 / 2, "{name}: {refused}");
    }
}

/// Steele and Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }
}

/// Changes, removes, repeats or swaps a few bytes.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    // Opcodes and lengths that reach further than random bytes do.
    const TELLING: &[u8] =
        b"\x00\x01\x7f\x80\xff.(tqhjrRQbcsueXU)]}\x85\x86\x87\x8a\x8c\x93\x94\x95";
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let length = random.below(40).min(bytes.len() - at);
        match random.below(6) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 | 3 => bytes[at] = TELLING[random.below(TELLING.len())],
            4 if bytes.len() - length > 16 => drop(bytes.drain(at..at + length)),
            _ => {
                let copied = bytes[at..at + length].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copied);
            }
        }
    }
}

#[test]
fn mutations_never_panic() {
    let mut random = Random(1);
    for refused in [false, true] {
        for (_, bytes) in checkpoints(refused) {
            for _ in 0..1000 {
                let mut mutated = bytes.clone();
                mutate(&mut mutated, &mut random);
                let _ = read_state_dict(&mutated);
            }
        }
    }
}

#[test]
fn mutations_behind_valid_checksums_never_panic() {
    let mut random = Random(2);
    for (name, bytes) in checkpoints(false) {
        if !name.ends_with(".zip.pt") {
            continue;
        }
        for _ in 0..1000 {
            let files = archive::files(&bytes).unwrap();
            let mut files: Vec<_> =
                files.iter().map(|file| (file.name.to_vec(), file.data.to_vec())).collect();
            let pickled = files.iter_mut().find(|file| file.0.ends_with(b"data.pkl")).unwrap();
            mutate(&mut pickled.1, &mut random);
            let _ = read_state_dict(&zip(&files));
        }
    }
}
