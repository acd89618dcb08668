//! The flags of `train` that are settings, and the configuration that they make.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stargan::data::UnreadablePolicy;
use stargan::train::{NonFinitePolicy, Preset, TrainingConfig};
use stargan::{Domains, LossWeights, Objective, Penalty};

use super::weights::{Identity, Weights};
use crate::failure::{Failure, of_file, usage};

/// Settings, which a preset and a file give and flags change.
#[derive(Args)]
pub struct SettingsArgs {
    /// Side of the square training images, in pixels
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    /// Images per batch
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Iterations: discriminator updates
    #[arg(long, value_name = "N")]
    pub iterations: Option<u64>,
    /// Channels after the generator's first convolution
    #[arg(long, value_name = "N")]
    base_channels: Option<usize>,
    /// Channels after the discriminator's first convolution [default: as --base-channels]
    #[arg(long, value_name = "N")]
    discriminator_channels: Option<usize>,
    /// Residual blocks of the generator
    #[arg(long, value_name = "N")]
    residual_blocks: Option<usize>,
    /// Halvings of the image size in the generator
    #[arg(long, value_name = "N")]
    downsamplings: Option<usize>,
    /// Convolutions of the discriminator's trunk [default: 6, fewer for small images]
    #[arg(long, value_name = "N")]
    discriminator_downsamplings: Option<usize>,
    /// A named set of defaults, which the other flags change; "paper" is the paper to the letter.
    /// An unknown name is answered with those there are
    #[arg(long, value_name = "NAME", value_parser = named::<Preset>)]
    preset: Option<Preset>,
    /// The adversarial objective; an unknown name is answered with those there are
    #[arg(long, value_name = "NAME", value_parser = named::<Objective>)]
    objective: Option<Objective>,
    /// The gradient penalty; an unknown name is answered with those there are
    #[arg(long, value_name = "NAME", value_parser = named::<Penalty>)]
    penalty: Option<Penalty>,
    /// Spectral normalisation of the discriminator's convolutions, beside the penalty or in its
    /// place
    #[arg(long)]
    spectral_norm: bool,
    /// Identity warm-up: its weight and the last iteration that has it, or "none"
    #[arg(long, value_name = "WEIGHT:LAST_ITERATION|none")]
    identity: Option<Identity>,
    /// The weights of the loss terms beside the adversarial one, of all datasets or of the one of
    /// that name: domain, reconstruction, penalty and, if it changes, identity warm-up; may be
    /// repeated
    #[arg(long, value_name = "[NAME=]DOMAIN:RECONSTRUCTION:PENALTY[:IDENTITY]")]
    weights: Vec<Weights>,
    /// Discriminator updates per generator update
    #[arg(long, value_name = "N")]
    critic_steps: Option<u64>,
    /// Learning rate of both networks, falling to 0 in the second half of the run
    #[arg(long, value_name = "F")]
    learning_rate: Option<f64>,
    /// Decay of the generator's moving average, which translates; 0 for none
    #[arg(long, value_name = "F")]
    ema: Option<f64>,
    /// Decides every random number
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Checkpoints kept, the newest ones
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Write a checkpoint every N iterations
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// Settings from a file like a run's config.json, all or some of them; flags override it
    #[arg(long, value_name = "FILE.json")]
    config: Option<PathBuf>,
    /// What to do about a loss, gradient or weight that is not finite: end with an error, or go on
    /// from the last checkpoint with the learning rate times FACTOR, at most TIMES times (roll-back
    /// alone: 0.5:3)
    #[arg(long, value_name = "stop|roll-back[:FACTOR:TIMES]")]
    pub on_non_finite: Option<OnNonFinite>,
    /// What to do about an image that can't be read: end with an error, or take the next one in its
    /// place and report it at the end; an unknown name is answered with those there are
    #[arg(long, value_name = "fail|skip", value_parser = named::<UnreadablePolicy>)]
    pub on_unreadable: Option<UnreadablePolicy>,
    /// Threads that load images
    #[arg(long, value_name = "N")]
    loader_threads: Option<usize>,
}

/// Settings of a file, and the label spaces that it may give too.
pub struct SettingsFile {
    settings: Option<Value>,
    pub domains: Option<Domains>,
}

impl SettingsArgs {
    /// Whether a resumed run may not change the flag of that name, of those here.
    fn is_fixed(id: &str) -> bool {
        !["iterations", "on_non_finite", "on_unreadable"].contains(&id)
    }

    /// Refuses flags that a resumed run can't change.
    pub fn check_resumed(matches: &ArgMatches) -> Result<(), Failure> {
        let settings = Self::augment_args(Command::new("settings"));
        let ids = settings.get_arguments().map(|flag| flag.get_id().as_str());
        let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let fixed = ids.filter(|id| Self::is_fixed(id)).chain(["labels", "exclusive"]);
        match fixed.into_iter().find(given) {
            Some(id) => usage(format!(
                "--{} can't change when a run is resumed; --iterations, --on-non-finite and \
                 --on-unreadable can",
                id.replace('_', "-")
            )),
            None => Ok(()),
        }
    }

