//! Reads PyTorch checkpoints that hold a state_dict, without Python and without running anything.
//!
//! Both file formats are read: the zip of PyTorch 1.6 and later, and the sequence of pickles
//! written before (0.1.10 to 1.5, and today with `_use_new_zipfile_serialization=False`). The
//! pickles inside are data here: they can build dicts, numbers, strings and tensors, nothing else.

mod archive;
mod calls;
mod cursor;
pub(super) mod dtype;
pub(super) mod entry;
mod legacy;
mod objects;
mod pickle;
mod tensors;
#[cfg(test)]
mod tests;
mod wrapper;
mod zip;

use std::collections::BTreeMap;

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::entry::Entry;
use crate::files::pytorch::state_dict::wrapper::Wanted;

/// Reads the state_dict held by the bytes of a PyTorch checkpoint.
///
/// Memory stays a small multiple of `bytes`, whatever they declare. A zip is refused unless every
/// byte that matters agrees with a checksum or a second copy; where PyTorch was told to leave the
/// checksums out, and in the older format, which has none, only the structure is checked.
///
/// # Errors
/// If `bytes` are neither format, are damaged, truncated or followed by something else, name
/// anything but what a state_dict is made of, or hold something other than one dict from strings to
/// tensors, by itself or under a key that training scripts wrap it with. The message says where
/// (entry and byte offset, or key), what was expected and found.
pub(super) fn read_state_dict(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    read(bytes, Wanted::One)
}

/// Reads several state_dicts: those that the file's dict has under `names`, as far as it has them.
/// A key here is the name, a dot and the key there.
///
/// # Errors
/// As [`read_state_dict`], where what is under a name is no dict from strings to tensors.
pub(super) fn read_state_dicts(
    bytes: &[u8],
    names: &[&str],
) -> Result<BTreeMap<String, Entry>, String> {
    read(bytes, Wanted::Named(names))
}

fn read(bytes: &[u8], wanted: Wanted<'_>) -> Result<BTreeMap<String, Entry>, String> {
    match bytes.first() {
        Some(b'P') => archive::read(bytes, wanted),
        // Every pickle of protocol 2 and later starts with the opcode PROTO.
        Some(&pickle::PROTO) => legacy::read(bytes, wanted),
        _ => Err(format!(
            "byte 0: expected a PyTorch checkpoint (a zip or a pickle), found {}",
            quoted(&bytes[..bytes.len().min(8)])
        )),
    }
}
