//! From a pickle and its storages to the entries of a state_dict.

use std::collections::BTreeMap;

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::entry::{Array, Entry};
use crate::files::pytorch::state_dict::objects::{Pickle, Tensor, Value};
use crate::files::pytorch::state_dict::wrapper::{self, Wanted};

/// Bytes of values that a file may unfold to, as a multiple of its length. Float16 takes twice its
/// size; the rest is room for tensors that share one storage, as tied weights do.
const MAX_UNFOLDING: usize = 8;

/// The entries of the wanted state_dicts that the pickle holds, given the bytes of each declared
/// storage. `length` is the file's, in bytes.
///
/// # Errors
/// If they aren't dicts from distinct strings to tensors that lie within their storages.
pub(super) fn entries(
    pickle: &Pickle,
    wanted: Wanted<'_>,
    storages: &BTreeMap<&str, &[u8]>,
    length: usize,
) -> Result<BTreeMap<String, Entry>, String> {
    let mut room = length.saturating_mul(MAX_UNFOLDING);
    let mut entries = BTreeMap::new();
    let dicts = wrapper::dicts(pickle, wanted)?;
    let items = dicts.iter().flat_map(|(name, pairs)| pairs.iter().map(move |pair| (name, pair)));
    for (name, (key, value)) in items {
        let &Value::Str(key) = key else {
            return Err(format!(
                "expected strings as keys of the state_dict, found {}",
                key.kind()
            ));
        };
        let key = name.map_or_else(|| key.to_owned(), |name| format!("{name}.{key}"));
        let place = |error| format!("key {}: {error}", quoted(&key));
        let &Value::Tensor(tensor) = value else {
            return Err(place(format!("expected a tensor, found {}", value.kind())));
        };
        let tensor = &pickle.objects.tensors[tensor];
        let entry = entry(pickle, tensor, storages, &mut room).map_err(place)?;
        if entries.contains_key(&key) {
            return Err(place("expected distinct keys, found this one twice".to_string()));
        }
        entries.insert(key, entry);
    }
    Ok(entries)
}

fn entry(
    pickle: &Pickle,
    tensor: &Tensor,
    storages: &BTreeMap<&str, &[u8]>,
    room: &mut usize,
) -> Result<Entry, String> {
    let storage = &pickle.objects.storages[tensor.storage];
    let width = storage.dtype.width();
    let bytes = *storages
        .get(storage.key)
        .ok_or_else(|| format!("expected the storage {}, found none", quoted(storage.key)))?;
    let bytes = match storage.view {
        None => bytes,
        Some((start, count)) => start
            .checked_add(count)
            .and_then(|end| bytes.get(start.checked_mul(width)?..end.checked_mul(width)?))
            .ok_or_else(|| {
                let elements = bytes.len() / width;
                format!("expected a view within {elements} elements, found {count} from {start}")
            })?,
    };
    let count = elements(tensor, bytes.len() / width)?;
    let shape = tensor.shape.clone();
    let Some(read) = storage.dtype.reader() else {
        return Ok(Entry::Other { dtype: storage.dtype.name(), shape });
    };
    *room = count.checked_mul(size_of::<f32>()).and_then(|used| room.checked_sub(used)).ok_or(
        "expected tensors of a size that the file's length allows, found storages shared too often",
    )?;
    let mut values = Vec::with_capacity(count);
    let mut index = vec![0; shape.len()];
    let mut at = tensor.offset;
    for _ in 0..count {
        values.push(read(bytes, at));
        // The next index in row-major order: the last dimension that isn't at its end advances, and
        // those after it start again.
        for dimension in (0..shape.len()).rev() {
            index[dimension] += 1;
            if index[dimension] < shape[dimension] {
                at += tensor.strides[dimension];
                break;
            }
            index[dimension] = 0;
            at -= (shape[dimension] - 1) * tensor.strides[dimension];
        }
    }
    Ok(Entry::Floats(Array { shape, values }))
}

/// How many elements `tensor` has, once it is known that each lies in a storage of `available`.
fn elements(tensor: &Tensor, available: usize) -> Result<usize, String> {
    let outside = || {
        let Tensor { offset, shape, strides, .. } = tensor;
        format!(
            "expected a tensor within {available} elements, found shape {shape:?}, \
             strides {strides:?} from {offset}"
        )
    };
    if tensor.shape.contains(&0) {
        return if tensor.offset <= available { Ok(0) } else { Err(outside()) };
    }
    let mut count = 1_usize;
    let mut last = tensor.offset;
    for (size, stride) in tensor.shape.iter().zip(&tensor.strides) {
        let reach = (size - 1).checked_mul(*stride).and_then(|reach| last.checked_add(reach));
        (count, last) = count.checked_mul(*size).zip(reach).ok_or_else(outside)?;
    }
    // An expanded tensor (stride 0) would lie within its storage however many elements it has.
    if last < available && count <= available { Ok(count) } else { Err(outside()) }
}