    /// Says in the help of `command`, which has these flags, what `config` makes their defaults.
    pub fn describe(command: Command, config: &TrainingConfig) -> Command {
        let name = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let LossWeights { domain, reconstruction, penalty, identity } = &config.weights;
        let (identity, last) =
            identity.map_or((0.0, 0), |warmup| (warmup.weight, warmup.last_iteration));
        let defaults = [
            ("size", config.image_size.to_string()),
            ("batch", config.batch_size.to_string()),
            ("iterations", config.iterations.to_string()),
            ("base_channels", config.base_channels.to_string()),
            ("residual_blocks", config.residual_blocks.to_string()),
            ("downsamplings", config.downsamplings.to_string()),
            ("objective", name(json!(config.objective))),
            ("penalty", name(json!(config.penalty))),
            ("identity", format!("{identity}:{last}")),
            ("weights", format!("{domain}:{reconstruction}:{penalty}:{identity}")),
            ("critic_steps", config.critic_steps.to_string()),
            ("learning_rate", config.learning_rate.to_string()),
            ("ema", config.ema.to_string()),
            ("seed", config.seed.to_string()),
            ("keep", config.keep.to_string()),
            ("checkpoint_every", config.checkpoint_every.to_string()),
            ("on_non_finite", name(json!(config.on_non_finite))),
            ("on_unreadable", name(json!(config.on_unreadable))),
            ("loader_threads", config.loader_threads.to_string()),
        ];
        let with = |command, (id, default): (_, String)| with_default(command, id, &default);
        defaults.into_iter().fold(command, with)
    }

    /// Reads `--config`; without it there is nothing.
    pub fn read_file(&self) -> Result<SettingsFile, Failure> {
        let mut settings = self.config.as_deref().map(read_settings).transpose()?;
        let domains =
            settings.as_mut().and_then(|settings| settings.as_object_mut()?.remove("domains"));
        let domains = domains.map(serde_json::from_value).transpose();
        let domains =
            domains.map_err(|error| Failure::Failed(format!("--config: domains: {error}")))?;
        Ok(SettingsFile { settings, domains })
    }

    /// The defaults changed by the preset, then the file, then the flags.
    pub fn configure(
        &self,
        mut config: TrainingConfig,
        file: SettingsFile,
    ) -> Result<TrainingConfig, Failure> {
        if let Some(preset) = self.preset {
            config = config.with_preset(preset);
        }
        if let Some(settings) = file.settings {
            let failed = |error: serde_json::Error| Failure::Failed(format!("--config: {error}"));
            // An objective brings its penalty and a penalty its weight, unless the file says
            // otherwise.
            if let Some(objective) = settings.get("objective") {
                config = config
                    .with_objective(serde_json::from_value(objective.clone()).map_err(failed)?);
            }
            if let Some(penalty) = settings.get("penalty") {
                config =
                    config.with_penalty(serde_json::from_value(penalty.clone()).map_err(failed)?);
            }
            let mut merged = serde_json::to_value(&config).map_err(failed)?;
            overlay(&mut merged, settings);
            config = serde_json::from_value(merged).map_err(failed)?;
        }
        if let Some(objective) = self.objective {
            config = config.with_objective(objective);
        }
        if let Some(penalty) = self.penalty {
            config = config.with_penalty(penalty);
        }
        if let Some(Identity(identity)) = self.identity {
            config = config.with_identity(identity);
        }
        self.weights.iter().for_each(|weights| weights.set(&mut config));
        config.spectral_norm |= self.spectral_norm;
        fn set<T: Copy>(setting: &mut T, flag: Option<T>) {
            *setting = flag.unwrap_or(*setting);
        }
        set(&mut config.on_non_finite, self.on_non_finite.map(|OnNonFinite(policy)| policy));
        set(&mut config.on_unreadable, self.on_unreadable);
        set(&mut config.image_size, self.size);
        set(&mut config.batch_size, self.batch);
        set(&mut config.iterations, self.iterations);
        set(&mut config.base_channels, self.base_channels);
        set(&mut config.discriminator_channels, self.discriminator_channels.or(self.base_channels));
        set(&mut config.residual_blocks, self.residual_blocks);
        set(&mut config.downsamplings, self.downsamplings);
        set(&mut config.discriminator_downsamplings, self.discriminator_downsamplings.map(Some));
        set(&mut config.critic_steps, self.critic_steps);
        set(&mut config.learning_rate, self.learning_rate);
        set(&mut config.ema, self.ema);
        set(&mut config.seed, self.seed);
        set(&mut config.keep, self.keep);
        set(&mut config.checkpoint_every, self.checkpoint_every);
        set(&mut config.loader_threads, self.loader_threads);
        Ok(config)
    }
}

/// Says in the help of a flag of `command` what is taken without it.
pub fn with_default(command: Command, id: &str, default: &str) -> Command {
    command.mut_arg(id, |flag| {
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        flag.help(format!("{help} [default: {default}]"))
    })
}

/// A name as in a configuration file.
fn named<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(name)).map_err(|error| error.to_string())
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
        policy.validate().map_err(|error| error.to_string())?;
        Ok(Self(policy))
    }
}

/// The settings of a file, some or all of them.
fn read_settings(file: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| of_file(file, error))?;
    let settings: Value = serde_json::from_str(&text).map_err(|error| of_file(file, error))?;
    if !settings.is_object() {
        return Err(of_file(file, "expected an object of settings, as in a run's config.json"));
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
