//! Reads the weights of one network of the public code, whichever of its formats they are in.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use crate::error::shown::quoted;
use crate::files::pytorch::safetensors;
use crate::files::pytorch::state_dict::entry::{Array, Entry};
use crate::files::pytorch::state_dict::{read_state_dict, read_state_dicts};
use crate::nn::weights::{Weights, check_finite};

/// What PyTorch's instance norm keeps beside its parameters under `track_running_stats=True`. The
/// public code never uses them, for it never calls `eval()`.
pub(super) const STATISTICS: [&str; 3] = ["running_mean", "running_var", "num_batches_tracked"];

/// What `DataParallel` and `torch.compile` put before every key of the module that they wrap.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// The most wrappers that are taken off: both, and each twice.
const MOST_WRAPPERS: usize = 4;

/// The finite 32-bit floats of a `state_dict`, without running statistics, by the keys of the
/// module that nothing wraps.
///
/// # Errors
/// If `bytes` are no whole file of such a dict, or a value is not finite.
pub(super) fn read(bytes: &[u8]) -> Result<Weights, String> {
    read_if(bytes, |name| !is_statistic(name))
}

/// As [`read`], with a batch norm's running statistics, which such a norm computes with, but for
/// the counts of batches.
///
/// # Errors
/// As [`read`].
#[cfg_attr(not(feature = "metrics"), allow(dead_code))] // for networks that measure
pub(crate) fn read_with_statistics(bytes: &[u8]) -> Result<Weights, String> {
    read_if(bytes, |name| !name.ends_with(STATISTICS[2]))
}

/// As [`read`], of several networks in one file: of each the dict under its name or, in
/// safetensors, all whose keys begin with its name and a dot, which stand before the keys here.
/// What else there is, such as another network, is passed over.
///
/// # Errors
/// As [`read`], and naming every network that is missing.
pub(super) fn read_networks(bytes: &[u8], names: &[&str]) -> Result<Weights, String> {
    let entries = match safetensors::begins_so(bytes) {
        true => safetensors::read(bytes)?,
        false => read_state_dicts(bytes, names)?,
    };
    let prefixes: Vec<String> = names.iter().map(|name| format!("{name}.")).collect();
    let wanted = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
    let mut left = floats_of(entries, |key| wanted(key) && !is_statistic(key))?;
    let (mut weights, mut missing) = (Weights::new(), Vec::new());
    for (name, prefix) in names.iter().zip(&prefixes) {
        let (own, others): (Weights, Weights) =
            left.into_iter().partition(|(key, _)| key.starts_with(prefix));
        left = others;
        if own.is_empty() {
            missing.push(*name);
        }
        let inner = own.into_iter().map(|(key, data)| (key[prefix.len()..].to_owned(), data));
        let own = unwrapped(inner.collect()).into_iter();
        weights.extend(own.map(|(key, data)| (format!("{prefix}{key}"), data)));
    }
    if missing.is_empty() {
        return Ok(weights);
    }
    let (expected, missing) = (names.join(", "), missing.join(", "));
    Err(format!("expected the networks {expected}; missing: {missing}"))
}

fn read_if(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Weights, String> {
    let entries = match safetensors::begins_so(bytes) {
        true => safetensors::read(bytes)?,
        false => read_state_dict(bytes)?,
    };
    floats_of(entries, wanted).map(unwrapped)
}

/// The finite 32-bit floats of the `wanted` entries.
fn floats_of(
    entries: BTreeMap<String, Entry>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Weights, String> {
    let mut weights = Weights::new();
    for (name, entry) in entries {
        if wanted(&name) {
            let data = floats(entry).map_err(|problem| format!("{}: {problem}", quoted(&name)))?;
            weights.insert(name, data);
        }
    }
    check_finite(&weights)?;
    Ok(weights)
}

/// Whether a key is one of a norm's running statistics.
pub(super) fn is_statistic(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, last)| STATISTICS.contains(&last))
}

fn floats(entry: Entry) -> Result<TensorData, String> {
    match entry {
        // Of a side of 0 the others could be of any size.
        Entry::Floats(Array { shape, values }) if !shape.contains(&0) => {
            Ok(TensorData::new(values, shape))
        }
        Entry::Floats(Array { shape, .. }) => {
            Err(format!("expected values, found none (shape {shape:?})"))
        }
        Entry::Other { dtype, shape } => {
            Err(format!("expected floats, found {dtype} values of shape {shape:?}"))
        }
    }
}

/// `weights` without what a wrapper has put before all of their names.
fn unwrapped(mut weights: Weights) -> Weights {
    for _ in 0..MOST_WRAPPERS {
        let all = |prefix: &&&str| weights.keys().all(|name| name.starts_with(**prefix));
        let Some(prefix) = WRAPPERS.iter().find(all) else { break };
        let inner = |(name, data): (String, TensorData)| (name[prefix.len()..].to_owned(), data);
        weights = weights.into_iter().map(inner).collect();
    }
    weights
}
