//! What is trained and how the run goes, together: what `config.json` in a run folder holds.

use serde::{Deserialize, Serialize};

use crate::data::datasets::Datasets;
use crate::data::loader_config::LoaderConfig;
use crate::engine::recipe::Recipe;
use crate::engine::settings::RunSettings;
use crate::error::{Error, Result};
use crate::nn::precision::Precision;

/// A recipe and the settings of its run.
///
/// As JSON: `{"recipe": NAME, "run": {...}, "settings": {...}}`, where the settings are the
/// recipe's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "R: Recipe", try_from = "Stored<R>", into = "Stored<R>")]
pub struct TrainingConfig<R: Recipe> {
    /// How the run goes.
    pub run: RunSettings,
    /// What is trained.
    pub recipe: R,
}

/// A [`TrainingConfig`] as files hold it.
#[derive(Serialize, Deserialize)]
#[serde(bound = "R: Recipe", deny_unknown_fields)]
struct Stored<R: Recipe> {
    recipe: String,
    run: RunSettings,
    settings: R,
}

impl<R: Recipe> From<TrainingConfig<R>> for Stored<R> {
    fn from(TrainingConfig { run, recipe }: TrainingConfig<R>) -> Self {
        Self { recipe: R::NAME.to_owned(), run, settings: recipe }
    }
}

impl<R: Recipe> TryFrom<Stored<R>> for TrainingConfig<R> {
    type Error = String;

    fn try_from(Stored { recipe, run, settings }: Stored<R>) -> Result<Self, String> {
        if recipe != R::NAME {
            return Err(format!("expected the recipe {:?}, found {recipe:?}", R::NAME));
        }
        Ok(Self { run, recipe: settings })
    }
}

/// The recipe with its usual run settings.
impl<R: Recipe> From<R> for TrainingConfig<R> {
    fn from(recipe: R) -> Self {
        Self::new(recipe)
    }
}

impl<R: Recipe> TrainingConfig<R> {
    /// The recipe with its [usual](Recipe::usual_run) run settings.
    pub fn new(recipe: R) -> Self {
        Self { run: recipe.usual_run(), recipe }
    }

    /// Changes the run settings.
    pub fn with_run(mut self, change: impl FnOnce(RunSettings) -> RunSettings) -> Self {
        self.run = change(self.run);
        self
    }

    /// Changes the recipe.
    pub fn with_recipe(mut self, change: impl FnOnce(R) -> R) -> Self {
        self.recipe = change(self.recipe);
        self
    }

    /// Checks both parts.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] for the
    /// first thing that cannot work, saying what to change.
    pub fn check(&self) -> Result<()> {
        self.run.check()?;
        self.recipe.check(&self.run)?;
        if self.run.accumulate > 1 {
            self.recipe.check_accumulation()?;
        }
        if self.run.precision != Precision::Float32 {
            self.recipe.check_precision()?;
        }
        let size = self.recipe.image_size();
        let shorter = size.width.min(size.height);
        for (what, value) in [("cycle", self.recipe.cycle()), ("image size", shorter as u64)] {
            if value == 0 {
                let message = format!("the {what} of the recipe {} is 0", R::NAME);
                return Err(Error::Config(message));
            }
        }
        Ok(())
    }

    /// Checks that the run can be trained on `data`, before anything is written.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] when the recipe does not accept them, or one can't
    /// fill a batch.
    pub fn check_data(&self, data: &Datasets) -> Result<()> {
        self.names_of(data).map(drop)
    }

    /// The names that the recipe knows `data` by, on which the run can be trained.
    ///
    /// # Errors
    /// As [`check_data`](Self::check_data).
    pub(crate) fn names_of(&self, data: &Datasets) -> Result<Vec<String>> {
        let names = self.recipe.accept(data)?;
        self.loader().check(data)?;
        Ok(names)
    }

    /// How batches are made.
    pub(crate) fn loader(&self) -> LoaderConfig {
        let Self { run, recipe } = self;
        LoaderConfig {
            batch_size: run.batch_size,
            image_size: recipe.image_size(),
            channels: recipe.channels(),
            flip: run.flip,
            augmentation: run.augmentation,
            seed: run.seed,
            threads: run.loader_threads,
            on_unreadable: run.on_unreadable,
            sampling: run.sampling,
            references: recipe.references(),
            paired: recipe.paired(),
            ..LoaderConfig::default()
        }
    }

    /// Checks that `workers` workers can share this run, which one worker always can.
    ///
    /// # Errors
    /// As [`RunSettings::check_workers`] and [`Recipe::check_workers`].
    pub fn check_workers(&self, workers: usize) -> Result<()> {
        self.run.check_workers(workers)?;
        if workers > 1 { self.recipe.check_workers(workers) } else { Ok(()) }
    }
}
