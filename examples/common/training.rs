//! The command line of `train`: datasets, settings, what is measured, resuming.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stargan::DomainLabel;
use stargan::Domains;
use stargan::Objective;
use stargan::Penalty;
use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::data::{Dataset, Datasets, UnreadablePolicy};
use stargan::metrics::{CounterfactualLog, Counterfactuals};
#[cfg(feature = "tui")]
use stargan::train::Dashboard;
use stargan::train::{
    CsvLog, NonFinitePolicy, Outcome, Preset, Progress, SampleGrids, TensorBoard, TimingLog,
    Trainer, TrainingConfig,
};

use super::data::{Command, DataArgs, Opened, Pairs, Source, Spec, open_test};
use super::weights::{Identity, Weights};
use super::workers::{Crew, WorkerArgs};
use super::{Failure, usage};

/// Trains a StarGAN on labelled images.
///
/// The run folder receives the configuration, a log of all losses (log.csv) and of the time (timing.csv),
/// sample grids, checkpoints, with --pairs the error against the truth (metrics.csv, metrics.json), and at the
/// end a page that shows it all (report.html). Ctrl-C finishes the
/// iteration and writes a checkpoint, from which --resume goes on exactly.
#[derive(Parser)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Side of the square training images, in pixels [default: 128]
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    /// Images per batch [default: 16]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Iterations: discriminator updates [default: 200000]
    #[arg(long, value_name = "N")]
    iterations: Option<u64>,
    /// Channels after the generator's first convolution [default: 64]
    #[arg(long, value_name = "N")]
    base_channels: Option<usize>,
    /// Channels after the discriminator's first convolution [default: as --base-channels]
    #[arg(long, value_name = "N")]
    discriminator_channels: Option<usize>,
    /// Residual blocks of the generator [default: 6]
    #[arg(long, value_name = "N")]
    residual_blocks: Option<usize>,
    /// Halvings of the image size in the generator [default: 2]
    #[arg(long, value_name = "N")]
    downsamplings: Option<usize>,
    /// Convolutions of the discriminator's trunk [default: 6, fewer for small images]
    #[arg(long, value_name = "N")]
    discriminator_downsamplings: Option<usize>,
    /// A named set of defaults, which the other flags change; "paper" is the paper to the letter. An
    /// unknown name is answered with those there are
    #[arg(long, value_name = "NAME", value_parser = named::<Preset>)]
    preset: Option<Preset>,
    /// The adversarial objective; an unknown name is answered with those there are [default:
    /// wasserstein]
    #[arg(long, value_name = "NAME", value_parser = named::<Objective>)]
    objective: Option<Objective>,
    /// The gradient penalty; an unknown name is answered with those there are [default: wgan-gp]
    #[arg(long, value_name = "NAME", value_parser = named::<Penalty>)]
    penalty: Option<Penalty>,
    /// Spectral normalisation of the discriminator's convolutions, beside the penalty or in its place
    #[arg(long)]
    spectral_norm: bool,
    /// Identity warm-up: its weight and the last iteration that has it, or "none" [default: 10:500]
    #[arg(long, value_name = "WEIGHT:LAST_ITERATION|none")]
    identity: Option<Identity>,
    /// The weights of the loss terms beside the adversarial one, of all datasets or of the one of that name: domain,
    /// reconstruction, penalty and, if it changes, identity warm-up; may be repeated [default: 1:10:10:10]
    #[arg(long, value_name = "[NAME=]DOMAIN:RECONSTRUCTION:PENALTY[:IDENTITY]")]
    weights: Vec<Weights>,
    /// Discriminator updates per generator update [default: 5]
    #[arg(long, value_name = "N")]
    critic_steps: Option<u64>,
    /// Learning rate of both networks, falling to 0 in the second half [default: 0.0001]
    #[arg(long, value_name = "F")]
    learning_rate: Option<f64>,
    /// Decay of the generator's moving average, which translates; 0 for none [default: 0.999]
    #[arg(long, value_name = "F")]
    ema: Option<f64>,
    /// Decides every random number [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The run folder: new or empty, unless with --resume [default: runs/train]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in --out, with its data and settings; --iterations, --on-non-finite and --on-unreadable
    /// may change
    #[arg(long)]
    resume: bool,
    /// Checkpoints kept, the newest ones [default: 3]
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Write a checkpoint every N iterations [default: 1000]
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// Settings from a file like a run's config.json, all or some of them; flags override it
    #[arg(long, value_name = "FILE.json")]
    config: Option<PathBuf>,
    /// What to do about a loss, gradient or weight that is not finite: end with an error, or go on from the last
    /// checkpoint with the learning rate times FACTOR, at most TIMES times (roll-back alone: 0.5:3)
    /// [default: stop]
    #[arg(long, value_name = "stop|roll-back[:FACTOR:TIMES]")]
    on_non_finite: Option<OnNonFinite>,
    /// What to do about an image that can't be read: end with an error, or take the next one in its place and report
    /// it at the end; an unknown name is answered with those there are [default: fail]
    #[arg(long, value_name = "fail|skip", value_parser = named::<UnreadablePolicy>)]
    on_unreadable: Option<UnreadablePolicy>,
    /// Threads that load images [default: 2]
    #[arg(long, value_name = "N")]
    loader_threads: Option<usize>,
    /// What computes
    #[arg(long, value_name = "B", value_enum, default_value_t)]
    backend: super::Backend,
    #[command(flatten)]
    workers: WorkerArgs,
    /// Images to show in the sample grids and to measure with --pairs; repeat it for several datasets
    #[arg(long, value_name = "[NAME=]celeba:IMAGES_DIR:ATTR_FILE|[NAME=]folder:DIR")]
    test_data: Vec<Spec>,
    /// True counterfactuals among the --test-data before, to measure translations by: a file of
    /// source,target,change, or "by-name" where images of one file name in several class folders are the
    /// same but for their class; repeat it for several --test-data
    #[arg(long, value_name = "FILE.csv|by-name")]
    pairs: Vec<Pairs>,
    /// Measure --pairs every N iterations, 0 for at the end only [default: 0]
    #[arg(long, value_name = "N")]
    evaluate_every: Option<u64>,
    /// Save a sample grid every N iterations and at the end [default: 500]
    #[arg(long, value_name = "N")]
    sample_every: Option<u64>,
    /// Show the run on the whole terminal (compile with --features tui)
    #[arg(long)]
    tui: bool,
    /// Write TensorBoard event files too, to tensorboard/ in the run folder
    #[arg(long)]
    tensorboard: bool,
    /// Write the trained model, whole, to this file at the end
    #[arg(long, value_name = "MODEL.safetensors")]
    export: Option<PathBuf>,
}

