//! Trains one model on two datasets with different labels, the drawn faces and the expressions in
//! `examples/data`, with no arguments. All flags of `train` apply; this is only
//!
//! ```text
//! cargo run --release --example train -- \
//!     --data celeba:examples/data/faces/train/images:examples/data/faces/train/list_attr.txt \
//!     --labels Black_Hair,Blond_Hair,Brown_Hair,Male,Eyeglasses --data folder:examples/data/expressions/train ...
//! ```

#![recursion_limit = "256"]

mod common;

use common::bundled;

fn main() -> std::process::ExitCode {
    let resumes = std::env::args().any(|argument| argument == "--resume");
    common::training::main(&if resumes { vec![out()] } else { defaults() })
}

fn out() -> String {
    "--out=runs/joint".to_owned()
}

fn defaults() -> Vec<String> {
    let faces = |part| format!("{}", bundled::faces(part));
    let expressions = |part| format!("{}", bundled::expressions(part));
    let mut flags = vec![out()];
    for (flag, value) in [
        ("data", faces("train")),
        ("labels", bundled::LABELS.join(",")),
        ("data", expressions("train")),
        ("test-data", faces("test")),
        ("pairs", bundled::pairs().display().to_string()),
        ("test-data", expressions("test")),
        ("pairs", "by-name".into()),
        ("size", "32".into()),
        ("base-channels", "16".into()),
        ("residual-blocks", "2".into()),
        ("learning-rate", "5e-4".into()),
        ("critic-steps", "2".into()),
        ("iterations", "2500".into()),
        ("sample-every", "250".into()),
    ] {
        flags.push(format!("--{flag}={value}"));
    }
    flags
}
