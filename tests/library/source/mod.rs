//! The source itself: its public interface, and the order of its parts.

mod crate_source;
mod floors;
mod public_api;
mod rules;
