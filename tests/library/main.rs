//! The library as its users and its source see it, in one program: each test program links and
//! compiles the whole engine again.

#![cfg(all(feature = "flex", feature = "ndarray", feature = "report"))]

#[path = "../common/alike.rs"]
mod alike;
mod examples;
mod fuzz;
#[cfg(all(feature = "collective", feature = "mpi"))]
#[path = "../common/mpirun.rs"]
mod mpirun;
mod source;
mod training;
