//! PyTorch's format before 1.6: pickles of a magic number, a version, the writer's system, the
//! state_dict and the keys of its storages, then each storage as an element count and raw values.

use std::collections::BTreeMap;

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::cursor::Cursor;
use crate::files::pytorch::state_dict::entry::Entry;
use crate::files::pytorch::state_dict::objects::{Pickle, Value};
use crate::files::pytorch::state_dict::pickle;
use crate::files::pytorch::state_dict::tensors;
use crate::files::pytorch::state_dict::wrapper::Wanted;

/// 0x1950a86a20f9469cfc6c, little-endian: too wide for the pickles' other integers.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

/// Reads the wanted state_dicts of a checkpoint in the format before 1.6.
///
/// # Errors
/// As [`super::read_state_dict`].
pub(super) fn read(bytes: &[u8], wanted: Wanted<'_>) -> Result<BTreeMap<String, Entry>, String> {
    let mut at = 0;
    let mut next = |what: &str| -> Result<(Pickle, usize), String> {
        let start = at;
        let (pickle, end) = pickle::load(bytes, at).map_err(|error| format!("{what}: {error}"))?;
        at = end;
        Ok((pickle, start))
    };
    let (magic, _) = next("magic number")?;
    if !matches!(magic.root, Value::Long(long) if long == MAGIC) {
        return Err(format!(
            "byte 0: expected PyTorch's magic number, found {}; this is a pickle of another \
             program",
            magic.root.kind()
        ));
    }
    let (version, start) = next("version")?;
    if !matches!(version.root, Value::Int(VERSION)) {
        return Err(format!(
            "byte {start}: expected the format's version {VERSION}, found {}",
            version.root.kind()
        ));
    }
    let (system, start) = next("system")?;
    if !matches!(system.item("little_endian"), Some(Value::Bool(true))) {
        return Err(format!(
            "byte {start}: expected little_endian to be True in the system's dict"
        ));
    }
    let (pickle, start) = next("state_dict")?;
    let declared =
        pickle.declared().map_err(|error| format!("state_dict at byte {start}: {error}"))?;
    let (keys, start) = next("storage keys")?;
    let keys = keys
        .list()
        .ok_or_else(|| format!("byte {start}: expected a list, found {}", keys.root.kind()))?;

    let mut cursor = Cursor::new(bytes, at);
    let mut storages = BTreeMap::new();
    for key in keys {
        let Value::Str(key) = *key else {
            return Err(format!("byte {start}: expected storage keys, found {}", key.kind()));
        };
        let at = cursor.at();
        let place = |error| format!("storage {} at byte {at}: {error}", quoted(key));
        let declared = declared
            .get(key)
            .ok_or_else(|| place("expected a key that the state_dict uses".to_string()))?;
        let count = cursor.u64("element count").map_err(place)?;
        if count != declared.count as u64 {
            return Err(place(format!("expected {} elements, found {count}", declared.count)));
        }
        let length = declared.bytes().ok_or_else(|| place(format!("{count} is too many")))?;
        let data = cursor.take(length, "values").map_err(place)?;
        if storages.insert(key, data).is_some() {
            return Err(place("expected distinct keys, found this one twice".to_string()));
        }
    }
    if let Some(key) = declared.keys().find(|&&key| !storages.contains_key(key)) {
        return Err(format!(
            "byte {start}: expected storage {} in the list of keys, found none",
            quoted(key)
        ));
    }
    if !cursor.rest().is_empty() {
        let (at, rest) = (cursor.at(), cursor.rest().len());
        return Err(format!("byte {at}: expected the end of the file, found {rest} more bytes"));
    }
    tensors::entries(&pickle, wanted, &storages, bytes.len())
}
