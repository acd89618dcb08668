//! The flags of `train` that are settings, and the configuration that they make.

use std::path::PathBuf;
use std::str::FromStr;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use serde_json::{Value, json};
use stargan::engine::Recipe;
use stargan::{
    Augmentation, Channels, ImageSize, NonFinitePolicy, Precision, RunSettings, Sampling, Schedule,
    StarGan, StarGanV2, TrainingConfig, UnreadablePolicy,
};

use super::recipes::Trained;
use super::recipes::stargan::StarGanArgs;
use super::recipes::stargan_v2::StarGanV2Args;
use super::settings_file::SettingsFile;
use crate::failure::{Failure, usage};
use crate::named::names;

/// The headings of these flags in the help.
pub const NETWORKS: &str = "Networks";
pub const RUN: &str = "Run";

/// Settings, which a preset and a file give and flags change: those of any recipe, and each one's
/// own.
#[derive(Args)]
pub struct SettingsArgs {
    /// Size of the training images in pixels: the side of squares, or WIDTHxHEIGHT
    #[arg(long, value_name = "PX|WxH")]
    pub size: Option<ImageSize>,
    /// Channels of the images: 1 (grey), 3 (RGB) or 4 (RGB and opacity, which is translated too)
    #[arg(long, value_name = "1|3|4")]
    pub channels: Option<Channels>,
    /// Images per batch
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub batch: Option<usize>,
    /// Parts that a batch goes through the networks in, one after the other, for less memory and
    /// the same update
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub accumulate: Option<usize>,
    /// The type of float that the networks compute in, where the device has it (a CPU only pretends
    /// to, for tests); weights, norms and losses stay float32
    #[arg(long, value_name = "NAME", value_parser = names(Precision::ALL), help_heading = RUN)]
    pub precision: Option<Precision>,
    /// Iterations: discriminator updates, of stargan-v2 two each
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub iterations: Option<u64>,
    /// Channels after the generator's first convolution
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    pub base_channels: Option<usize>,
    /// Learning rate of the networks, which --schedule starts from; the discriminator's own keeps
    /// its ratio to it
    #[arg(long, value_name = "F", help_heading = RUN)]
    pub learning_rate: Option<f64>,
    /// Learning rate of the discriminator alone, whatever --learning-rate says
    #[arg(long, value_name = "F", help_heading = RUN)]
    pub discriminator_learning_rate: Option<f64>,
    /// How the learning rate changes: constant, then linear to 0 from this share of the run on;
    /// constant; half a cosine to 0; or multiplied by FACTOR after every so many iterations
    #[arg(
        long,
        value_name = "linear:SHARE|constant|cosine|step:ITERATIONS:FACTOR",
        help_heading = RUN
    )]
    pub schedule: Option<Schedule>,
    /// Decay of the moving average of the networks that translate; 0 for none
    #[arg(long, value_name = "F", help_heading = RUN)]
    pub ema: Option<f64>,
    /// Change training images at random beside the flip: factors from 1 - B to 1 + B for
    /// brightness, likewise for contrast and saturation, and smaller crops at any place, of a side
    /// down to 1 - SHARE
    #[arg(
        long,
        value_name = "brightness=B,contrast=C,saturation=S,crop=SHARE",
        help_heading = RUN
    )]
    pub augment: Option<Augmentation>,
    /// Draw every class, every member of an exclusive group, and every attribute present and
    /// absent, equally often
    #[arg(long, help_heading = RUN)]
    pub balance: bool,
    /// Decides every random number
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub seed: Option<u64>,
    /// Checkpoints kept, the newest ones
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub keep: Option<usize>,
    /// Write a checkpoint every N iterations
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub checkpoint_every: Option<u64>,
    /// Settings from a file like a run's config.json, all or some of them; flags override it
    #[arg(long, value_name = "FILE.json")]
    pub config: Option<PathBuf>,
    /// What to do about a loss, gradient or weight that is not finite: end with an error, or go on
    /// from the last checkpoint with the learning rate times FACTOR, at most TIMES times (roll-back
    /// alone: 0.5:3)
    #[arg(long, value_name = "stop|roll-back[:FACTOR:TIMES]", help_heading = RUN)]
    pub on_non_finite: Option<OnNonFinite>,
    /// What to do about an image that can't be read: end with an error, or take the next one in its
    /// place and report it at the end
    #[arg(
        long,
        value_name = "NAME",
        value_parser = names(UnreadablePolicy::ALL),
        help_heading = RUN
    )]
    pub on_unreadable: Option<UnreadablePolicy>,
    /// Threads that load images
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub loader_threads: Option<usize>,
    #[command(flatten)]
    pub stargan: StarGanArgs,
    #[command(flatten)]
    pub stargan_v2: StarGanV2Args,
}

