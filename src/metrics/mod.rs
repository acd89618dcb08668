//! What is measured on translated images.

mod counterfactual;
mod log;

pub use counterfactual::{CounterfactualScores, Counterfactuals, Scores};
pub use log::CounterfactualLog;
