//! Small changes of a file that break what its readers rely on.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest_derive::Arbitrary;

/// One change. Positions are shares of the length there is.
#[derive(Clone, Debug, Arbitrary)]
pub enum Mutation {
    Flip {
        at: Index,
        bit: u8,
    },
    Set {
        at: Index,
        byte: u8,
    },
    Remove {
        at: Index,
        count: u8,
    },
    Repeat {
        from: Index,
        to: Index,
        count: u8,
    },
    Word {
        at: Index,
        word: Index,
    },
    Truncate {
        at: Index,
    },
    /// A run of digits becomes another number.
    Digits {
        at: Index,
        number: Index,
        negative: bool,
    },
    /// A line, or what stands between two commas, takes the place of another.
    Field {
        from: Index,
        to: Index,
        comma: bool,
    },
    /// A number that overflows something, in as many bytes.
    Number {
        at: Index,
        bytes: u8,
        number: Index,
        big_endian: bool,
    },
}

const NUMBERS: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// `seed` after `mutations`; `words` are what the format is sensitive to.
pub fn mutate(seed: &[u8], mutations: &[Mutation], words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for mutation in mutations {
        apply(&mut bytes, mutation, words);
    }
    bytes
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation, words: &[Vec<u8>]) {
    let length = bytes.len();
    // One more than there are, so that the end is a position too.
    let position = |at: &Index| at.index(length + 1);
    let end = |from: usize, count: &u8| length.min(from + usize::from(*count));
    match mutation {
        Mutation::Flip { at, bit } if length > 0 => bytes[at.index(length)] ^= 1 << (bit % 8),
        Mutation::Set { at, byte } if length > 0 => bytes[at.index(length)] = *byte,
        Mutation::Flip { .. } | Mutation::Set { .. } => {}
        Mutation::Remove { at, count } => {
            let from = position(at);
            bytes.drain(from..end(from, count));
        }
        Mutation::Repeat { from, to, count } => {
            let from = position(from);
            let copy = bytes[from..end(from, count)].to_vec();
            let to = position(to);
            bytes.splice(to..to, copy);
        }
        Mutation::Word { at, word } => {
            if !words.is_empty() {
                let at = position(at);
                bytes.splice(at..at, word.get(words).iter().copied());
            }
        }
        Mutation::Digits { at, number, negative } => {
            let from = position(at);
            let digit = |byte: &u8| byte.is_ascii_digit();
            if let Some(start) = bytes[from..].iter().position(digit) {
                let start = from + start;
                let count = bytes[start..].iter().take_while(|byte| digit(byte)).count();
                let sign = if *negative { "-" } else { "" };
                let number = format!("{sign}{}", number.get(&NUMBERS));
                bytes.splice(start..start + count, number.into_bytes());
            }
        }
        Mutation::Field { from, to, comma } => {
            let separator = if *comma { b',' } else { b'\n' };
            let fields: Vec<&[u8]> = bytes.split(|byte| *byte == separator).collect();
            let mut fields: Vec<Vec<u8>> = fields.into_iter().map(<[u8]>::to_vec).collect();
            let copy = from.get(&fields).clone();
            let to = to.index(fields.len());
            fields[to] = copy;
            *bytes = fields.join(&separator);
        }
        Mutation::Truncate { at } => bytes.truncate(position(at)),
        Mutation::Number { at, bytes: width, number, big_endian } => {
            let width = 1 << (width % 4);
            let number = number.get(&NUMBERS);
            let from = position(at);
            let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
            let value = if *big_endian { &big[8 - width..] } else { &little[..width] };
            let end = length.min(from + width);
            bytes.splice(from..end, value.iter().copied());
        }
    }
}
