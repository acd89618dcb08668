//! The JSON files of a run folder as tables.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::data::whole::read_text;
use crate::error::{Error, Result};
use crate::report::text::{escape, grouped};

/// Bytes of a file of somebody else's that are shown at most: with its table, the page stays small.
const LARGEST: u64 = 32 * 1024;

/// A JSON file of the run folder.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The file's name.
    pub name: String,
    /// What it holds, or why that is not shown.
    pub content: std::result::Result<Value, String>,
}

/// A JSON file, or none.
///
/// # Errors
/// When it can't be read, or is no JSON.
pub(super) fn json(path: &Path) -> Result<Option<Value>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read_text(path)?;
    let value = serde_json::from_str(&text);
    value.map(Some).map_err(|error| Error::data(path, error.line(), error.to_string()))
}

/// The JSON files of the run folder that a program has left there, by name: all but those in
/// `known`.
///
/// # Errors
/// When the folder can't be read. A file that can't be read is no error: it says so.
pub(super) fn others(run: &Path, known: &[&str]) -> Result<Vec<Settings>> {
    let io = |error| Error::io(run, error);
    let mut others = Vec::new();
    for entry in fs::read_dir(run).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        if is_json && path.is_file() && !name.starts_with('.') && !known.contains(&&name[..]) {
            others.push(Settings { content: read(&path), name });
        }
    }
    others.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(others)
}

fn read(path: &Path) -> std::result::Result<Value, String> {
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > LARGEST {
        return Err(format!("its {} bytes are too many to be shown", grouped(bytes)));
    }
    let text = read_text(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("it is no JSON: {error}"))
}

/// Tables for every file, folded away.
pub(super) fn tables(files: &[Settings]) -> String {
    let table = |file: &Settings| {
        let content = match &file.content {
            Ok(value) => groups(value),
            Err(reason) => format!("<p class=\"note\">{}</p>", escape(reason)),
        };
        let name = escape(&file.name);
        format!("<details>\n<summary>{name}</summary>\n{content}\n</details>")
    };
    files.iter().map(table).collect::<Vec<_>>().join("\n")
}

/// A table of the plain values, then one under its name for every object.
fn groups(value: &Value) -> String {
    let table = |value: &Value| {
        let mut rows = String::new();
        flatten("", value, &mut rows);
        format!("<div class=\"scroll\"><table class=\"settings\">\n{rows}</table></div>")
    };
    let Value::Object(entries) = value else { return table(value) };
    let (objects, plain): (Vec<_>, Vec<_>) =
        entries.iter().partition(|(_, value)| value.as_object().is_some_and(|all| !all.is_empty()));
    let plain: Value = plain.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut groups = Vec::new();
    if plain.as_object().is_some_and(|plain| !plain.is_empty()) {
        groups.push(table(&plain));
    }
    let group =
        |(key, value): (&String, &Value)| format!("<h3>{}</h3>\n{}", escape(key), table(value));
    groups.extend(objects.into_iter().map(group));
    groups.join("\n")
}

/// A row for every value that is not an object, with its path.
fn flatten(path: &str, value: &Value, rows: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, rows);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            for (at, value) in values.iter().enumerate() {
                flatten(&format!("{path}[{at}]"), value, rows);
            }
        }
        other => {
            let text = match other {
                Value::String(text) => text.clone(),
                Value::Array(values) => {
                    let plain = |value: &Value| match value {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    values.iter().map(plain).collect::<Vec<_>>().join(", ")
                }
                other => other.to_string(),
            };
            let _ = writeln!(rows, "<tr><td>{}</td><td>{}</td></tr>", escape(path), escape(&text));
        }
    }
}
