//! The dicts that training scripts put around a state_dict.

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::objects::{Pickle, Value};

/// The keys that scripts put it under.
const KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// The most dicts around a state_dict: in a pickle a dict may hold itself.
const MOST_WRAPPERS: usize = 4;

/// The items of the state_dict that the pickle is: those of its dict, or of the dict of tensors
/// under a usual key of it.
///
/// # Errors
/// If it is no dict, or holds dicts of which none, or several, are the state_dict.
pub(super) fn state_dict<'p, 'a>(
    pickle: &'p Pickle<'a>,
) -> Result<&'p [(Value<'a>, Value<'a>)], String> {
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
