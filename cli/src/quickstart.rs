//! `quickstart`: `train` with defaults for everything, on the images in `examples/data`.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};
use stargan::burn::tensor::backend::Backend;
use stargan::{DomainLabel, Grid, GridImage, Translator};

use crate::bundled::{self, People};
use crate::data::{Pairs, Source};
use crate::failure::Failure;
use crate::output;
use crate::terminal::result;
use crate::train::{self, Defaults, Inputs};

const SAMPLE_EVERY: u64 = 250;

/// Trains a small StarGAN on drawn faces, measures its translations and saves pictures of them.
///
/// The flags are those of train. With --data it trains on that, by the same settings. With --joint
/// it trains one model on two datasets with different labels, the drawn faces and expressions, and
/// leaves what train leaves.
#[derive(clap::Args)]
pub struct Args {
    /// Train on two datasets with different labels, the faces and the expressions, into runs/joint;
    /// a dataset of the name expressions has three tenths of the weights
    #[arg(long)]
    joint: bool,
    #[command(flatten)]
    train: train::Args,
}

/// Says in the help what is done when a flag isn't given.
pub fn describe(command: Command) -> Command {
    let out = "runs/quickstart, or runs/quickstart-2 and so on when that exists";
    train::describe_as(command, out, "250, with --joint 500", bundled::settings)
}

pub fn run(args: &Args, places: &ArgMatches) -> Result<(), Failure> {
    let faces = Source::new(bundled::faces("train")).with_labels(&bundled::LABELS);
    let of_faces = Pairs::File(bundled::pairs());
    let defaults = if args.joint {
        Defaults {
            out: ["runs/joint".into(), "runs/joint".into()],
            inputs: Inputs {
                data: vec![faces, Source::new(bundled::expressions("train"))],
                tests: vec![bundled::faces("test"), bundled::expressions("test")],
                pairs: vec![(0, of_faces), (1, Pairs::ByName)],
                evaluate_every: 0,
                sample_every: 2 * SAMPLE_EVERY,
                tensorboard: false,
                people: false,
                keep_best: None,
                stop_after_worse: None,
            },
            settings: bundled::settings,
        }
    } else {
        Defaults {
            out: [free_folder(), "runs/quickstart".into()],
            inputs: Inputs {
                data: vec![faces],
                tests: vec![bundled::faces("test")],
                pairs: vec![(0, of_faces)],
                evaluate_every: 0,
                sample_every: SAMPLE_EVERY,
                tensorboard: false,
                people: true,
                keep_best: None,
                stop_after_worse: None,
            },
            settings: bundled::settings,
        }
    };
    train::run(&args.train, places, Some(defaults))
}

/// Leaves pictures of `people` in the run folder, and says what else is there.
pub fn pictures<B: Backend>(
    translator: &Translator<B>,
    people: &People,
    run: &Path,
) -> Result<(), Failure> {
    let grid = Grid::of_targets(translator, people)?;
    output::save_image_of_run(grid.picture(), &run.join("grid.png"))?;
    for (number, GridImage { image, label }) in people.iter().take(3).enumerate() {
        for target in
            label.iter().flat_map(|own| translator.spaces().targets(own.dataset, &own.label))
        {
            let label = DomainLabel { dataset: 0, label: target.label };
            let translated = translator.translate_to(image, &label)?;
            let file = run.join(format!("translations/{number:05}_{}.png", target.name));
            output::save_image_of_run(translated, &file)?;
        }
    }
    tell(run, &grid.columns);
    Ok(())
}

fn tell(run: &Path, columns: &[String]) {
    let run = run.display();
    result!(
        "In {run}: report.html (the run on one page), grid.png ({}), translations, samples,\n\
         log.csv, timing.csv, metrics.csv, metrics.json, config.json and checkpoints. To translate \
         a face of your own:\n\n  \
         stargan translate --model {run} --edit Blond_Hair FACE.png",
        columns.join(" | ")
    );
}

/// `runs/quickstart`, or the first of `runs/quickstart-2` and so on that does not exist.
fn free_folder() -> PathBuf {
    let numbered = (2..).map(|number| PathBuf::from(format!("runs/quickstart-{number}")));
    std::iter::once(PathBuf::from("runs/quickstart"))
        .chain(numbered)
        .find(|folder| !Path::exists(folder))
        .unwrap_or_else(|| "runs/quickstart".into())
}
