//! What is measured on translated images. `docs/metrics.md` says what each measure means and where it ends.

mod asked;
mod counterfactual;
mod domain;
mod evaluation;
mod frechet;
mod judge;
mod log;
mod readings;
mod scores;
mod similarity;

pub use asked::Relabelling;
pub use counterfactual::Counterfactuals;
pub use domain::DomainDistance;
pub use evaluation::{Evaluation, Evaluator, JudgeErrors, Measured, TargetScores};
pub use frechet::frechet_distance;
pub use judge::{Judge, JudgeConfig};
pub use log::{CounterfactualLog, DatasetScores};
pub use readings::{Agreement, Readings};
pub use scores::{CounterfactualScores, Scores};
pub use similarity::{psnr, ssim};
