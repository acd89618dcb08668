//! The dicts that training scripts put around a state_dict, or around those of several networks.

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::objects::{Pickle, Value};

/// The keys that scripts put it under.
const KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// The most dicts around a state_dict: in a pickle a dict may hold itself.
const MOST_WRAPPERS: usize = 4;

/// Which dicts of a pickle are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'n> {
    /// The state_dict that it is, or is wrapped in it.
    One,
    /// Those under these keys of its dict.
    Named(&'n [&'n str]),
}

/// The items of a dict.
type Items<'p, 'a> = &'p [(Value<'a>, Value<'a>)];

/// The items of the wanted dicts, each with its name where it has one. What is not there of those
/// with a name is left out.
///
/// # Errors
/// If the pickle is no dict, what is under a name is none, or, of [`Wanted::One`], it holds dicts
/// of which none, or several, are the state_dict.
pub(super) fn dicts<'p, 'a, 'n>(
    pickle: &'p Pickle<'a>,
    wanted: Wanted<'n>,
) -> Result<Vec<(Option<&'n str>, Items<'p, 'a>)>, String> {
    let Wanted::Named(names) = wanted else { return Ok(vec![(None, state_dict(pickle)?)]) };
    let Value::Dict(_) = pickle.root else {
        let found = pickle.root.kind();
        return Err(format!("expected a dict of state_dicts, found {found}"));
    };
    let named = |&name: &&'n str| match pickle.item(name)? {
        Value::Dict(dict) => Some(Ok((Some(name), &pickle.objects.dicts[dict][..]))),
        other => Some(Err(format!(
            "key {}: expected a state_dict, found {}",
            quoted(name),
            other.kind()
        ))),
    };
    names.iter().filter_map(named).collect()
}

/// The items of the state_dict that the pickle is: those of its dict, or of the dict of tensors
/// under a usual key of it.
///
/// # Errors
/// If it is no dict, or holds dicts of which none, or several, are the state_dict.
fn state_dict<'p, 'a>(pickle: &'p Pickle<'a>) -> Result<Items<'p, 'a>, String> {
    let Value::Dict(mut dict) = pickle.root else {
        let found = pickle.root.kind();
        return Err(format!("expected a state_dict (a dict of tensors), found {found}"));
    };
    for _ in 0..=MOST_WRAPPERS {
        let pairs = &pickle.objects.dicts[dict];
        let dicts = || {
            pairs.iter().filter_map(|pair| match *pair {
                (Value::Str(key), Value::Dict(dict)) => Some((key, dict)),
                _ => None,
            })
        };
        let Some((first, _)) = dicts().next() else { return Ok(pairs) };
        let usual: Vec<_> = dicts().filter(|(key, _)| KEYS.contains(key)).collect();
        match usual[..] {
            [(_, inner)] => dict = inner,
            [] => {
                return Err(format!(
                    "key {}: expected a tensor, found a dict, and none under a key that \
                     state_dicts are wrapped with ({}); load the file in Python and torch.save \
                     the dict of one network's tensors alone",
                    quoted(first),
                    KEYS.join(", ")
                ));
            }
            [(one, _), (other, _), ..] => {
                return Err(format!(
                    "expected one state_dict, found dicts under {} and {}; load the file in \
                     Python and torch.save the dict of one network's tensors alone",
                    quoted(one),
                    quoted(other)
                ));
            }
        }
    }
    Err(format!("expected a state_dict in at most {MOST_WRAPPERS} dicts, found more around it"))
}
