//! The flags of `train` that are settings, and the configuration that they make.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stargan::data::read_text;
use stargan::engine::Recipe;
use stargan::nn::{Head, Upsampling};
use stargan::{
    Augmentation, Channels, ImageSize, LabelSpaces, NonFinitePolicy, Objective, Penalty, Precision,
    Preset, RunSettings, Sampling, Schedule, StarGan, TrainingConfig, UnreadablePolicy,
};

use super::weights::{LOSSES, WeightsArgs};
use crate::failure::{Failure, of_file, usage};
use crate::named::names;

const NETWORKS: &str = "Networks";
const RUN: &str = "Run";

/// Settings, which a preset and a file give and flags change.
#[derive(Args)]
pub struct SettingsArgs {
    /// Size of the training images in pixels: the side of squares, or WIDTHxHEIGHT
    #[arg(long, value_name = "PX|WxH")]
    size: Option<ImageSize>,
    /// Channels of the images: 1 (grey), 3 (RGB) or 4 (RGB and opacity, which is translated too)
    #[arg(long, value_name = "1|3|4")]
    channels: Option<Channels>,
    /// Images per batch
    #[arg(long, value_name = "N", help_heading = RUN)]
    batch: Option<usize>,
    /// Parts that a batch goes through the networks in, one after the other, for less memory and
    /// the same update
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub accumulate: Option<usize>,
    /// The type of float that the networks compute in, where the device has it (a CPU only pretends
    /// to, for tests); weights, norms and losses stay float32
    #[arg(long, value_name = "NAME", value_parser = names(Precision::ALL), help_heading = RUN)]
    precision: Option<Precision>,
    /// Iterations: discriminator updates
    #[arg(long, value_name = "N", help_heading = RUN)]
    pub iterations: Option<u64>,
    /// Channels after the generator's first convolution
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    base_channels: Option<usize>,
    /// Channels after the discriminator's first convolution [default: as --base-channels]
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    discriminator_channels: Option<usize>,
    /// Residual blocks of the generator
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    residual_blocks: Option<usize>,
    /// Halvings of the image size in the generator
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    downsamplings: Option<usize>,
    /// How the generator doubles sizes again: by transposed convolutions, or by convolutions after
    /// every pixel has become four, against checkerboard patterns
    #[arg(
        long,
        value_name = "NAME",
        value_parser = names(Upsampling::ALL),
        help_heading = NETWORKS
    )]
    upsampling: Option<Upsampling>,
    /// What the generator makes of its last features: an image, or an image and a mask of where it
    /// replaces the photo
    #[arg(long, value_name = "NAME", value_parser = names(Head::ALL), help_heading = NETWORKS)]
    head: Option<Head>,
    /// Convolutions of the discriminator's trunk [default: 6, fewer for small images]
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    discriminator_downsamplings: Option<usize>,
    /// A named set of defaults, which the other flags change; "paper" is the paper to the letter
    #[arg(long, value_name = "NAME", value_parser = names(Preset::ALL))]
    preset: Option<Preset>,
    /// The adversarial objective
    #[arg(long, value_name = "NAME", value_parser = names(Objective::ALL), help_heading = LOSSES)]
    objective: Option<Objective>,
    /// The gradient penalty
    #[arg(long, value_name = "NAME", value_parser = names(Penalty::ALL), help_heading = LOSSES)]
    penalty: Option<Penalty>,
    /// Spectral normalisation of the discriminator's convolutions, beside the penalty or in its
    /// place
    #[arg(long, help_heading = NETWORKS)]
    spectral_norm: bool,
    #[command(flatten)]
    pub weights: WeightsArgs,
    /// Discriminator updates per generator update
    #[arg(long, value_name = "N", help_heading = LOSSES)]
    critic_steps: Option<u64>,
    /// Learning rate of both networks, which --schedule starts from; the discriminator's own keeps
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
    schedule: Option<Schedule>,
    /// Decay of the generator's moving average, which translates; 0 for none
    #[arg(long, value_name = "F", help_heading = RUN)]
    ema: Option<f64>,
    /// Change training images at random beside the flip: factors from 1 - B to 1 + B for
    /// brightness, likewise for contrast and saturation, and smaller crops at any place, of a side
    /// down to 1 - SHARE [default: none of these]
    #[arg(
        long,
        value_name = "brightness=B,contrast=C,saturation=S,crop=SHARE",
        help_heading = RUN
    )]
    augment: Option<Augmentation>,
    /// Draw every class, every member of an exclusive group, and every attribute present and
    /// absent, equally often
    #[arg(long, help_heading = RUN)]
    balance: bool,
    /// Decides every random number
    #[arg(long, value_name = "N", help_heading = RUN)]
    seed: Option<u64>,
    /// Checkpoints kept, the newest ones
    #[arg(long, value_name = "N", help_heading = RUN)]
    keep: Option<usize>,
    /// Write a checkpoint every N iterations
    #[arg(long, value_name = "N", help_heading = RUN)]
    checkpoint_every: Option<u64>,
    /// Settings from a file like a run's config.json, all or some of them; flags override it
    #[arg(long, value_name = "FILE.json")]
    config: Option<PathBuf>,
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
    loader_threads: Option<usize>,
}

