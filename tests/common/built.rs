//! Where the examples are that cargo has built.

use std::path::PathBuf;

/// The program of the example `name`.
pub fn example(name: &str) -> PathBuf {
    // A test is target/PROFILE/deps/NAME-HASH; `cargo test` builds target/PROFILE/examples.
    let test = std::env::current_exe().expect("the test knows its own path");
    let profile = test.ancestors().nth(2).expect("two folders deep");
    let program =
        profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.is_file(),
        "{} is not built: run `cargo test`, or `cargo build --examples` first",
        program.display()
    );
    program
}
