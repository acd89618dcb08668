//! PyTorch's zip format (1.6 and later): `<name>/data.pkl` and the storages `<name>/data/<key>`.

use std::collections::BTreeMap;

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::entry::Entry;
use crate::files::pytorch::state_dict::pickle;
use crate::files::pytorch::state_dict::tensors;
use crate::files::pytorch::state_dict::wrapper::Wanted;
use crate::files::pytorch::state_dict::zip;

/// Reads the wanted state_dicts of a zip checkpoint.
///
/// # Errors
/// As [`super::read_state_dict`].
pub(super) fn read(bytes: &[u8], wanted: Wanted<'_>) -> Result<BTreeMap<String, Entry>, String> {
    let mut files = BTreeMap::new();
    let mut root = None;
    for file in zip::files(bytes)? {
        // The top folder is named after the file that was first saved, so it can be anything.
        let slash = file.name.iter().position(|&byte| byte == b'/').ok_or_else(|| {
            format!("zip: expected every entry in one folder, found {}", quoted(file.name))
        })?;
        let (folder, name) = file.name.split_at(slash);
        if *root.get_or_insert(folder) != folder {
            return Err(format!("zip: expected one top folder, found {}", quoted(file.name)));
        }
        if files.insert(&name[1..], file.data).is_some() {
            return Err(format!("zip: expected distinct names, found {} twice", quoted(file.name)));
        }
    }
    // Before 2.1 there was no such entry; big-endian machines could not be told apart.
    if let Some(order) = files.get(&b"byteorder"[..])
        && *order != b"little"
    {
        return Err(format!("byteorder: expected `little`, found {}", quoted(order)));
    }
    let pickled =
        files.get(&b"data.pkl"[..]).ok_or("zip: expected an entry data.pkl, found none")?;
    let (pickle, end) = pickle::load(pickled, 0).map_err(|error| format!("data.pkl: {error}"))?;
    if end != pickled.len() {
        let rest = pickled.len() - end;
        return Err(format!("data.pkl: byte {end}: expected the end, found {rest} more bytes"));
    }
    let mut storages = BTreeMap::new();
    for (key, declared) in pickle.declared().map_err(|error| format!("data.pkl: {error}"))? {
        let name = format!("data/{key}");
        let data = files
            .get(name.as_bytes())
            .ok_or_else(|| format!("zip: expected an entry {}, found none", quoted(&name)))?;
        if declared.bytes() != Some(data.len()) {
            return Err(format!(
                "{}: expected {} elements of {}, found {} bytes",
                quoted(&name),
                declared.count,
                declared.dtype.name(),
                data.len()
            ));
        }
        storages.insert(key, *data);
    }
    for name in files.keys() {
        let key = name.strip_prefix(b"data/");
        // A folder's own entry, as zip programs add it, has an empty key and no data.
        if let Some(key) = key.filter(|key| !key.is_empty())
            && !std::str::from_utf8(key).is_ok_and(|key| storages.contains_key(key))
        {
            return Err(format!(
                "zip: expected only storages that data.pkl names, found {}",
                quoted(name)
            ));
        }
    }
    tensors::entries(&pickle, wanted, &storages, bytes.len())
}
