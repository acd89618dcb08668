//! `--recipe`: what `train` needs to know of each recipe that it trains.

pub mod stargan;
pub mod stargan_v2;
mod weights;

use std::path::Path;

use ::stargan::burn::tensor::backend::AutodiffBackend;
use ::stargan::data::read_text;
use ::stargan::engine::Recipe;
use ::stargan::{Dataset, LabelSpaces, StarGan, StarGanV2, Trainer, TrainingConfig};
use clap::ValueEnum;
use serde_json::Value;

use crate::bundled::People;
use crate::failure::{Failure, usage};
use crate::train::settings::SettingsArgs;
use crate::train::settings_file::SettingsFile;

/// The recipes that `train` trains, by their names in a run's config.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecipeName {
    /// StarGAN (2018): attributes change, all else stays
    #[value(name = StarGan::NAME)]
    StarGan,
    /// StarGAN v2 (2020): domains in many styles
    #[value(name = StarGanV2::NAME)]
    StarGanV2,
}

impl RecipeName {
    /// The recipe of the run in the folder `run`; none where there is no run, or one of a recipe
    /// that is not trained here, which whoever resumes it says.
    pub fn of_run(run: &Path) -> Option<Self> {
        Self::of_settings(&run.join("config.json"))
    }

    /// The recipe that a file of settings names; none where it names none, or is no such file,
    /// which whoever reads all of it says.
    pub fn of_settings(file: &Path) -> Option<Self> {
        let config: Value = serde_json::from_str(&read_text(file).ok()?).ok()?;
        Self::from_str(config.get("recipe")?.as_str()?, false).ok()
    }

    /// What is trained: `asked` for, or of the run in `resumed`.
    pub fn choose(asked: Option<Self>, resumed: Option<&Path>) -> Result<Self, Failure> {
        match (asked, resumed.and_then(Self::of_run)) {
            (Some(asked), Some(found)) if asked != found => {
                usage("--recipe can't change when a run is resumed")
            }
            (asked, found) => Ok(asked.or(found).unwrap_or(Self::StarGan)),
        }
    }
}

/// A recipe that `train` trains: its flags, how it begins and what it leaves.
pub trait Trained: Recipe {
    /// The flags that are its own.
    type Flags: clap::Args;
    /// Those of them that may change when a run is resumed.
    const CHANGEABLE_FLAGS: &'static [&'static str];

    /// The recipe for labels, with the settings that are usual.
    fn of(spaces: LabelSpaces) -> Result<Self, Failure>;

    /// The labels that it is for.
    fn labels(&self) -> &LabelSpaces;

    /// Refuses images to measure on that it can't translate.
    ///
    /// # Errors
    /// When there are such.
    fn check_measured(data: &dyn Dataset) -> Result<(), Failure> {
        let _ = data;
        Ok(())
    }

    /// The flags, by their names, that would make its own settings.
    fn defaults(&self) -> Vec<(&'static str, String)>;

    /// `config` changed by the preset, then the file, then the flags of the recipe.
    fn configure(
        config: TrainingConfig<Self>,
        settings: &SettingsArgs,
        file: SettingsFile,
    ) -> Result<TrainingConfig<Self>, Failure>;

    /// Changes what flags may change of a run that goes on.
    fn change(self, settings: &SettingsArgs) -> Self;

    /// `config` with networks of the sizes that the model `from` has, to begin with that.
    fn sized_like(
        config: TrainingConfig<Self>,
        from: &Path,
    ) -> Result<TrainingConfig<Self>, Failure>;

    /// A new run in the folder `out`, which begins with the model `from`.
    fn begin<B: AutodiffBackend>(
        out: &Path,
        config: TrainingConfig<Self>,
        from: Option<&Path>,
        device: &B::Device,
    ) -> Result<Trainer<B, Self>, Failure>;

    /// Writes the trained model, whole, to a file that is not there.
    fn save<B: AutodiffBackend>(trainer: &Trainer<B, Self>, path: &Path) -> Result<(), Failure>;

    /// Leaves pictures of `people` in the run folder, and says what else is there.
    fn pictures<B: AutodiffBackend>(
        trainer: &Trainer<B, Self>,
        people: &People,
    ) -> Result<(), Failure>;
}
