//! Watching a run: what observers are told, and those that come with the crate.

pub(crate) mod closure;
pub(crate) mod criterion;
pub(crate) mod csv;
pub(crate) mod early_stopping;
pub(crate) mod every;
pub(crate) mod keep_best;
pub(crate) mod losses;
pub(crate) mod metric;
pub(crate) mod observer;
pub(crate) mod progress;
pub(crate) mod samples;
pub(crate) mod tensorboard;
pub(crate) mod timing;
