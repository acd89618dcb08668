//! `train`: datasets, settings, what is measured, resuming. `quickstart` is the same with other
//! defaults.

mod best;
mod images;
mod inputs;
mod plan;
mod processes;
mod recipes;
mod run;
mod settings;
mod settings_file;
mod workers;

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};
use stargan::burn::backend::Autodiff;
use stargan::{BackendKind, Datasets, LabelSpace, LabelSpaces, StarGan, StarGanV2, TrainingConfig};

use crate::backend::{self, on_backend};
use crate::data::{ATTRIBUTES, DataArgs, FORMS, Opened, Pairs, Source, Spec, warnings};
use crate::failure::{Failure, usage};
use crate::output::{OverwriteArg, check_different};
use crate::terminal::tell;

use best::BestArgs;
pub use inputs::Inputs;
use plan::Plan;
use processes::Processes;
pub use recipes::{RecipeName, Trained};
use run::Start;
use settings::SettingsArgs;
use settings_file::SettingsFile;
use workers::WorkerArgs;

/// Trains a StarGAN, or a StarGAN v2, on labelled images.
///
/// The run folder receives the configuration, a log of all losses (log.csv) and of the time
/// (timing.csv), sample grids, checkpoints, with --pairs the error against the truth (metrics.csv,
/// metrics.json), and at the end a page that shows it all (report.html). Ctrl-C, SIGTERM or SIGHUP
/// finish the iteration and write a checkpoint, from which --resume goes on exactly.
#[derive(clap::Args)]
pub struct TrainArgs {
    /// What is trained; of a run that goes on it is what it was
    #[arg(long, value_name = "NAME", value_enum)]
    recipe: Option<RecipeName>,
    #[command(flatten)]
    args: Args,
}

/// The flags of `train` that `quickstart` has too.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// The run folder: new or empty, unless with --resume
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in --out, with its data and settings; what says how it learns may change,
    /// such as --iterations, --learning-rate, --batch and --weights, not what is trained; and with
    /// --data where the data are, with --data-changed the data
    #[arg(long)]
    resume: bool,
    /// Go on from this checkpoint of the run in --out, such as one before the newest; with its
    /// settings; those after it are kept under other names
    #[arg(long, value_name = "CHECKPOINT")]
    resume_from: Option<PathBuf>,
    /// Begin with what fits of this model (stargan), whose labels and data may be others: its
    /// networks' sizes and image size are taken where no flag says otherwise, its weights where
    /// sizes agree, those of labels where their names do
    #[arg(long, value_name = "RUN_OR_FILE", conflicts_with_all = ["resume", "resume_from"])]
    from: Option<PathBuf>,
    /// With --resume: go on although images were added, removed or renamed or have other labels;
    /// the run keeps what differs among its changes
    #[arg(long)]
    data_changed: bool,
    /// What computes
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
    /// Save a sample grid every N iterations and at the end
    #[arg(long, value_name = "N")]
    sample_every: Option<u64>,
    /// Write TensorBoard event files too, to tensorboard/ in the run folder
    #[arg(long)]
    tensorboard: bool,
    /// Write the trained model, whole, to this file at the end
    #[arg(long, value_name = "MODEL.safetensors")]
    export: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArg,
    #[command(flatten, next_help_heading = "Data")]
    data: DataArgs,
    /// Images to show in the sample grids and to measure with --pairs; repeat it for several
    /// datasets
    #[arg(long, value_name = FORMS, help_heading = "Data")]
    test_data: Vec<Spec>,
    /// True counterfactuals among the --test-data before, to measure translations by: a file of
    /// source,target,change, or "by-name" where images of one file name in several class folders
    /// are the same but for their class; repeat it for several --test-data
    #[arg(long, value_name = "FILE.csv|by-name", help_heading = "Data")]
    pairs: Vec<Pairs>,
    /// Measure --pairs every N iterations, 0 for at the end only [default: 0]
    #[arg(long, value_name = "N", help_heading = "Data")]
    evaluate_every: Option<u64>,
    #[command(flatten, next_help_heading = "Data")]
    best: BestArgs,
    #[command(flatten, next_help_heading = "Settings")]
    settings: SettingsArgs,
    #[command(flatten, next_help_heading = "Workers")]
    workers: WorkerArgs,
}

