//! The scores of all datasets that are measured.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metrics::scores::{CounterfactualScores, Scores};

/// The scores of one dataset, or of several by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DatasetScores {
    /// Those of the one dataset that is measured.
    One(CounterfactualScores),
    /// Those of several datasets, by name.
    Several(BTreeMap<String, CounterfactualScores>),
}

impl DatasetScores {
    /// Every change with its scores, then the total; of several datasets, `faces/hair` and
    /// `faces/total`.
    pub fn rows(&self) -> Vec<(String, &Scores)> {
        match self {
            Self::One(scores) => {
                scores.rows().map(|(change, scores)| (change.to_owned(), scores)).collect()
            }
            Self::Several(datasets) => datasets
                .iter()
                .flat_map(|(name, scores)| {
                    scores.rows().map(move |(change, scores)| (format!("{name}/{change}"), scores))
                })
                .collect(),
        }
    }
}

/// A table per dataset, under its name where there are several.
impl fmt::Display for DatasetScores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(scores) => scores.fmt(f),
            Self::Several(datasets) => {
                let table =
                    |(name, scores): (&String, &CounterfactualScores)| format!("{name}\n{scores}");
                f.write_str(&datasets.iter().map(table).collect::<Vec<_>>().join("\n\n"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dataset_and_several_are_told_apart_in_a_file() {
        let scores: CounterfactualScores =
            serde_json::from_str(r#"{"hair":{"n":1},"total":{"n":1}}"#).unwrap();
        let several = [("faces".to_owned(), scores.clone()), ("moods".to_owned(), scores.clone())];
        for (scores, rows) in [
            (DatasetScores::One(scores), vec!["hair", "total"]),
            (
                DatasetScores::Several(several.into()),
                vec!["faces/hair", "faces/total", "moods/hair", "moods/total"],
            ),
        ] {
            let json = serde_json::to_string(&scores).unwrap();
            let read: DatasetScores = serde_json::from_str(&json).unwrap();
            assert_eq!(read, scores);
            assert_eq!(read.rows().into_iter().map(|row| row.0).collect::<Vec<_>>(), rows);
        }
    }
}
