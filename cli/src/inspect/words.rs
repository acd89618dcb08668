//! How `inspect` says labels, settings, numbers and times.

use serde_json::Value;
use stargan::LabelSpace;

/// Names with `, ` between them, and ` | ` between those of an exclusive group.
pub fn attributes(space: &LabelSpace) -> String {
    let groups = space.exclusive_groups();
    let names = space.names();
    let joined = |group: &Vec<usize>| {
        group.iter().map(|&position| names[position].as_str()).collect::<Vec<_>>().join(" | ")
    };
    let single =
        (0..names.len()).filter(|position| !groups.iter().flatten().any(|p| p == position));
    groups.iter().map(joined).chain(single.map(|i| names[i].clone())).collect::<Vec<_>>().join(", ")
}

/// The entries of `found` that are not those of `default`, as `weights.domain 0.5 (default 1)`.
pub fn differences(path: &str, found: &Value, default: &Value, changed: &mut Vec<String>) {
    match (found, default) {
        (Value::Object(found), Value::Object(default)) => {
            for (key, value) in found {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                differences(&path, value, default.get(key).unwrap_or(&Value::Null), changed);
            }
        }
        (found, default) if found == default => {}
        (found, Value::Null) => changed.push(format!("{path} {found}")),
        (found, default) => changed.push(format!("{path} {found} (default {default})")),
    }
}

pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds:.1} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// A number with commas between its thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        let numbers = [7, 999, 1_000, 8_430_528].map(thousands);
        assert_eq!(numbers, ["7", "999", "1,000", "8,430,528"]);
        let times = [0.44, 59.0, 110.0, 3_599.9, 90_000.0].map(duration);
        assert_eq!(times, ["0.4 s", "59.0 s", "1 min 50 s", "1 h 0 min", "25 h 0 min"]);
    }

    #[test]
    fn only_what_differs_is_told() {
        let (found, default) = (
            serde_json::json!({"a": 1, "weights": {"x": 0.5, "y": 2}, "own": {"z": 1}}),
            serde_json::json!({"a": 1, "weights": {"x": 1.0, "y": 2}}),
        );
        let mut changed = Vec::new();
        differences("", &found, &default, &mut changed);
        assert_eq!(changed, ["own {\"z\":1}", "weights.x 0.5 (default 1.0)"]);
    }

    #[test]
    fn labels_that_exclude_each_other_are_told() {
        let hair = ["Black", "Blond"];
        let space = LabelSpace::attributes(["Male", "Black", "Blond"]).exclusive(hair).unwrap();
        assert_eq!(attributes(&space), "Black | Blond, Male");
    }
}
