//! The source itself: its public interface, the order of its parts, and how it is laid out.

mod backends;
mod crate_source;
mod floors;
mod layout;
mod public_api;
mod rules;
mod threads;
