//! `study`: comparisons that docs/joint-training.md and docs/baselines.md report.

mod baselines;
mod masks;

use clap::Subcommand;

use crate::failure::Failure;

/// Compares ways to train, on the images in examples/data.
#[derive(Subcommand)]
pub enum Study {
    Masks(masks::Args),
    Baselines(baselines::Args),
}

pub fn run(study: &Study) -> Result<(), Failure> {
    match study {
        Study::Masks(args) => masks::run(args),
        Study::Baselines(args) => baselines::run(args),
    }
}