/// What a run keeps from its beginning to its end.
const FIXED: [&str; 21] = [
    "labels",
    "exclusive",
    "size",
    "batch",
    "base_channels",
    "discriminator_channels",
    "residual_blocks",
    "downsamplings",
    "discriminator_downsamplings",
    "preset",
    "objective",
    "penalty",
    "spectral_norm",
    "identity",
    "weights",
    "critic_steps",
    "learning_rate",
    "ema",
    "seed",
    "config",
    "keep",
];

/// A name as in a configuration file.
fn named<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(name)).map_err(|error| error.to_string())
}

#[derive(Clone, Copy)]
struct OnNonFinite(NonFinitePolicy);

impl FromStr for OnNonFinite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let policy = match text.split(':').collect::<Vec<_>>()[..] {
            ["stop"] => Some(NonFinitePolicy::Stop),
            ["roll-back"] => Some(NonFinitePolicy::ROLL_BACK),
            ["roll-back", factor, times] => factor
                .parse()
                .ok()
                .zip(times.parse().ok())
                .map(|(factor, times)| NonFinitePolicy::RollBack { factor, times }),
            _ => None,
        };
        let policy = policy.ok_or("expected stop, roll-back, or roll-back:FACTOR:TIMES")?;
        policy.validate().map_err(|error| error.to_string())?;
        Ok(Self(policy))
    }
}

