//! `study`: comparisons that docs/joint-training.md and docs/baselines.md report.

mod baselines;
mod masks;
mod table3;
mod training;

use clap::Subcommand;

use crate::failure::Failure;

/// Compares ways to train, on the images in examples/data.
#[derive(Subcommand)]
pub enum Study {
    Masks(masks::Args),
    Baselines(baselines::Args),
    Table3(table3::Args),
}

pub fn run(study: &Study) -> Result<(), Failure> {
    match study {
        Study::Masks(args) => masks::run(args),
        Study::Baselines(args) => baselines::run(args),
        Study::Table3(args) => table3::run(args),
    }
}
