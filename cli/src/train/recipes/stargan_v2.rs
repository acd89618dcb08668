//! StarGAN v2 in `train`: its flags, how it begins and what it leaves.

use std::path::Path;
use std::str::FromStr;

use clap::Args;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::nn::StyleConfig;
use stargan::{Dataset, LabelSpaces, StarGanV2, StyleLossWeights, Trainer, TrainingConfig};

use super::Trained;
use super::weights::LOSSES;
use crate::bundled::People;
use crate::failure::{Failure, usage};
use crate::quickstart;
use crate::train::settings::{NETWORKS, SettingsArgs, set};
use crate::train::settings_file::SettingsFile;

/// The side of the images where no flag says one: the paper's.
pub const SIZE: usize = 256;

/// The settings of StarGAN v2 alone.
#[derive(Args)]
pub struct StarGanV2Args {
    /// The most channels of a layer (stargan-v2)
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    most_channels: Option<usize>,
    /// Numbers of a style code (stargan-v2)
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    style_width: Option<usize>,
    /// Numbers of the noise that a style is made of (stargan-v2)
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    latent_width: Option<usize>,
    /// Width of the layers of the network that makes styles of noise (stargan-v2)
    #[arg(long, value_name = "N", help_heading = NETWORKS)]
    mapping_width: Option<usize>,
    /// The share of the learning rate that the network which makes styles of noise learns at
    /// (stargan-v2)
    #[arg(long, value_name = "F", help_heading = LOSSES)]
    mapping_rate: Option<f64>,
    /// The weights of the loss terms beside the adversarial one (stargan-v2): style reconstruction,
    /// diversity (what the run begins with; it falls to 0), cycle reconstruction, R1 penalty
    #[arg(long, value_name = "STYLE:DIVERSITY:CYCLE:PENALTY", help_heading = LOSSES)]
    style_weights: Option<Weights>,
}

impl StarGanV2Args {
    fn change(&self, mut recipe: StarGanV2) -> StarGanV2 {
        if let Some(Weights(weights)) = &self.style_weights {
            recipe.weights = weights.clone();
        }
        set(&mut recipe.mapping_rate, self.mapping_rate);
        recipe
    }
}

impl Trained for StarGanV2 {
    type Flags = StarGanV2Args;
    const CHANGEABLE_FLAGS: &'static [&'static str] = &["style_weights", "mapping_rate"];

    fn of(spaces: LabelSpaces) -> Result<Self, Failure> {
        if spaces.len() != 1 {
            return usage(format!(
                "the recipe stargan-v2 is trained on one --data, whose labels are its domains, not \
                 on {}",
                spaces.len()
            ));
        }
        let mut recipe = Self::new(spaces.space(0).clone(), SIZE);
        recipe.spaces = spaces;
        Ok(recipe)
    }

    fn labels(&self) -> &LabelSpaces {
        &self.spaces
    }

    fn check_measured(data: &dyn Dataset) -> Result<(), Failure> {
        Ok(Self::check_images(data)?)
    }

    fn defaults(&self) -> Vec<(&'static str, String)> {
        let StyleConfig { base_channels, most_channels, style_width, .. } = &self.networks;
        let StyleConfig { latent_width, mapping_width, .. } = &self.networks;
        let StyleLossWeights { style, diversity, cycle, penalty } = &self.weights;
        vec![
            ("base_channels", base_channels.to_string()),
            ("most_channels", most_channels.to_string()),
            ("style_width", style_width.to_string()),
            ("latent_width", latent_width.to_string()),
            ("mapping_width", mapping_width.to_string()),
            ("mapping_rate", self.mapping_rate.to_string()),
            ("style_weights", format!("{style}:{diversity}:{cycle}:{penalty}")),
        ]
    }

    /// An image size brings the channels that suit it, unless the file or a flag says otherwise.
    fn configure(
        mut config: TrainingConfig<Self>,
        settings: &SettingsArgs,
        file: SettingsFile,
    ) -> Result<TrainingConfig<Self>, Failure> {
        let flags = &settings.stargan_v2;
        let side = match settings.size {
            Some(size) if size.width != size.height => {
                return usage("--size: the recipe stargan-v2 takes squares");
            }
            Some(size) => Some(size.width),
            None => file.at("/settings/networks/image_size")?,
        };
        let usual = |side, domains| StyleConfig::new(side, domains).base_channels;
        let networks = &mut config.recipe.networks;
        let StyleConfig { image_size, domains, base_channels, .. } = *networks;
        if let Some(side) = side {
            networks.image_size = side;
            if base_channels == usual(image_size, domains) {
                networks.base_channels = usual(side, domains);
            }
        }
        // The domains are those of the data.
        let TrainingConfig { run, mut recipe } = file.overlay(config)?;
        recipe.networks.domains = domains;
        let networks = &mut recipe.networks;
        set(&mut networks.image_size, side);
        set(&mut networks.image_channels, settings.channels.map(|channels| channels.count()));
        set(&mut networks.base_channels, settings.base_channels);
        set(&mut networks.most_channels, flags.most_channels);
        set(&mut networks.style_width, flags.style_width);
        set(&mut networks.latent_width, flags.latent_width);
        set(&mut networks.mapping_width, flags.mapping_width);
        Ok(TrainingConfig { run, recipe: flags.change(recipe) })
    }

    fn change(self, settings: &SettingsArgs) -> Self {
        settings.stargan_v2.change(self)
    }

    fn sized_like(
        _config: TrainingConfig<Self>,
        _from: &Path,
    ) -> Result<TrainingConfig<Self>, Failure> {
        usage("--from is for the recipe stargan; a run of stargan-v2 begins with fresh weights")
    }

    fn begin<B: AutodiffBackend>(
        out: &Path,
        config: TrainingConfig<Self>,
        _from: Option<&Path>,
        device: &B::Device,
    ) -> Result<Trainer<B, Self>, Failure> {
        Ok(Trainer::new(out, config, device)?)
    }

    fn save<B: AutodiffBackend>(trainer: &Trainer<B, Self>, path: &Path) -> Result<(), Failure> {
        Ok(trainer.translator().save(path)?)
    }

    fn pictures<B: AutodiffBackend>(
        trainer: &Trainer<B, Self>,
        people: &People,
    ) -> Result<(), Failure> {
        quickstart::pictures_of_styles(&trainer.translator(), people, trainer.folder())
    }
}

/// `--style-weights STYLE:DIVERSITY:CYCLE:PENALTY`.
#[derive(Clone)]
struct Weights(StyleLossWeights);

impl FromStr for Weights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let weights: Option<Vec<f64>> = text.split(':').map(|text| text.parse().ok()).collect();
        match weights.as_deref() {
            Some(&[style, diversity, cycle, penalty]) => {
                Ok(Self(StyleLossWeights { style, diversity, cycle, penalty }))
            }
            _ => Err("expected STYLE:DIVERSITY:CYCLE:PENALTY, such as 1:2:1:1".to_owned()),
        }
    }
}
