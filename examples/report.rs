//! Writes the page that shows a run, `report.html` in its folder.
//!
//! ```text
//! cargo run --release --example report -- runs/quickstart
//! ```

#![recursion_limit = "256"]

mod common;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use stargan::Report;

use common::Failure;

/// Writes report.html in a run folder: settings, curves of every loss term, sample grids, scores and time on one
/// page that needs nothing else. The run may have ended, be under way or be stopped.
#[derive(Parser)]
struct Args {
    /// The run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let written = || -> Result<(), Failure> {
        println!("{}", Report::of(&args.run)?.save()?.display());
        Ok(())
    };
    common::exit(written())
}
