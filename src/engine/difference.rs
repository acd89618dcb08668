//! In what two configurations differ, by the names that their JSON gives.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A setting that two configurations have not in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// Its path, such as `run.seed`.
    pub setting: String,
    /// Its value in the first configuration; null where it has none.
    pub from: Value,
    /// Its value in the second.
    pub to: Value,
}

/// All settings in which two configurations differ, in the order of their names.
pub(crate) fn differences(from: &impl Serialize, to: &impl Serialize) -> Vec<Difference> {
    let json = |config: serde_json::Result<Value>| config.expect("a configuration is JSON");
    let mut found = Vec::new();
    collect("", &json(serde_json::to_value(from)), &json(serde_json::to_value(to)), &mut found);
    found
}

fn collect(path: &str, from: &Value, to: &Value, found: &mut Vec<Difference>) {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            let only_there = to.keys().filter(|key| !from.contains_key(*key));
            for key in from.keys().chain(only_there) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let side = |side: &Map<String, Value>| side.get(key).cloned().unwrap_or_default();
                collect(&path, &side(from), &side(to), found);
            }
        }
        (from, to) if from == to => {}
        (from, to) => {
            let (setting, from, to) = (path.to_owned(), from.clone(), to.clone());
            found.push(Difference { setting, from, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_that_differs_is_named_by_its_path() {
        let from = json!({"a": {"b": 1, "c": [1]}, "d": "x", "gone": 1});
        let to = json!({"a": {"b": 2, "c": [1]}, "d": "x", "new": {"e": true}});
        let found = differences(&from, &to);
        let named: Vec<_> =
            found.iter().map(|d| (d.setting.as_str(), d.from.clone(), d.to.clone())).collect();
        let new = json!({"e": true});
        assert_eq!(
            named,
            [
                ("a.b", json!(1), json!(2)),
                ("gone", json!(1), json!(null)),
                ("new", json!(null), new)
            ]
        );
        assert!(differences(&from, &from).is_empty());
    }
}
