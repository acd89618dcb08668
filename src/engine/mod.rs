//! One loop for any recipe: run settings, the trainer, checkpoints, observers and workers.

pub(crate) mod accumulated;
pub(crate) mod checkpoint;
pub(crate) mod config;
pub(crate) mod dataset_identity;
pub(crate) mod difference;
pub(crate) mod divergence;
pub(crate) mod learner;
pub(crate) mod loss_scale;
pub(crate) mod networks;
pub(crate) mod observe;
pub(crate) mod open;
pub(crate) mod policy;
pub(crate) mod recipe;
pub(crate) mod run_folder;
pub(crate) mod settings;
pub(crate) mod trainer;
pub(crate) mod workers;

pub use self::learner::{Gradients, Learner};
pub use self::networks::{Networks, State};
pub use self::open::open_checkpoint;
pub use self::recipe::{Backward, Moment, Recipe, StepLosses};
pub use self::workers::follower::Follower;
pub use self::workers::launcher::launched_processes;
#[cfg(feature = "mpi")]
pub use self::workers::mpi::{MpiJob, MpiLink};
pub use self::workers::seam::Collective;
#[cfg(feature = "collective")]
pub use self::workers::worker::{Worker, workers};
