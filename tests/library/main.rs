//! The library as its users and its source see it, in one program: each test program links and
//! compiles the whole engine again.

#![cfg(all(feature = "flex", feature = "ndarray", feature = "report"))]

#[path = "../common/alike.rs"]
mod alike;
#[cfg(feature = "collective")]
mod burn_collective;
mod examples;
mod fuzz;
#[cfg(feature = "collective")]
#[path = "../common/ports.rs"]
mod ports;
mod source;
mod training;