/// What an example trains when the command line does not say.
pub struct Defaults {
    /// What `--help` says of it.
    pub about: &'static str,
    /// The run folder.
    pub out: &'static str,
    /// The data.
    pub command: Command,
    /// The settings, which a preset, a file and flags change.
    pub settings: fn(TrainingConfig) -> TrainingConfig,
}

/// Trains as the command line says, and where it says nothing as the defaults.
pub fn main(defaults: Option<Defaults>) -> ExitCode {
    let mut command = Args::command();
    if let Some(defaults) = &defaults {
        command = command.about(defaults.about).long_about(defaults.about);
    }
    let matches = command.get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if args.tui && cfg!(not(feature = "tui")) {
        return super::exit(usage(
            "--tui is not compiled in: cargo run --release --features tui --example train -- --tui ...",
        ));
    }
    let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let result = if args.resume {
        match FIXED.into_iter().chain(["loader_threads", "checkpoint_every"]).find(|id| given(id)) {
            Some(id) => usage(format!(
                "--{} can't change when a run is resumed; --iterations, --on-non-finite and --on-unreadable can",
                id.replace('_', "-")
            )),
            None => super::on_backend!(args.backend, B => {
                resume::<Autodiff<B>>(&args, &matches, defaults)
            }),
        }
    } else {
        super::on_backend!(args.backend, B => begin::<Autodiff<B>>(&args, &matches, defaults))
    };
    super::exit(result)
}

/// The run folder.
fn out(args: &Args, defaults: Option<&Defaults>) -> PathBuf {
    let default = defaults.map_or("runs/train", |defaults| defaults.out);
    args.out.clone().unwrap_or_else(|| default.into())
}

fn begin<B: AutodiffBackend>(
    args: &Args,
    matches: &ArgMatches,
    defaults: Option<Defaults>,
) -> Result<(), Failure> {
    let out = out(args, defaults.as_ref());
    let settings = defaults.as_ref().map(|defaults| defaults.settings);
    let mut command = Command {
        data: args.data.bind(matches)?,
        tests: args.test_data.clone(),
        pairs: pairs(args, matches)?,
        evaluate_every: args.evaluate_every.unwrap_or(0),
        sample_every: args.sample_every.unwrap_or(500),
        tensorboard: args.tensorboard,
    };
    match defaults {
        Some(defaults) if command.data.is_empty() && command.tests.is_empty() => {
            let Command { data, tests, pairs, .. } = defaults.command;
            command = Command { data, tests, pairs, ..command };
        }
        _ if command.data.is_empty() => {
            return usage("--data is required: celeba:IMAGES_DIR:ATTR_FILE or folder:DIR");
        }
        _ => {}
    }
    let mut file = args.config.as_deref().map(read_settings).transpose()?;
    let spaces = file.as_mut().and_then(|settings| settings.as_object_mut()?.remove("domains"));
    let known: Option<Domains> = spaces
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| Failure::Failed(format!("--config: domains: {error}")))?;
    let data = open(&command.data, known.as_ref())?;
    let domains = domains(&command.data, &data, known.as_ref())?;
    let mut config = TrainingConfig::new(domains);
    if let Some(settings) = settings {
        config = settings(config);
    }
    let config = configured(config, args, file)?;
    config.validate()?;
    config.validate_workers(args.workers.count().max(1))?;
    config.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    let crew = Crew::<B>::connect(&args.workers, args.backend)?;
    if !crew.leads() {
        let data = train(data);
        return crew.follow(Some(&config), &|_| Ok(data.clone()));
    }
    let plan = Plan::open(command, data, &config.domains, args)?;

    let trainer = Trainer::<B>::new(&out, config, &crew.device())?;
    plan.command.absolute().write(trainer.folder())?;
    plan.run(trainer, crew)
}

