//! Trains a small StarGAN on the drawn faces in `examples/data`, measures it and leaves pictures.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```

#![recursion_limit = "256"]

mod common;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use image::DynamicImage;
use stargan::DomainLabel;
use stargan::Domains;
use stargan::LabelSpace;
use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::data::{CelebA, Dataset};
use stargan::metrics::Counterfactuals;
use stargan::train::{CsvLog, Outcome, Progress, SampleGrids, TimingLog, Trainer, TrainingConfig};

use common::data::{Command, Pairs, Source};
use common::{Failure, bundled};

/// Enough to learn hair colours and glasses at 32 pixels.
const ITERATIONS: u64 = 2_500;

const SAMPLE_EVERY: u64 = 250;

/// Trains a small StarGAN on drawn faces, measures its translations and saves pictures of them.
#[derive(Parser)]
struct Args {
    /// The run folder, new or empty [default: runs/quickstart, or runs/quickstart-2 and so on when
    /// that exists]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Iterations: discriminator updates
    #[arg(long, value_name = "N", default_value_t = ITERATIONS)]
    iterations: u64,
    /// Side of the images, in pixels
    #[arg(long, value_name = "PX", default_value_t = 32)]
    size: usize,
    /// What computes
    #[arg(long, value_name = "B", value_enum, default_value_t)]
    backend: common::Backend,
    /// Decides every random number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    common::exit(common::on_backend!(args.backend, B => quickstart::<Autodiff<B>>(&args)))
}

fn quickstart<B: AutodiffBackend>(args: &Args) -> Result<(), Failure> {
    let labels = LabelSpace::attributes(bundled::LABELS).exclusive(bundled::HAIR)?;
    let train = CelebA::open(bundled::FACES.to_owned() + "/train", &labels)?;
    let test = CelebA::open(bundled::FACES.to_owned() + "/test", &labels)?;
    let pairs = Counterfactuals::open(bundled::pairs(), Arc::new(test.clone()), 0)?;

    let config = bundled::small(TrainingConfig::new(Domains::single(labels)))
        .with_image_size(args.size)
        .with_iterations(args.iterations)
        .with_seed(args.seed);

    let out = args.out.clone().unwrap_or_else(free_folder);
    let mut trainer = Trainer::<B>::new(out, config, &Default::default())?;
    let run = trainer.folder().to_owned();
    Command {
        data: vec![Source::new(bundled::faces("train"))],
        tests: vec![bundled::faces("test")],
        pairs: vec![(0, Pairs::File(bundled::pairs()))],
        evaluate_every: 0,
        sample_every: SAMPLE_EVERY,
        tensorboard: false,
    }
    .write(&run)?;

    let people = people(&test, 8)?;
    let grids = SampleGrids::new(people.clone(), SAMPLE_EVERY);
    common::stop_at_ctrl_c(trainer.stop_flag())?;
    eprintln!("sample grids appear in {}", run.join("samples").display());
    let mut observers = (Progress::default(), CsvLog::every(20), TimingLog::every(20), grids);
    if let Outcome::Stopped { checkpoint } = trainer.run(&train, &mut observers)? {
        return Err(common::interrupted(&run, &checkpoint, args.backend));
    }

    let translator = trainer.translator();
    let scores = pairs.measure(&translator)?;
    common::write(&run.join("metrics.json"), &common::json(&scores)?)?;
    let grid = translator.grid(&people)?;
    common::save_image(&grid.image, &run.join("grid.png"))?;
    for (number, (image, label)) in people.iter().take(3).enumerate() {
        for (name, label) in label.iter().flat_map(|own| {
            translator.domains().targets(0, &own.label).into_iter().map(|t| (t.name, t.label))
        }) {
            let translated = translator.translate_to(image, &DomainLabel { dataset: 0, label })?;
            let file = run.join(format!("translations/{number:05}_{name}.png"));
            common::save_image(&translated, &file)?;
        }
    }

    common::report(&run);
    println!("Error against the true change, in brackets that of doing nothing:\n\n{scores}\n");
    println!(
        "In {}: report.html (the run on one page), grid.png ({}), translations, samples,",
        run.display(),
        { grid.columns.join(" | ") }
    );
    println!(
        "log.csv, timing.csv, metrics.json, config.json and checkpoints. To translate a face of your own:\n"
    );
    println!(
        "  cargo run --release --example translate -- --model {} --edit Blond_Hair FACE.png",
        run.display()
    );
    Ok(())
}

/// The first test people with their labels.
fn people(
    test: &CelebA,
    count: usize,
) -> Result<Vec<(DynamicImage, Option<DomainLabel>)>, Failure> {
    let person = |number| test.find(&format!("{number:05}.png"));
    let load = |index| {
        let label = DomainLabel { dataset: 0, label: test.label(index).to_vec() };
        Ok((test.load_cropped(index)?.into(), Some(label)))
    };
    (0..count).filter_map(person).map(load).collect()
}

/// `runs/quickstart`, or the first of `runs/quickstart-2` and so on that does not exist.
fn free_folder() -> PathBuf {
    let numbered = (2..).map(|number| PathBuf::from(format!("runs/quickstart-{number}")));
    std::iter::once(PathBuf::from("runs/quickstart"))
        .chain(numbered)
        .find(|folder| !Path::exists(folder))
        .unwrap_or_else(|| "runs/quickstart".into())
}
