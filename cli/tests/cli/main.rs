//! The program as its users run it: at tiny sizes, with everything that it promises to leave
//! behind.

mod chain;
mod demo;
#[cfg(unix)]
mod guide;
mod inspect;
mod interop;
#[cfg(feature = "collective")]
#[path = "../../../tests/common/ports.rs"]
mod ports;
mod program;
mod study;
mod training;
mod usage;
mod workers;
