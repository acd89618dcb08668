//! StarGAN in `train`: its flags, how it begins and what it leaves.

use std::path::Path;

use clap::Args;
use serde_json::json;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::engine::Recipe;
use stargan::nn::{Head, Upsampling};
use stargan::{
    ImageSize, LabelSpaces, ModelConfig, Objective, Parts, Penalty, Preset, StarGan, Trainer,
    TrainingConfig, Translator, resolve_model,
};

use super::Trained;
use super::weights::{LOSSES, WeightsArgs};
use crate::bundled::People;
use crate::failure::{Failure, usage};
use crate::model::has_styles;
use crate::named::names;
use crate::quickstart;
use crate::terminal::tell;
use crate::train::settings::{NETWORKS, SettingsArgs, name, set};
use crate::train::settings_file::SettingsFile;

/// The settings of StarGAN alone.
#[derive(Args)]
pub struct StarGanArgs {
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
    weights: WeightsArgs,
    /// Discriminator updates per generator update
    #[arg(long, value_name = "N", help_heading = LOSSES)]
    critic_steps: Option<u64>,
}

impl Trained for StarGan {
    type Flags = StarGanArgs;
    const CHANGEABLE_FLAGS: &'static [&'static str] =
        &["weights", "identity", "fake_domain", "reconstruction_ramp"];

    fn of(spaces: LabelSpaces) -> Result<Self, Failure> {
        Ok(Self::new(spaces))
    }

    fn labels(&self) -> &LabelSpaces {
        &self.spaces
    }

    fn defaults(&self) -> Vec<(&'static str, String)> {
        let Self { generator, .. } = self;
        let own = [
            ("base_channels", generator.base_channels.to_string()),
            ("residual_blocks", generator.residual_blocks.to_string()),
            ("downsamplings", generator.downsamplings.to_string()),
            ("upsampling", name(json!(generator.upsampling))),
            ("head", name(json!(generator.head))),
            ("objective", name(json!(self.objective))),
            ("penalty", name(json!(self.penalty))),
            ("critic_steps", self.critic_steps.to_string()),
        ];
        own.into_iter().chain(WeightsArgs::defaults(&self.weights)).collect()
    }

    /// An objective brings its penalty, a penalty its weight, an image size the halvings that suit
    /// it, a head D's ratio to G's learning rate, unless the file says otherwise.
    fn configure(
        mut config: TrainingConfig<Self>,
        settings: &SettingsArgs,
        file: SettingsFile,
    ) -> Result<TrainingConfig<Self>, Failure> {
        let flags = &settings.stargan;
        if let Some(preset) = flags.preset {
            config = config.with_preset(preset);
        }
        if let Some(objective) = file.at("/settings/objective")? {
            config.recipe = config.recipe.with_objective(objective);
        }
        if let Some(penalty) = file.at("/settings/penalty")? {
            config.recipe = config.recipe.with_penalty(penalty);
        }
        if let Some(size) = file.at::<ImageSize>("/settings/discriminator/image_size")? {
            config.recipe = config.recipe.with_image_size(size);
        }
        let head = file.at("/settings/generator/head")?;
        // The flag's head is the one that a rate of D's own belongs to, unless the file says it.
        if let Some(head) = flags.head.or(head) {
            config = changed(config, |recipe| recipe.with_head(head));
        }
        // The labels are those of the data.
        let (condition, label) =
            (config.recipe.generator.condition_width, config.recipe.discriminator.label_width);
        let TrainingConfig { run, mut recipe } = file.overlay(config)?;
        recipe.generator.condition_width = condition;
        recipe.discriminator.label_width = label;
        if let Some(head) = flags.head {
            recipe = recipe.with_head(head);
        }
        if let Some(objective) = flags.objective {
            recipe = recipe.with_objective(objective);
        }
        if let Some(penalty) = flags.penalty {
            recipe = recipe.with_penalty(penalty);
        }
        if let Some(size) = settings.size {
            recipe = recipe.with_image_size(size);
        }
        if let Some(channels) = settings.channels {
            recipe = recipe.with_channels(channels);
        }
        recipe = flags.weights.change(recipe);
        let Self { generator, discriminator, critic_steps, .. } = &mut recipe;
        discriminator.spectral_norm |= flags.spectral_norm;
        let discriminator_channels = flags.discriminator_channels.or(settings.base_channels);
        set(&mut generator.base_channels, settings.base_channels);
        set(&mut generator.residual_blocks, flags.residual_blocks);
        set(&mut generator.downsamplings, flags.downsamplings);
        set(&mut generator.upsampling, flags.upsampling);
        set(&mut discriminator.base_channels, discriminator_channels);
        set(&mut discriminator.downsamplings, flags.discriminator_downsamplings);
        set(critic_steps, flags.critic_steps);
        Ok(TrainingConfig { run, recipe })
    }

    fn change(self, settings: &SettingsArgs) -> Self {
        settings.stargan.weights.change(self)
    }

    fn sized_like(
        config: TrainingConfig<Self>,
        from: &Path,
    ) -> Result<TrainingConfig<Self>, Failure> {
        if has_styles(from)? {
            let from = from.display();
            return usage(format!("--from {from}: it is a model of stargan-v2, not of stargan"));
        }
        let model: ModelConfig = stargan::describe(resolve_model(from)?)?;
        model.check()?;
        Ok(changed(config, |recipe| recipe.with_networks_of(&model)))
    }

    fn begin<B: AutodiffBackend>(
        out: &Path,
        config: TrainingConfig<Self>,
        from: Option<&Path>,
        device: &B::Device,
    ) -> Result<Trainer<B, Self>, Failure> {
        let open = |from| Translator::<B::InnerBackend>::open(from, device);
        let model = from.map(open).transpose()?;
        let mut trainer = Trainer::new(out, config, device)?;
        if let (Some(model), Some(from)) = (model, from) {
            let taken = trainer.begin_from(&model)?;
            tell!("the run begins with {}: {taken}", from.display());
        }
        Ok(trainer)
    }

    fn save<B: AutodiffBackend>(trainer: &Trainer<B, Self>, path: &Path) -> Result<(), Failure> {
        Ok(trainer.translator().save(path, Parts::All)?)
    }

    fn pictures<B: AutodiffBackend>(
        trainer: &Trainer<B, Self>,
        people: &People,
    ) -> Result<(), Failure> {
        quickstart::pictures(&trainer.translator(), people, trainer.folder())
    }
}

/// `config` with another recipe. A head that it had not brings the ratio of D's learning rate to
/// G's that is usual with it.
fn changed(
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
