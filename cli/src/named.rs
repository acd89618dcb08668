//! Flags whose values are the library's, by their names in a configuration file.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use serde_json::json;

/// One of `all`, by its name in a configuration file.
pub fn names<T, const N: usize>(all: [T; N]) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + Serialize + 'static,
{
    let name = |value: &T| json!(value).as_str().unwrap_or_default().to_owned();
    let named = all.clone().map(|value| name(&value));
    PossibleValuesParser::new(named.clone()).map(move |text| {
        let at = named.iter().position(|name| *name == text);
        all[at.expect("one of them")].clone()
    })
}
