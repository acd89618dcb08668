//! Measures a model's translations against the truth.
//!
//! ```text
//! cargo run --release --example evaluate -- --model runs/quickstart \
//!     --data celeba:examples/data/faces/test/images:examples/data/faces/test/list_attr.txt \
//!     --pairs examples/data/faces/test/pairs.csv
//! ```

#![recursion_limit = "256"]

mod common;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use stargan::Translator;
use stargan::burn::tensor::backend::Backend;

use common::data::{Pairs, Place, Spec, open_test};
use common::{Failure, usage};

/// Measures a model's translations against the truth: the same images, really changed.
///
/// Prints, for every change, the L1 error in [0, 1] inside the changed region and outside it and the
/// PSNR, each with that of doing nothing in brackets.
#[derive(Parser)]
struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: PathBuf,
    /// The images; NAME= says which of the model's datasets they are like, where there are several
    #[arg(long, value_name = "[NAME=]celeba:IMAGES_DIR:ATTR_FILE|[NAME=]folder:DIR")]
    data: Spec,
    /// True counterfactuals among the images: a file of source,target,change, or "by-name" where images of
    /// one file name in several class folders are the same but for their class [default: pairs.csv beside
    /// the attribute file or in the folder]
    #[arg(long, value_name = "FILE.csv|by-name")]
    pairs: Option<Pairs>,
    /// Write the scores to this new file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What computes
    #[arg(long, value_name = "B", value_enum, default_value_t)]
    backend: common::Backend,
}

fn main() -> ExitCode {
    let args = Args::parse();
    common::exit(common::on_backend!(args.backend, B => evaluate::<B>(&args)))
}

fn evaluate<B: Backend>(args: &Args) -> Result<(), Failure> {
    if let Some(json) = &args.json {
        common::expect_absent(json)?;
    }
    let beside = match &args.data.place {
        Place::Celeba { attributes, .. } => attributes.with_file_name("pairs.csv"),
        Place::Folder(folder) => folder.join("pairs.csv"),
    };
    let pairs = match &args.pairs {
        Some(pairs) => pairs.clone(),
        None if beside.is_file() => Pairs::File(beside),
        None => {
            return usage(format!(
                "nothing to measure by: give --pairs, a file or by-name (there is no {})",
                beside.display()
            ));
        }
    };
    let translator = Translator::<B>::open(&args.model, &Default::default())?;
    let (dataset, data) = open_test(&args.data, translator.domains())?;
    let pairs = pairs.open(data, dataset)?;
    eprintln!("translating {} images", pairs.len());
    let scores = pairs.measure(&translator)?;
    if let Some(json) = &args.json {
        common::write_new(json, &common::json(&scores)?)?;
    }
    println!("{scores}");
    Ok(())
}