/// Settings of a file, and the label spaces that it may give too.
pub struct SettingsFile {
    settings: Option<Value>,
    pub spaces: Option<LabelSpaces>,
}

impl SettingsArgs {
    /// The flags that may change when a run is resumed, of those here.
    const CHANGEABLE: [&str; 17] = [
        "iterations",
        "learning_rate",
        "discriminator_learning_rate",
        "schedule",
        "batch",
        "accumulate",
        "augment",
        "balance",
        "weights",
        "identity",
        "fake_domain",
        "reconstruction_ramp",
        "keep",
        "checkpoint_every",
        "loader_threads",
        "on_non_finite",
        "on_unreadable",
    ];

    /// Refuses flags that a resumed run can't change.
    pub fn check_resumed(matches: &ArgMatches) -> Result<(), Failure> {
        let settings = Self::augment_args(Command::new("settings"));
        let ids = settings.get_arguments().map(|flag| flag.get_id().as_str());
        let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let fixed = ids.filter(|id| !Self::CHANGEABLE.contains(id)).chain(["labels", "exclusive"]);
        let flag = |id: &str| format!("--{}", id.replace('_', "-"));
        match fixed.into_iter().find(given) {
            Some(id) => usage(format!(
                "{} can't change when a run is resumed; {} can, and run.precision and run.flip in \
                 its config.json",
                flag(id),
                Self::CHANGEABLE.map(flag).join(", ")
            )),
            None => Ok(()),
        }
    }

    /// Says in the help of `command`, which has these flags, what `config` makes their defaults.
    pub fn describe(command: Command, config: &TrainingConfig<StarGan>) -> Command {
        let name = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let TrainingConfig { run, recipe } = config;
        let discriminator_rate = run.discriminator_learning_rate.map_or_else(
            || "as --learning-rate".to_owned(),
            |rate| {
                let factor = rate / run.learning_rate;
                format!("{factor} times --learning-rate; as that with --head plain or --preset")
            },
        );
        let defaults = [
            ("size", recipe.discriminator.image_size.to_string()),
            ("channels", recipe.channels().to_string()),
            ("batch", run.batch_size.to_string()),
            ("iterations", run.iterations.to_string()),
            ("base_channels", recipe.generator.base_channels.to_string()),
            ("residual_blocks", recipe.generator.residual_blocks.to_string()),
            ("downsamplings", recipe.generator.downsamplings.to_string()),
            ("upsampling", name(json!(recipe.generator.upsampling))),
            ("head", name(json!(recipe.generator.head))),
            ("objective", name(json!(recipe.objective))),
            ("penalty", name(json!(recipe.penalty))),
            ("critic_steps", recipe.critic_steps.to_string()),
            ("accumulate", run.accumulate.to_string()),
            ("precision", name(json!(run.precision))),
            ("learning_rate", run.learning_rate.to_string()),
            ("discriminator_learning_rate", discriminator_rate),
            ("schedule", run.schedule.to_string()),
            ("ema", run.ema.to_string()),
            ("seed", run.seed.to_string()),
            ("keep", run.keep.to_string()),
            ("checkpoint_every", run.checkpoint_every.to_string()),
            ("on_non_finite", name(json!(run.on_non_finite))),
            ("on_unreadable", name(json!(run.on_unreadable))),
            ("loader_threads", run.loader_threads.to_string()),
        ];
        let with = |command, (id, default): (_, String)| with_default(command, id, &default);
        let defaults = defaults.into_iter().chain(WeightsArgs::defaults(&recipe.weights));
        defaults.fold(command, with)
    }

    /// Reads `--config`; without it there is nothing.
    pub fn read_file(&self) -> Result<SettingsFile, Failure> {
        let mut settings = self.config.as_deref().map(read_settings).transpose()?;
        let recipe = settings.as_mut().and_then(|settings| settings.get_mut("settings"));
        let spaces = recipe.and_then(|recipe| recipe.as_object_mut()?.remove("domains"));
        let spaces = spaces.map(serde_json::from_value).transpose();
        let spaces =
            spaces.map_err(|error| Failure::Failed(format!("--config: domains: {error}")))?;
        Ok(SettingsFile { settings, spaces })
    }

