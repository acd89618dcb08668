//! What a run is trained and tested on, in numbers: said at the start, and `images.json` for the
//! report.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stargan::data::Summary;
use stargan::{Dataset, LabelSpaces};

use super::inputs::Inputs;
use super::shown;
use crate::data::Opened;
use crate::failure::Failure;
use crate::output;
use crate::terminal::tell;

/// A summary of every dataset, by name.
pub struct Images(BTreeMap<String, Summary>);

impl Images {
    /// Counts the images of what is trained on and of the `tests`, and what is left out of them.
    pub fn count(
        inputs: &Inputs,
        data: &[Opened],
        tests: &[(usize, Arc<dyn Dataset>)],
        spaces: &LabelSpaces,
    ) -> Self {
        let train = data.iter().enumerate().map(|(dataset, opened)| {
            (shown(spaces, dataset).to_owned(), Summary::new(&*opened.train))
        });
        let tests = inputs.tests.iter().zip(tests);
        let tests = tests.map(|(spec, (_, data))| (format!("test {spec}"), Summary::new(&**data)));
        Self(train.chain(tests).collect())
    }

    /// Says it on stderr, and keeps it in the run folder.
    pub fn tell(&self, run: &Path) -> Result<(), Failure> {
        for (name, summary) in &self.0 {
            tell!("{name}: {summary}");
        }
        output::write(&run.join("images.json"), &output::json(&self.0)?)
    }
}