impl SettingsArgs {
    /// The flags that may change when a run is resumed, of those of any recipe.
    const CHANGEABLE: [&str; 13] = [
        "iterations",
        "learning_rate",
        "discriminator_learning_rate",
        "schedule",
        "batch",
        "accumulate",
        "augment",
        "balance",
        "keep",
        "checkpoint_every",
        "loader_threads",
        "on_non_finite",
        "on_unreadable",
    ];

    /// Refuses flags of other recipes than `R`, and if a run is `resumed` those that can't change.
    pub fn check<R: Trained>(matches: &ArgMatches, resumed: bool) -> Result<(), Failure> {
        let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let others = [of_recipe::<StarGan>(), of_recipe::<StarGanV2>()];
        for (recipe, ids) in others.iter().filter(|(recipe, _)| *recipe != R::NAME) {
            if let Some(id) = ids.iter().map(String::as_str).find(given) {
                let flag = flag(id);
                return usage(format!(
                    "{flag} is a setting of the recipe {recipe}, and the recipe here is {}",
                    R::NAME
                ));
            }
        }
        if !resumed {
            return Ok(());
        }
        let changeable = [&Self::CHANGEABLE, R::CHANGEABLE_FLAGS].concat();
        let settings = Self::augment_args(Command::new("settings"));
        let ids = settings.get_arguments().map(|flag| flag.get_id().as_str());
        let fixed = ids.filter(|id| !changeable.contains(id)).chain(["labels", "exclusive"]);
        match fixed.into_iter().find(given) {
            Some(id) => usage(format!(
                "{} can't change when a run is resumed; {} can, and run.precision and run.flip in \
                 its config.json",
                flag(id),
                changeable.iter().map(|id| flag(id)).collect::<Vec<_>>().join(", ")
            )),
            None => Ok(()),
        }
    }

    /// Says in the help of `command`, which has these flags, what the settings make their defaults.
    pub fn describe(
        command: Command,
        stargan: &TrainingConfig<StarGan>,
        stargan_v2: &TrainingConfig<StarGanV2>,
    ) -> Command {
        let mut of_v2 = defaults(stargan_v2);
        let mut all = defaults(stargan);
        for (id, default) in &mut all {
            if let Some(at) = of_v2.iter().position(|(other, _)| other == id) {
                let (_, other) = of_v2.remove(at);
                if other != *default {
                    *default = format!("{default}; of {} {other}", StarGanV2::NAME);
                }
            }
        }
        let with = |command, (id, default): (_, String)| with_default(command, id, &default);
        all.into_iter().chain(of_v2).fold(command, with)
    }

    /// The defaults changed by the preset, then the file, then the flags.
    pub fn configure<R: Trained>(
        &self,
        config: TrainingConfig<R>,
        file: SettingsFile,
    ) -> Result<TrainingConfig<R>, Failure> {
        let TrainingConfig { mut run, recipe } = R::configure(config, self, file)?;
        set(&mut run.precision, self.precision);
        set(&mut run.ema, self.ema);
        set(&mut run.seed, self.seed);
        Ok(TrainingConfig { run: self.change_run(run), recipe })
    }