fn resume<B: AutodiffBackend>(
    args: &Args,
    matches: &ArgMatches,
    defaults: Option<Defaults>,
) -> Result<(), Failure> {
    let out = out(args, defaults.as_ref());
    let crew = Crew::<B>::connect(&args.workers, args.backend)?;
    if !crew.leads() {
        let data = args.data.bind(matches)?;
        if data.is_empty() {
            return usage("give --data: what the run began with is known to machine 0 only");
        }
        return crew.follow(None, &|domains| Ok(train(open(&data, Some(domains))?)));
    }
    let mut trainer = Trainer::<B>::resume(&out, &crew.device())?;
    if let Some(iterations) = args.iterations {
        if iterations < trainer.iteration() {
            return usage(format!(
                "--iterations {iterations}: the run has done {} already",
                trainer.iteration()
            ));
        }
        trainer.set_iterations(iterations);
    }
    if let Some(OnNonFinite(policy)) = args.on_non_finite {
        trainer.set_on_non_finite(policy)?;
    }
    if let Some(policy) = args.on_unreadable {
        trainer.set_on_unreadable(policy);
    }
    let mut command = Command::read(&out)?.unwrap_or_else(|| Command {
        data: Vec::new(),
        tests: Vec::new(),
        pairs: Vec::new(),
        evaluate_every: 0,
        sample_every: 500,
        tensorboard: false,
    });
    let data = args.data.bind(matches)?;
    if !data.is_empty() {
        command.data = data;
    }
    if !args.test_data.is_empty() {
        (command.tests, command.pairs) = (args.test_data.clone(), Vec::new());
    }
    if !args.pairs.is_empty() {
        command.pairs = pairs(args, matches)?;
    }
    command.evaluate_every = args.evaluate_every.unwrap_or(command.evaluate_every);
    command.sample_every = args.sample_every.unwrap_or(command.sample_every);
    command.tensorboard |= args.tensorboard;
    if command.data.is_empty() {
        return usage("the run does not say what its data were, give --data as when it began");
    }
    let domains = trainer.config().domains.clone();
    let data = open(&command.data, Some(&domains))?;
    Plan::open(command, data, &domains, args)?.run(trainer, crew)
}

/// What is trained on.
fn train(data: Vec<Opened>) -> Datasets {
    data.into_iter().map(|data| data.train).collect::<Vec<_>>().into()
}

/// Every `--pairs` and the test data it belongs to.
fn pairs(args: &Args, matches: &ArgMatches) -> Result<Vec<(usize, Pairs)>, Failure> {
    let at = |id: &str| -> Vec<usize> {
        matches.indices_of(id).map(Iterator::collect).unwrap_or_default()
    };
    let tests = at("test_data");
    let bind = |(index, pairs): (usize, &Pairs)| match tests.iter().rposition(|t| *t < index) {
        Some(test) => Ok((test, pairs.clone())),
        None => usage("--pairs belongs to the --test-data before it, and there is none"),
    };
    at("pairs").into_iter().zip(&args.pairs).map(bind).collect()
}

