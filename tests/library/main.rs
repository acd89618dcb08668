//! The main job through the public API: run folders, exact resume, translating, learning.

#![cfg(all(feature = "flex", feature = "ndarray"))]

mod baselines;
mod checkpoints;
#[cfg(unix)]
mod disk;
mod divergence;
mod joint;
#[cfg(unix)]
mod killed;
mod learning;
mod objectives;
#[cfg(feature = "collective")]
#[path = "../common/ports.rs"]
mod ports;
mod resume;
mod setup;
mod shipped;
mod translator;
#[cfg(feature = "collective")]
mod workers;
