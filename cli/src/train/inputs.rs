//! What a run was started with besides its configuration: `data.json` in its folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stargan::MissingPolicy;
use stargan::data::read_text;

use crate::data::{Pairs, Source, Spec, Split};
use crate::failure::{Failure, of_file};
use crate::output;

/// What a run was started with besides its configuration, kept in its folder so that
/// `train --resume` needs nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inputs {
    pub data: Vec<Source>,
    pub tests: Vec<Spec>,
    /// What is measured by, and which of `tests` it belongs to.
    pub pairs: Vec<(usize, Pairs)>,
    pub evaluate_every: u64,
    pub sample_every: u64,
    /// Whether TensorBoard event files are written.
    #[serde(default)]
    pub tensorboard: bool,
    /// Whether the sample grids show the bundled people, and pictures of them are left at the end.
    #[serde(default)]
    pub people: bool,
    /// Which measure of `pairs` the best checkpoint is kept by.
    #[serde(default)]
    pub keep_best: Option<String>,
    /// After how many measurements that were not better the run ends.
    #[serde(default)]
    pub stop_after_worse: Option<u64>,
}

impl Inputs {
    const FILE: &str = "data.json";

    /// What happens when a listed image is not there, of all data alike.
    pub fn missing(&self) -> MissingPolicy {
        self.data.first().map_or_else(MissingPolicy::default, |source| source.missing)
    }

    /// The same with absolute paths.
    fn absolute(&self) -> Self {
        let full = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let mut inputs = self.clone();
        for source in &mut inputs.data {
            source.spec = source.spec.absolute();
            if let Split::File(file) = &mut source.split {
                *file = full(file);
            }
        }
        inputs.tests = inputs.tests.iter().map(Spec::absolute).collect();
        for (_, pairs) in &mut inputs.pairs {
            if let Pairs::File(file) = pairs {
                *file = full(file);
            }
        }
        inputs
    }

    /// What is kept in the run folder.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn json(&self) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec_pretty(&self.absolute()).map_err(|error| {
            let expected = "expected paths in UTF-8, those of folders above the data too";
            Failure::Failed(format!("{}: {expected}: {error}", Self::FILE))
        })
    }

    /// Keeps it in the run folder.
    pub fn write(&self, run: &Path) -> Result<(), Failure> {
        output::write(&run.join(Self::FILE), &self.json()?)
    }

    /// Reads it from the run folder; none when the run was not started by this program.
    pub fn read(run: &Path) -> Result<Option<Self>, Failure> {
        let path = run.join(Self::FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_text(&path)?;
        let broken = |problem: String| {
            let remedy =
                "if another version wrote it, remove it and give --data and the like again";
            of_file(&path, format!("{problem}; {remedy}"))
        };
        let inputs: Self =
            serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        if let Some((test, _)) = inputs.pairs.iter().find(|(test, _)| *test >= inputs.tests.len()) {
            let tests = inputs.tests.len();
            return Err(broken(format!(
                "pairs of the test data {test}, of which there are {tests}"
            )));
        }
        Ok(Some(inputs))
    }
}
