//! `quickstart`: `train` with defaults for everything, on the images in `examples/data`.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};
use stargan::burn::tensor::backend::Backend;
use stargan::recipes::Reference;
use stargan::{
    DomainLabel, Grid, GridImage, StarGan, StarGanV2, StyleTranslator, Translate, Translator,
};

use crate::bundled::{self, People};
use crate::data::{Pairs, Source};
use crate::failure::Failure;
use crate::output;
use crate::terminal::result;
use crate::train::{self, Defaults, Inputs, RecipeName};

const SAMPLE_EVERY: u64 = 250;

/// Trains a small StarGAN on drawn faces, measures its translations and saves pictures of them.
///
/// The flags are those of train. With --data it trains on that, by the same settings. With --joint
/// it trains one model on two datasets with different labels, the drawn faces and expressions, and
/// leaves what train leaves. With --v2 it trains a small StarGAN v2, whose domains are the faces'
/// hair colours, and saves pictures of its styles.
#[derive(clap::Args)]
pub struct Args {
    /// Train on two datasets with different labels, the faces and the expressions, into runs/joint;
    /// a dataset of the name expressions has three tenths of the weights
    #[arg(long)]
    joint: bool,
    /// Train the recipe stargan-v2 on the faces' hair colours, into runs/quickstart-v2
    #[arg(long, conflicts_with = "joint")]
    v2: bool,
    #[command(flatten)]
    train: train::Args,
}

/// Says in the help what is done when a flag isn't given.
pub fn describe(command: Command) -> Command {
    let out = "runs/quickstart, or runs/quickstart-2 and so on when that exists";
    let every = "250, with --joint 500";
    train::describe_as(command, out, every, bundled::settings, bundled::styles)
}

pub fn run(args: &Args, places: &ArgMatches) -> Result<(), Failure> {
    // A run that goes on is what it was.
    let resumed = args.train.out().filter(|_| args.train.resumes()).and_then(RecipeName::of_run);
    let v2 = args.v2 || resumed == Some(RecipeName::StarGanV2);
    let faces = Source::new(bundled::faces("train"));
    let faces = faces.with_labels(if v2 { &bundled::HAIR } else { &bundled::LABELS });
    let inputs = Inputs {
        data: vec![faces],
        tests: vec![bundled::faces("test")],
        pairs: vec![(0, Pairs::File(bundled::pairs()))],
        evaluate_every: 0,
        sample_every: SAMPLE_EVERY,
        tensorboard: false,
        people: true,
        keep_best: None,
        stop_after_worse: None,
    };
    if v2 {
        let out = folders("runs/quickstart-v2");
        let defaults = Defaults { out, inputs, settings: bundled::styles };
        return train::run::<StarGanV2>(&args.train, places, Some(defaults));
    }
    let defaults = if args.joint {
        let Inputs { mut data, mut tests, mut pairs, .. } = inputs;
        data.push(Source::new(bundled::expressions("train")));
        tests.push(bundled::expressions("test"));
        pairs.push((1, Pairs::ByName));
        let sample_every = 2 * SAMPLE_EVERY;
        let inputs = Inputs { data, tests, pairs, sample_every, people: false, ..inputs };
        let out = ["runs/joint".into(), "runs/joint".into()];
        Defaults { out, inputs, settings: bundled::settings }
    } else {
        Defaults { out: folders("runs/quickstart"), inputs, settings: bundled::settings }
    };
    train::run::<StarGan>(&args.train, places, Some(defaults))
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

/// How many styles of a hair colour a picture shows.
const STYLES: u64 = 6;

/// Leaves pictures of `people` in the run folder, in styles from noise and in one another's, and
/// says what else is there.
pub fn pictures_of_styles<B: Backend>(
    translator: &StyleTranslator<B>,
    people: &People,
    run: &Path,
) -> Result<(), Failure> {
    let (sources, others) = people.split_at(people.len() / 2);
    let sources: Vec<_> = sources.iter().map(|person| person.image.clone()).collect();
    let names = translator.spaces().space(0).names().to_vec();
    for (domain, name) in names.iter().enumerate() {
        let grid = translator.latent_grid(&sources, domain, STYLES)?;
        output::save_image_of_run(grid.picture(), &run.join(format!("styles/{name}.png")))?;
    }
    let reference = |GridImage { image, label }: &GridImage| {
        let label = &label.as_ref()?.label;
        let domain = label.iter().position(|&entry| entry == 1.0)?;
        Some(Reference { image: image.clone(), domain })
    };
    let references: Vec<_> = others.iter().filter_map(reference).collect();
    let grid = translator.reference_grid(&sources, &references)?;
    output::save_image_of_run(grid.picture(), &run.join("references.png"))?;
    let run = run.display();
    let last = names.last().map_or("", String::as_str);
    result!(
        "In {run}: report.html (the run on one page), styles (faces in {STYLES} styles of every \
         hair\ncolour), references.png (faces in the styles of those above), samples, log.csv, \
         timing.csv,\nmetrics.csv, metrics.json, config.json and checkpoints. To translate a face \
         of your own:\n\n  \
         stargan translate --model {run} --domain {last} --styles 5 FACE.png"
    );
    Ok(())
}

/// Where a new run goes, `first` or the first of `first`-2 and so on that does not exist, and what
/// is resumed.
fn folders(first: &str) -> [PathBuf; 2] {
    let numbered = (2..).map(|number| PathBuf::from(format!("{first}-{number}")));
    let free = std::iter::once(PathBuf::from(first))
        .chain(numbered)
        .find(|folder| !Path::exists(folder))
        .unwrap_or_else(|| first.into());
    [free, first.into()]
}
