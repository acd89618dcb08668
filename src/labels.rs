//! What one dataset's labels mean: binary attributes or exclusive classes.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, did_you_mean};

/// How the entries of a label relate to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// Independent binary attributes (CelebA); groups of them may be exclusive. Trained with binary cross-entropy.
    Attributes,
    /// Exactly one class at a time (RaFD, one folder per class). Trained with softmax cross-entropy.
    Classes,
}

/// The label space of one dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelSpace {
    kind: LabelKind,
    names: Vec<String>,
    exclusive: Vec<Vec<usize>>,
}

impl LabelSpace {
    /// Binary attributes, in the order of `names`.
    pub fn attributes(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            kind: LabelKind::Attributes,
            names: names.into_iter().map(Into::into).collect(),
            exclusive: Vec::new(),
        }
    }

    /// Exclusive classes, in the order of `names`.
    pub fn classes(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            kind: LabelKind::Classes,
            names: names.into_iter().map(Into::into).collect(),
            exclusive: Vec::new(),
        }
    }

    /// Adds one more name at the end.
    pub fn with(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Attributes or classes.
    pub fn kind(&self) -> LabelKind {
        self.kind
    }

    /// The names, in label order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of entries of a label.
    pub fn width(&self) -> usize {
        self.names.len()
    }

    /// The position of `name` in a label.
    ///
    /// # Errors
    /// When the name is unknown; the nearest known one is suggested.
    pub fn index_of(&self, name: &str) -> Result<usize> {
        self.names.iter().position(|known| known == name).ok_or_else(|| {
            let suggestion = did_you_mean(name, self.names.iter().map(String::as_str));
            Error::Label(format!(
                "unknown label {name:?}{suggestion} (known: {})",
                self.names.join(", ")
            ))
        })
    }
}
