//! Trains one model on two datasets with different labels, the drawn faces and the expressions in
//! `examples/data`, with no arguments. It is `train` with other defaults and takes its flags.
//!
//! ```text
//! cargo run --release --example train_joint
//! ```

#![recursion_limit = "256"]

mod common;

use common::bundled;
use common::data::{Command, Pairs, Source};
use common::training::Defaults;

const ABOUT: &str = "Trains one StarGAN on two datasets with different labels: the drawn faces and the \
expressions in examples/data, at 32 pixels with small networks, into runs/joint.

With --data it trains on those instead. The flags are those of train, and what they say of defaults holds but \
for the data, --size 32, --iterations 2500, --base-channels 16, --residual-blocks 2, --learning-rate 5e-4, \
--critic-steps 2, --weights expressions=0.3:3:3:3 where there is a dataset of that name, and --out runs/joint.";

fn main() -> std::process::ExitCode {
    common::training::main(Some(Defaults {
        about: ABOUT,
        out: "runs/joint",
        command: Command {
            data: vec![
                Source::new(bundled::faces("train")).with_labels(&bundled::LABELS),
                Source::new(bundled::expressions("train")),
            ],
            tests: vec![bundled::faces("test"), bundled::expressions("test")],
            pairs: vec![(0, Pairs::File(bundled::pairs())), (1, Pairs::ByName)],
            evaluate_every: 0,
            sample_every: 0,
            tensorboard: false,
        },
        settings: bundled::joint,
    }))
}