/// What is trained when the command line does not say.
pub struct Defaults<R: Trained> {
    /// The run folder, of a new run and of one that goes on.
    pub out: [PathBuf; 2],
    /// The data.
    pub inputs: Inputs,
    /// The settings, which a preset, a file and flags change.
    pub settings: fn(TrainingConfig<R>) -> TrainingConfig<R>,
}

/// Says in the help of `train` what is done when a flag isn't given.
pub fn describe(command: Command) -> Command {
    describe_as(command, OUT, &SAMPLE_EVERY.to_string(), |config| config, |config| config)
}

/// The run folder where no flag says one.
const OUT: &str = "runs/train";

const SAMPLE_EVERY: u64 = 500;

/// Says in the help of `command`, which has the flags of `train`, what their defaults are.
pub fn describe_as(
    command: Command,
    out: &str,
    sample_every: &str,
    stargan: fn(TrainingConfig<StarGan>) -> TrainingConfig<StarGan>,
    stargan_v2: fn(TrainingConfig<StarGanV2>) -> TrainingConfig<StarGanV2>,
) -> Command {
    let spaces = LabelSpaces::single(LabelSpace::attributes(ATTRIBUTES));
    let stargan = stargan(StarGan::new(spaces).into());
    let domains = LabelSpace::classes(["cat", "dog"]);
    let stargan_v2 = stargan_v2(StarGanV2::new(domains, recipes::stargan_v2::SIZE).into());
    let command = settings::with_default(command, "out", out);
    let command = settings::with_default(command, "sample_every", sample_every);
    SettingsArgs::describe(command, &stargan, &stargan_v2)
}

/// Trains the recipe that the command line or the run says. `places` are where the flags stand.
pub fn run_chosen(args: &TrainArgs, places: &ArgMatches) -> Result<(), Failure> {
    let out = args.args.out.clone().unwrap_or_else(|| OUT.into());
    let of_file = || args.args.settings.config.as_deref().and_then(RecipeName::of_settings);
    match RecipeName::choose(args.recipe.or_else(of_file), args.args.resumes().then_some(&*out))? {
        RecipeName::StarGan => run::<StarGan>(&args.args, places, None),
        RecipeName::StarGanV2 => run::<StarGanV2>(&args.args, places, None),
    }
}

/// Trains as the command line says, and where it says nothing as the defaults. `places` are where
/// the flags stand.
pub fn run<R: Trained>(
    args: &Args,
    places: &ArgMatches,
    defaults: Option<Defaults<R>>,
) -> Result<(), Failure> {
    let processes = Processes::join()?;
    let ended = train::<R>(args, places, defaults, &processes);
    processes.end(ended)
}

fn train<R: Trained>(
    args: &Args,
    places: &ArgMatches,
    defaults: Option<Defaults<R>>,
    processes: &Processes,
) -> Result<(), Failure> {
    let resume = args.resumes();
    SettingsArgs::check::<R>(places, resume)?;
    if args.data_changed && !resume {
        return usage("--data-changed is for a run that goes on: give --resume too");
    }
    let out = args.out.clone().unwrap_or_else(|| match (&defaults, resume) {
        (Some(Defaults { out: [new, _], .. }), false) => new.clone(),
        (Some(Defaults { out: [_, old], .. }), true) => old.clone(),
        (None, _) => OUT.into(),
    });
    check_different(&[("--out", Some(&out)), ("--export", args.export.as_deref())])?;
    let given = Given { data: args.data.bind(places)?, pairs: pairs(args, places)? };
    let start =
        if resume { Start::Resume(given) } else { begin(args, given, defaults, processes)? };
    on_backend!(args.backend, B => run::train::<Autodiff<B>, R>(args, &out, start, processes))
}

impl Args {
    /// Whether a run goes on.
    pub fn resumes(&self) -> bool {
        self.resume || self.resume_from.is_some()
    }

    /// The run folder, where it is said.
    pub fn out(&self) -> Option<&Path> {
        self.out.as_deref()
    }
}

/// What the command line says of data, each flag with the one it belongs to.
struct Given {
    data: Vec<Source>,
    pairs: Vec<(usize, Pairs)>,
}

