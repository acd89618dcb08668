//! What is measured on translated images.

mod counterfactual;
mod judge;
mod log;

pub use counterfactual::{CounterfactualScores, Counterfactuals, Scores};
pub use judge::{Agreement, Judge, JudgeConfig, Readings};
pub use log::{CounterfactualLog, DatasetScores};
