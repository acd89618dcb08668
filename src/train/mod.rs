//! Training: configuration, one step, the loop, checkpoints and observers.

mod adversaries;
mod average;
mod checkpoint;
mod config;
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

pub(crate) use adversaries::{Adversaries, Architecture};
pub use checkpoint::{RunFolder, resolve_model};
pub use config::{Preset, TrainingConfig};
pub use divergence::NonFinitePolicy;
pub use follower::Follower;
pub(crate) use observer::continue_csv;
pub use observer::{CsvLog, Iteration, Observer, Progress, SampleGrids};
pub use recipe::Recipe;
pub(crate) use recipe::{Moment, Step, StepTerms, plain};
pub use schedule::Schedule;
pub use stargan::StepLosses;
pub use step::{Label, Sample, discriminator_losses, generator_losses};
pub use tensorboard::TensorBoard;
pub use timing::TimingLog;
pub use trainer::{Outcome, Trainer};
pub use workers::Collective;
