//! Watching a run: what observers are told, and those that come with the crate.

pub(crate) mod csv;
pub(crate) mod every;
pub(crate) mod losses;
pub(crate) mod observer;
pub(crate) mod progress;
pub(crate) mod samples;
pub(crate) mod tensorboard;
pub(crate) mod timing;
