//! What is measured on translated images. `docs/metrics.md` says what each measure means and where
//! it ends.

pub(crate) mod asked;
pub(crate) mod counterfactual;
pub(crate) mod dataset_scores;
pub(crate) mod domain;
pub(crate) mod evaluation;
pub(crate) mod evaluator;
pub(crate) mod feature_set;
pub(crate) mod fid;
pub(crate) mod frechet;
pub(crate) mod inception;
pub(crate) mod judge;
pub(crate) mod kid;
pub(crate) mod loaded;
pub(crate) mod log;
pub(crate) mod lpips;
pub(crate) mod manifold;
pub(crate) mod mean;
pub(crate) mod measured;
pub(crate) mod pairs;
pub(crate) mod pixel;
pub(crate) mod products;
pub(crate) mod public_file;
pub(crate) mod readings;
pub(crate) mod scores;
pub(crate) mod sums;
pub(crate) mod told;
#[cfg(all(test, feature = "flex"))]
mod untrained;

pub use counterfactual::Counterfactuals;
pub use dataset_scores::DatasetScores;
pub use domain::{DomainDistance, DomainSamples, SampleScores};
pub use evaluation::{DiversityScores, Evaluation, JudgeErrors, LpipsScores, TargetScores};
pub use evaluator::Evaluator;
pub use fid::FidReference;
pub use frechet::frechet_distance;
pub use inception::Inception;
pub use judge::{Judge, JudgeConfig, JudgeNetwork};
pub use log::CounterfactualLog;
pub use lpips::Lpips;
pub use measured::Measured;
pub use pairs::{PairDistance, PairScores};
pub use pixel::psnr::psnr;
pub use pixel::ssim::ssim;
pub use readings::{Agreement, Readings};
pub use scores::{CounterfactualScores, Measures, Scores};
