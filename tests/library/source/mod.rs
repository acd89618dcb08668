//! x

mod public_api;
