//! The page of a run, and the file that it becomes.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::replace::replace_file;
use crate::report::contents::Contents;
use crate::report::page;

/// The name of the page in a run folder.
const FILE: &str = "report.html";

/// What is in a run folder, ready to be shown on one page: settings, curves of every loss term and
/// of the learning rate, sample grids, scores against true counterfactuals, and time, of a run of
/// any recipe.
///
/// The page is one file without scripts that loads nothing: pictures and plots are in it. Long logs
/// are thinned and large grids shrunk, so that it stays below about 3 MB.
#[derive(Clone, Debug)]
pub struct Report {
    run: PathBuf,
    contents: Contents,
}

impl Report {
    /// Reads the run folder `run`, of a run that has ended, is under way or was stopped. Only
    /// `config.json` must be there; what else is missing is left out. JSON files that others have
    /// left in the folder are shown as they are.
    ///
    /// # Errors
    /// When the folder holds no run, or a file of it can't be read or is not what a run writes.
    pub fn open(run: impl AsRef<Path>) -> Result<Self> {
        let run = run.as_ref();
        Ok(Self { run: run.to_owned(), contents: Contents::open(run)? })
    }

    /// The page.
    pub fn html(&self) -> String {
        page::html(&self.contents)
    }

    /// Writes the page to `report.html` in the run folder, in place of an earlier one, and says
    /// where that is.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when it can't be written; an earlier one is then untouched.
    pub fn save(&self) -> Result<PathBuf> {
        let path = self.run.join(FILE);
        replace_file(&path, self.html())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests;
