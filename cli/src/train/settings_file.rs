//! `--config`: settings from a file like a run's config.json.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;
use stargan::data::read_text;
use stargan::{LabelSpaces, TrainingConfig};

use super::recipes::Trained;
use crate::failure::{Failure, of_file};

/// Settings of a file, and the label spaces that it may give too.
#[derive(Default)]
pub struct SettingsFile {
    settings: Option<Value>,
    pub spaces: Option<LabelSpaces>,
}

impl SettingsFile {
    /// Reads `--config`; without it there is nothing.
    pub fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let mut settings = path.map(read_settings).transpose()?;
        let recipe = settings.as_mut().and_then(|settings| settings.get_mut("settings"));
        let spaces = recipe.and_then(|recipe| recipe.as_object_mut()?.remove("domains"));
        let spaces = spaces
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| failed(&error, ": domains"))?;
        Ok(Self { settings, spaces })
    }

    /// What the file says at `path`, such as `/run/learning_rate`, if it does.
    pub fn at<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        let value = self.settings.as_ref().and_then(|settings| settings.pointer(path)).cloned();
        value.map(serde_json::from_value).transpose().map_err(|error| failed(&error, ""))
    }

    /// `config` with what the file says.
    pub fn overlay<R: Trained>(
        self,
        mut config: TrainingConfig<R>,
    ) -> Result<TrainingConfig<R>, Failure> {
        if let Some(rate) = self.at("/run/learning_rate")? {
            config.run = config.run.with_learning_rate(rate);
        }
        let Some(settings) = self.settings else { return Ok(config) };
        let mut merged = serde_json::to_value(&config).map_err(|error| failed(&error, ""))?;
        overlay(&mut merged, settings);
        serde_json::from_value(merged).map_err(|error| failed(&error, ""))
    }
}

fn failed(error: &serde_json::Error, of: &str) -> Failure {
    Failure::Failed(format!("--config{of}: {error}"))
}

/// The settings of a file, some or all of them.
fn read_settings(file: &Path) -> Result<Value, Failure> {
    let text = read_text(file)?;
    let settings: Value = serde_json::from_str(&text).map_err(|error| of_file(file, error))?;
    if !settings.is_object() {
        return Err(of_file(file, "expected an object of settings, as in a run's config.json"));
    }
    let known = ["recipe", "run", "settings"];
    let keys = settings.as_object().into_iter().flat_map(|settings| settings.keys());
    if let Some(key) = keys.into_iter().find(|key| !known.contains(&&key[..])) {
        return Err(of_file(
            file,
            format!(
                "expected {{\"run\": {{...}}, \"settings\": {{...}}}}, as in a run's config.json, \
                 found {key:?}; files of an earlier version have all settings in one"
            ),
        ));
    }
    Ok(settings)
}

/// Puts the values of `over` into `base`.
fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                overlay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}
