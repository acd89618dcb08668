//! The program as its users run it: at tiny sizes, with everything that it promises to leave
//! behind.

#[path = "../../../tests/common/alike.rs"]
mod alike;
mod chain;
mod channels;
mod crops;
mod demo;
#[cfg(unix)]
mod going_on;
#[cfg(unix)]
mod guide;
#[cfg(unix)]
mod hostile;
mod inspect;
mod interop;
mod masks;
mod moving;
#[cfg(all(unix, feature = "mpi"))]
#[path = "../../../tests/common/mpirun.rs"]
mod mpirun;
mod own_data;
#[cfg(all(unix, feature = "mpi"))]
mod processes;
mod program;
mod public_weights;
mod rectangles;
mod steering;
mod study;
mod style_files;
mod styles;
mod training;
#[cfg(unix)]
mod translate;
mod usage;
mod workers;

// Modules of the program whose own tests run here.
#[allow(dead_code, unused_imports, unused_macros, reason = "only their tests are run")]
#[path = "../../src/backend.rs"]
mod backend;
#[allow(dead_code, reason = "only their tests are run")]
#[path = "../../src/crop.rs"]
mod crop;
#[allow(dead_code, reason = "only their tests are run")]
#[path = "../../src/failure.rs"]
mod failure;
#[allow(dead_code, reason = "only their tests are run")]
#[path = "../../src/inspect/words.rs"]
mod inspection;
#[allow(dead_code, reason = "only their tests are run")]
#[path = "../../src/output.rs"]
mod output;
#[allow(dead_code, reason = "only their tests are run")]
#[path = "../../src/translate/outputs.rs"]
mod outputs;
#[allow(dead_code, reason = "only their tests are run")]
#[path = "../../src/preview.rs"]
mod preview;
#[allow(dead_code, unused_imports, unused_macros, reason = "the other modules say things")]
#[path = "../../src/terminal.rs"]
mod terminal;