    /// The defaults changed by the preset, then the file, then the flags.
    pub fn configure(
        &self,
        mut config: TrainingConfig<StarGan>,
        file: SettingsFile,
    ) -> Result<TrainingConfig<StarGan>, Failure> {
        if let Some(preset) = self.preset {
            config = config.with_preset(preset);
        }
        // A rate of D's own that the file says stands, whatever the head.
        let file_has_rate = file
            .settings
            .as_ref()
            .is_some_and(|settings| settings.pointer("/run/discriminator_learning_rate").is_some());
        if let Some(settings) = file.settings {
            config = overlaid(config, settings)
                .map_err(|error| Failure::Failed(format!("--config: {error}")))?;
        }
        if let Some(head) = self.head {
            let own = config.run.discriminator_learning_rate;
            config = changed(config, |recipe| recipe.with_head(head));
            if file_has_rate {
                config = config.with_run(|run| run.with_discriminator_learning_rate(own));
            }
        }
        let TrainingConfig { mut run, mut recipe } = config;
        if let Some(objective) = self.objective {
            recipe = recipe.with_objective(objective);
        }
        if let Some(penalty) = self.penalty {
            recipe = recipe.with_penalty(penalty);
        }
        if let Some(size) = self.size {
            recipe = recipe.with_image_size(size);
        }
        if let Some(channels) = self.channels {
            recipe = recipe.with_channels(channels);
        }
        recipe = self.weights.change(recipe);
        let StarGan { generator, discriminator, critic_steps, .. } = &mut recipe;
        discriminator.spectral_norm |= self.spectral_norm;
        let discriminator_channels = self.discriminator_channels.or(self.base_channels);
        set(&mut generator.base_channels, self.base_channels);
        set(&mut generator.residual_blocks, self.residual_blocks);
        set(&mut generator.downsamplings, self.downsamplings);
        set(&mut generator.upsampling, self.upsampling);
        set(&mut discriminator.base_channels, discriminator_channels);
        set(&mut discriminator.downsamplings, self.discriminator_downsamplings);
        set(critic_steps, self.critic_steps);
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

fn set<T: Copy>(setting: &mut T, flag: Option<T>) {
    *setting = flag.unwrap_or(*setting);
}

/// `config` with another recipe. A head that it had not brings the ratio of D's learning rate to
/// G's that is usual with it.
pub fn changed(
    config: TrainingConfig<StarGan>,
    change: impl FnOnce(StarGan) -> StarGan,
) -> TrainingConfig<StarGan> {
    let head = config.recipe.generator.head;
    let TrainingConfig { run, recipe } = config.with_recipe(change);
    if recipe.generator.head == head {
        return TrainingConfig { run, recipe };
    }
    let own = recipe.usual_run().with_learning_rate(run.learning_rate).discriminator_learning_rate;
    TrainingConfig { run: run.with_discriminator_learning_rate(own), recipe }
}

/// `config` with the settings of a file. An objective brings its penalty, a penalty its weight, an
/// image size the halvings that suit it, a head D's ratio to G's learning rate and that one D's
/// own, unless the file says otherwise.
fn overlaid(
    mut config: TrainingConfig<StarGan>,
    settings: Value,
) -> serde_json::Result<TrainingConfig<StarGan>> {
    fn at<T: DeserializeOwned>(settings: &Value, path: &str) -> serde_json::Result<Option<T>> {
        settings.pointer(path).cloned().map(serde_json::from_value).transpose()
    }
    if let Some(objective) = at(&settings, "/settings/objective")? {
        config.recipe = config.recipe.with_objective(objective);
    }
    if let Some(penalty) = at(&settings, "/settings/penalty")? {
        config.recipe = config.recipe.with_penalty(penalty);
    }
    if let Some(size) = at::<ImageSize>(&settings, "/settings/discriminator/image_size")? {
        config.recipe = config.recipe.with_image_size(size);
    }
    if let Some(head) = at(&settings, "/settings/generator/head")? {
        config = changed(config, |recipe| recipe.with_head(head));
    }
    if let Some(rate) = at(&settings, "/run/learning_rate")? {
        config.run = config.run.with_learning_rate(rate);
    }
    // The labels are those of the data.
    let (condition, label) =
        (config.recipe.generator.condition_width, config.recipe.discriminator.label_width);
    let mut merged = serde_json::to_value(&config)?;
    overlay(&mut merged, settings);
    config = serde_json::from_value(merged)?;
    config.recipe.generator.condition_width = condition;
    config.recipe.discriminator.label_width = label;
    Ok(config)
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

/// The settings of a file, some or all of them.
fn read_settings(file: &Path) -> Result<Value, Failure> {
    let text = read_text(file)?;
    let settings: Value = serde_json::from_str(&text).map_err(|error| of_file(file, error))?;
    if !settings.is_object() {
        return Err(of_file(file, "expected an object of settings, as in a run's config.json"));
    }
    let known = ["recipe", "run", "settings"];
    let keys = settings.as_object().into_iter().flat_map(|settings| settings.keys());
    if let Some(key) = keys.into_iter().find(|key| !known.contains(&&key[..])) {
        return Err(of_file(
            file,
            format!(
                "expected {{\"run\": {{...}}, \"settings\": {{...}}}}, as in a run's config.json, \
                 found {key:?}; files of an earlier version have all settings in one"
            ),
        ));
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