    /// Changes of a run what the flags say and may change at any time.
    pub fn change_run(&self, mut run: RunSettings) -> RunSettings {
        if let Some(rate) = self.learning_rate {
            run = run.with_learning_rate(rate);
        }
        set(&mut run.on_non_finite, self.on_non_finite.map(|OnNonFinite(policy)| policy));
        set(&mut run.on_unreadable, self.on_unreadable);
        set(&mut run.batch_size, self.batch);
        set(&mut run.accumulate, self.accumulate);
        set(&mut run.iterations, self.iterations);
        set(&mut run.schedule, self.schedule);
        set(&mut run.augmentation, self.augment);
        set(&mut run.sampling, self.balance.then_some(Sampling::Balanced));
        set(&mut run.keep, self.keep);
        set(&mut run.checkpoint_every, self.checkpoint_every);
        set(&mut run.loader_threads, self.loader_threads);
        run.discriminator_learning_rate =
            self.discriminator_learning_rate.or(run.discriminator_learning_rate);
        run
    }
}

/// The name of the recipe `R`, and the flags that are its own.
fn of_recipe<R: Trained>() -> (&'static str, Vec<String>) {
    let command = R::Flags::augment_args(Command::new(R::NAME));
    (R::NAME, command.get_arguments().map(|flag| flag.get_id().to_string()).collect())
}

fn flag(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

/// The flags, by their names, that would make this configuration.
fn defaults<R: Trained>(config: &TrainingConfig<R>) -> Vec<(&'static str, String)> {
    let TrainingConfig { run, recipe } = config;
    let discriminator_rate = run.discriminator_learning_rate.map_or_else(
        || "as --learning-rate".to_owned(),
        |rate| {
            let factor = rate / run.learning_rate;
            format!("{factor} times --learning-rate; as that with --head plain or --preset")
        },
    );
    let augmentation = match run.augmentation.to_string() {
        none if none.is_empty() => "none of these".to_owned(),
        some => some,
    };
    let balance = if run.sampling == Sampling::Balanced { "always" } else { "no" };
    let of_run = [
        ("size", recipe.image_size().to_string()),
        ("channels", recipe.channels().to_string()),
        ("batch", run.batch_size.to_string()),
        ("iterations", run.iterations.to_string()),
        ("accumulate", run.accumulate.to_string()),
        ("precision", name(json!(run.precision))),
        ("learning_rate", run.learning_rate.to_string()),
        ("discriminator_learning_rate", discriminator_rate),
        ("schedule", run.schedule.to_string()),
        ("ema", run.ema.to_string()),
        ("augment", augmentation),
        ("balance", balance.to_owned()),
        ("seed", run.seed.to_string()),
        ("keep", run.keep.to_string()),
        ("checkpoint_every", run.checkpoint_every.to_string()),
        ("on_non_finite", name(json!(run.on_non_finite))),
        ("on_unreadable", name(json!(run.on_unreadable))),
        ("loader_threads", run.loader_threads.to_string()),
    ];
    of_run.into_iter().chain(recipe.defaults()).collect()
}

/// The name that a setting has in a file.
pub fn name(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Sets what a flag was given for.
pub fn set<T: Copy>(setting: &mut T, flag: Option<T>) {
    *setting = flag.unwrap_or(*setting);
}

/// Says in the help of a flag of `command` what is taken without it.
pub fn with_default(command: Command, id: &str, default: &str) -> Command {
    command.mut_arg(id, |flag| {
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        flag.help(format!("{help} [default: {default}]"))
    })
}

#[derive(Clone, Copy)]
pub struct OnNonFinite(pub NonFinitePolicy);

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
        policy.check().map_err(|error| error.to_string())?;
        Ok(Self(policy))
    }
}
