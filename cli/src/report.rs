//! `report`: the page that shows a run, `report.html` in its folder.

use std::path::{Path, PathBuf};

use stargan::Report;

use crate::failure::Failure;
use crate::terminal::{result, tell};

/// Writes report.html in a run folder: settings, curves, sample grids, scores and time on one page.
///
/// The page needs nothing else. The run may have ended, be under way or be stopped.
#[derive(clap::Args)]
pub struct Args {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    result!("{}", Report::open(&args.run)?.save()?.display());
    Ok(())
}

/// Writes the page that shows a run, and says where it is. A run is worth no less without it.
pub fn write(run: &Path) -> Option<PathBuf> {
    let written = Report::open(run).and_then(|report| report.save());
    written.map_err(|error| tell!("warning: there is no report: {error}")).ok()
}