/// A new run: its settings and its data.
fn begin<R: Trained>(
    args: &Args,
    given: Given,
    defaults: Option<Defaults<R>>,
    processes: &Processes,
) -> Result<Start<R>, Failure> {
    let settings = defaults.as_ref().map(|defaults| defaults.settings);
    let sample_every =
        defaults.as_ref().map_or(SAMPLE_EVERY, |defaults| defaults.inputs.sample_every);
    let mut inputs = Inputs {
        data: given.data,
        tests: args.test_data.clone(),
        pairs: given.pairs,
        evaluate_every: args.evaluate_every.unwrap_or(0),
        sample_every: args.sample_every.unwrap_or(sample_every),
        tensorboard: args.tensorboard,
        people: false,
        keep_best: None,
        stop_after_worse: None,
    };
    match defaults {
        Some(defaults) if inputs.data.is_empty() && inputs.tests.is_empty() => {
            inputs = Inputs {
                evaluate_every: inputs.evaluate_every,
                sample_every: inputs.sample_every,
                tensorboard: inputs.tensorboard,
                ..defaults.inputs
            };
        }
        _ if inputs.data.is_empty() => {
            return usage(
                "--data is required: celeba:DIR, celeba:IMAGES_DIR:ATTR_FILE or folder:DIR",
            );
        }
        _ => {}
    }
    args.best.set(&mut inputs);
    let file = SettingsFile::read(args.settings.config.as_deref())?;
    let data = open(&inputs.data, file.spaces.as_ref())?;
    let spaces = spaces(&inputs.data, &data, file.spaces.as_ref())?;
    let mut config = TrainingConfig::new(R::of(spaces)?);
    if let Some(settings) = settings {
        config = settings(config);
    }
    if let Some(from) = &args.from {
        config = R::sized_like(config, from)?;
    }
    let config = args.settings.configure(config, file)?;
    config.check()?;
    config.check_workers(args.workers.count(processes).max(1))?;
    config.recipe.warnings(&config.run).iter().for_each(|warning| tell!("warning: {warning}"));
    for (dataset, data) in data.iter().enumerate() {
        let name = shown(config.recipe.labels(), dataset);
        for warning in warnings(&*data.train, config.run.sampling) {
            tell!("warning: {name}: {warning}");
        }
    }
    Ok(Start::New { config: Box::new(config), inputs, data })
}

/// Every `--pairs` and the test data it belongs to.
fn pairs(args: &Args, places: &ArgMatches) -> Result<Vec<(usize, Pairs)>, Failure> {
    let at = |id: &str| -> Vec<usize> {
        places.indices_of(id).map(Iterator::collect).unwrap_or_default()
    };
    let tests = at("test_data");
    let bind = |(index, pairs): (usize, &Pairs)| match tests.iter().rposition(|t| *t < index) {
        Some(test) => Ok((test, pairs.clone())),
        None => usage("--pairs belongs to the --test-data before it, and there is none"),
    };
    at("pairs").into_iter().zip(&args.pairs).map(bind).collect()
}

/// Opens what is trained on; `known` are the labels of a run that goes on, or of a file.
pub fn open(sources: &[Source], known: Option<&LabelSpaces>) -> Result<Vec<Opened>, Failure> {
    if let Some(known) = known.filter(|known| known.len() != sources.len()) {
        return Err(Failure::Failed(format!(
            "the configuration has the labels of {} datasets, --data names {}",
            known.len(),
            sources.len()
        )));
    }
    let open = |(i, source): (usize, &Source)| source.open(known.map(|known| known.space(i)));
    sources.iter().enumerate().map(open).collect()
}

/// The labels of what is trained on.
pub fn spaces(
    sources: &[Source],
    data: &[Opened],
    known: Option<&LabelSpaces>,
) -> Result<LabelSpaces, Failure> {
    let spaces = data.iter().map(|data| data.train.labels().clone());
    let names = sources.iter().enumerate().map(|(i, source)| match (&source.spec.name, known) {
        (Some(name), _) => name.clone(),
        (None, Some(known)) => known.name(i).to_owned(),
        (None, None) if sources.len() == 1 => "data".to_owned(),
        (None, None) => source.spec.name(),
    });
    let joint = LabelSpaces::joint(names.zip(spaces)).map_err(|error| match sources.len() {
        1 => error.into(),
        _ => Failure::Failed(format!("{error}; name the datasets: --data NAME=...")),
    })?;
    Ok(match known {
        Some(known) if !known.is_masked() => joint.without_mask(),
        _ => joint,
    })
}

/// What a dataset is called where things are said of it.
pub fn shown(spaces: &LabelSpaces, dataset: usize) -> &str {
    match spaces.name(dataset) {
        "" => "data",
        name => name,
    }
}

/// What is trained on.
fn train_data(data: Vec<Opened>) -> Datasets {
    data.into_iter().map(|data| data.train).collect::<Vec<_>>().into()
}
