//! One loop for any recipe: run settings, the trainer, checkpoints, observers and workers.

pub(crate) mod checkpoint;
pub(crate) mod config;
pub(crate) mod divergence;
pub(crate) mod learner;
pub(crate) mod observe;
pub(crate) mod open;
pub(crate) mod recipe;
pub(crate) mod settings;
pub(crate) mod trainer;
pub(crate) mod workers;