fn open(sources: &[Source], known: Option<&Domains>) -> Result<Vec<Opened>, Failure> {
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

fn domains(
    sources: &[Source],
    data: &[Opened],
    known: Option<&Domains>,
) -> Result<Domains, Failure> {
    let spaces = data.iter().map(|data| data.train.labels().clone());
    let names = sources.iter().enumerate().map(|(i, source)| match (&source.spec.name, known) {
        (Some(name), _) => name.clone(),
        (None, Some(known)) => known.name(i).to_owned(),
        (None, None) if sources.len() == 1 => "data".to_owned(),
        (None, None) => source.spec.name(),
    });
    let joint = Domains::joint(names.zip(spaces)).map_err(|error| match sources.len() {
        1 => error.into(),
        _ => Failure::Failed(format!("{error}; name the datasets: --data NAME=...")),
    })?;
    Ok(match known {
        Some(known) if !known.is_masked() => joint.without_mask(),
        _ => joint,
    })
}

/// The settings of a file, some or all of them.
fn read_settings(file: &Path) -> Result<Value, Failure> {
    let failed = |error: String| Failure::Failed(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let settings: Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    if !settings.is_object() {
        return Err(failed("expected an object of settings, as in a run's config.json".to_owned()));
    }
    Ok(settings)
}

/// Puts the values of `over` into `base`.
fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                overlay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// The defaults changed by the preset, then the file, then the flags.
fn configured(
    mut config: TrainingConfig,
    args: &Args,
    file: Option<Value>,
) -> Result<TrainingConfig, Failure> {
    if let Some(preset) = args.preset {
        config = config.with_preset(preset);
    }
    if let Some(settings) = file {
        let failed = |error: serde_json::Error| Failure::Failed(format!("--config: {error}"));
        // An objective brings its penalty and a penalty its weight, unless the file says otherwise.
        if let Some(objective) = settings.get("objective") {
            config =
                config.with_objective(serde_json::from_value(objective.clone()).map_err(failed)?);
        }
        if let Some(penalty) = settings.get("penalty") {
            config = config.with_penalty(serde_json::from_value(penalty.clone()).map_err(failed)?);
        }
        let mut merged = serde_json::to_value(&config).map_err(failed)?;
        overlay(&mut merged, settings);
        config = serde_json::from_value(merged).map_err(failed)?;
    }
    if let Some(objective) = args.objective {
        config = config.with_objective(objective);
    }
    if let Some(penalty) = args.penalty {
        config = config.with_penalty(penalty);
    }
    if let Some(Identity(identity)) = args.identity {
        config = config.with_identity(identity);
    }
    args.weights.iter().for_each(|weights| weights.set(&mut config));
    config.spectral_norm |= args.spectral_norm;
    fn set<T: Copy>(setting: &mut T, flag: Option<T>) {
        *setting = flag.unwrap_or(*setting);
    }
    set(&mut config.on_non_finite, args.on_non_finite.map(|OnNonFinite(policy)| policy));
    set(&mut config.on_unreadable, args.on_unreadable);
    set(&mut config.image_size, args.size);
    set(&mut config.batch_size, args.batch);
    set(&mut config.iterations, args.iterations);
    set(&mut config.base_channels, args.base_channels);
    set(&mut config.discriminator_channels, args.discriminator_channels.or(args.base_channels));
    set(&mut config.residual_blocks, args.residual_blocks);
    set(&mut config.downsamplings, args.downsamplings);
    set(&mut config.discriminator_downsamplings, args.discriminator_downsamplings.map(Some));
    set(&mut config.critic_steps, args.critic_steps);
    set(&mut config.learning_rate, args.learning_rate);
    set(&mut config.ema, args.ema);
    set(&mut config.seed, args.seed);
    set(&mut config.keep, args.keep);
    set(&mut config.checkpoint_every, args.checkpoint_every);
    set(&mut config.loader_threads, args.loader_threads);
    Ok(config)
}

/// A run that is ready to begin or to go on.
struct Plan {
    command: Command,
    train: Datasets,
    grid: SampleGrids,
    log: Option<CounterfactualLog>,
    export: Option<PathBuf>,
    tui: bool,
    backend: super::Backend,
}

impl Plan {
    fn open(
        command: Command,
        data: Vec<Opened>,
        domains: &Domains,
        args: &Args,
    ) -> Result<Self, Failure> {
        if let Some(export) = &args.export {
            super::expect_absent(export)?;
        }
        let tests = command
            .tests
            .iter()
            .map(|spec| open_test(spec, domains))
            .collect::<Result<Vec<_>, _>>()?;
        let pairs: Vec<Counterfactuals> = command
            .pairs
            .iter()
            .map(|(test, pairs)| {
                let (dataset, data) = &tests[*test];
                pairs.open(data.clone(), *dataset)
            })
            .collect::<Result<_, _>>()?;
        let measured = !pairs.is_empty();
        let log = measured.then(|| CounterfactualLog::new(pairs, command.evaluate_every));
        let log = log.transpose()?;
        let shown = if tests.is_empty() {
            let or_train = |data: &Opened| data.test.clone().unwrap_or(data.train.clone());
            data.iter().map(or_train).enumerate().collect()
        } else {
            tests
        };
        let train = train(data);
        let grid = SampleGrids::new(first_images(&shown)?, command.sample_every);
        let (export, tui, backend) = (args.export.clone(), args.tui, args.backend);
        Ok(Self { command, train, grid, log, export, tui, backend })
    }

    fn run<B: AutodiffBackend>(self, trainer: Trainer<B>, crew: Crew<B>) -> Result<(), Failure> {
        let data = self.train.clone();
        crew.lead(trainer, &data, |trainer| self.run_here(trainer))
    }

    /// Trains and writes, whoever else trains.
    fn run_here<B: AutodiffBackend>(self, mut trainer: Trainer<B>) -> Result<(), Failure> {
        super::stop_at_ctrl_c(trainer.stop_flag())?;
        let logs = (CsvLog::every(20), TimingLog::every(20));
        // After the grids, which it copies.
        let tensorboard = self.command.tensorboard.then(|| TensorBoard::every(20));
        let mut observers = (shown(self.tui), logs, self.grid, self.log, tensorboard);
        let outcome = trainer.run(&self.train, &mut observers)?;
        let checkpoint = match outcome {
            Outcome::Finished { checkpoint } => checkpoint,
            Outcome::Stopped { checkpoint } => {
                super::report(trainer.folder());
                return Err(super::interrupted(trainer.folder(), &checkpoint, self.backend));
            }
        };
        if let Some(log) = &mut observers.3 {
            let scores = log.measured(&trainer)?;
            super::write(&trainer.folder().join("metrics.json"), &super::json(scores)?)?;
            println!("{scores}\n");
        }
        let report = super::report(trainer.folder());
        if let Some(export) = &self.export {
            trainer.translator().save(export, true)?;
            println!("model: {}", export.display());
        }
        if let Some(report) = report {
            println!("report: {}", report.display());
        }
        println!("checkpoint: {}", checkpoint.display());
        Ok(())
    }
}

/// How a run is shown: on the whole terminal where that is asked for and there is one, or by a line.
#[cfg(feature = "tui")]
fn shown(tui: bool) -> (Option<Dashboard>, Option<Progress>) {
    let dashboard = tui.then(|| Dashboard::every(20)).transpose();
    let dashboard = dashboard.unwrap_or_else(|error| {
        eprintln!("warning: {error}: lines are shown instead");
        None
    });
    let line = dashboard.is_none().then(Progress::default);
    (dashboard, line)
}

/// How a run is shown.
#[cfg(not(feature = "tui"))]
fn shown(_tui: bool) -> Progress {
    Progress::default()
}

/// The first images of every test set, about eight in all, for the sample grids.
fn first_images(
    tests: &[(usize, Arc<dyn Dataset>)],
) -> Result<Vec<(image::DynamicImage, Option<DomainLabel>)>, Failure> {
    let each = 8_usize.div_ceil(tests.len().max(1));
    let mut images = Vec::new();
    for (dataset, data) in tests {
        for index in 0..each.min(data.len()) {
            let label = data.label(index).to_vec();
            images.push((
                data.load_cropped(index)?.into(),
                Some(DomainLabel { dataset: *dataset, label }),
            ));
        }
    }
    Ok(images)
}
