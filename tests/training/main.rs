//! The main job through the public API: run folders, exact resume, translating, learning.

#![cfg(all(feature = "flex", feature = "ndarray"))]

mod checkpoints;
mod joint;
mod learning;
mod objectives;
mod resume;
mod setup;
mod shipped;
mod translator;
