//! Training: configuration, one step, the loop, checkpoints and observers.

mod adversaries;
mod average;
mod checkpoint;
mod config;
#[cfg(feature = "tui")]
mod dashboard;
mod divergence;
mod follower;
mod observer;
mod recipe;
mod schedule;
mod stargan;
mod step;
mod tensorboard;
mod timing;
mod trainer;
mod workers;

#[cfg(feature = "baselines")]
pub(crate) use adversaries::{Adversaries, Architecture};
pub use checkpoint::{RunFolder, resolve_model};
pub use config::{Preset, TrainingConfig};
#[cfg(feature = "tui")]
pub use dashboard::Dashboard;
pub use divergence::NonFinitePolicy;
pub use follower::Follower;
pub(crate) use observer::continue_csv;
pub use observer::{CsvLog, Iteration, Observer, Progress, SampleGrids};
pub use recipe::Recipe;
#[cfg(feature = "baselines")]
pub(crate) use recipe::{Moment, Step, StepTerms, plain};
pub use schedule::Schedule;
pub use stargan::StepLosses;
pub use step::{Label, StepBatch, discriminator_losses, generator_losses};
pub use tensorboard::TensorBoard;
pub use timing::TimingLog;
pub use trainer::{Outcome, Trainer};
pub use workers::Collective;
