//! Trains a model on your own images: CelebA's format, one folder per class, or several of both.
//!
//! ```text
//! cargo run --release --example train -- --data celeba:IMAGES_DIR:ATTR_FILE --out runs/mine
//! ```

#![recursion_limit = "256"]

mod common;

fn main() -> std::process::ExitCode {
    common::training::main(None)
}
