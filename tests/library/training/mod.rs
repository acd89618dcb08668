//! The main job through the public interface: run folders, exact resume, translating, learning.

mod accumulated;
mod any_backend;
mod begin;
mod channels;
mod checkpoints;
#[cfg(unix)]
mod disk;
mod divergence;
mod earlier;
mod going_on;
mod joint;
#[cfg(unix)]
mod killed;
mod learning;
mod learning_rate;
mod moving;
mod objectives;
mod observing;
mod one_update;
mod own_workers;
mod pairwise;
mod precision;
mod rectangles;
mod resume;
pub mod setup;
mod shipped;
mod styles;
mod translating;
mod translator;
#[cfg(feature = "collective")]
mod workers;
