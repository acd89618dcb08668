//! What a checkpoint says of a run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::crop::Crop;
use crate::data::transform::Transform;
use crate::engine::config::TrainingConfig;
use crate::engine::dataset_identity::DatasetIdentity;
use crate::engine::difference::Difference;
use crate::engine::loss_scale::LossScale;
use crate::engine::recipe::Recipe;
use crate::nn::precision::Precision;

/// What a checkpoint says of itself, beside its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "R: Recipe")]
pub(crate) struct Checkpoint<R: Recipe> {
    /// What a translator needs.
    #[serde(flatten)]
    pub model: R::Model,
    /// What the trainer needs.
    pub training: Progress<R>,
}

/// Where a run stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "R: Recipe", deny_unknown_fields)]
pub(crate) struct Progress<R: Recipe> {
    pub config: TrainingConfig<R>,
    /// Iterations done. With the seed it decides the data order and every random number to come.
    pub iteration: u64,
    /// Updates of every network, by name.
    pub updates: BTreeMap<String, u64>,
    /// How often the run was rolled back.
    pub rollbacks: u32,
    /// What the schedule's learning rates are multiplied by since.
    pub learning_rate_scale: f64,
    /// What losses are scaled by, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<LossScale>,
    /// The datasets trained on, refused to change on resume; empty before the first iteration.
    pub datasets: Vec<DatasetIdentity>,
    /// The settings that were changed since the run began, oldest first.
    #[serde(default)]
    pub changes: Vec<Change>,
}

impl<R: Recipe> Progress<R> {
    /// Checks that there is a loss scale where losses are scaled, and one that a run can have.
    pub fn check_loss_scale(&self) -> Result<(), String> {
        match (&self.loss_scale, LossScale::first(self.config.run.precision)) {
            (Some(scale), Some(_)) => scale.check(),
            (None, None) => Ok(()),
            (Some(_), None) => Err("it has a loss scale, but not the precision float16".to_owned()),
            (None, Some(_)) => Err("its precision is float16, but it has no loss scale".to_owned()),
        }
    }

    /// Goes on in `precision`.
    pub fn set_precision(&mut self, precision: Precision) {
        if precision != self.config.run.precision {
            self.config.run.precision = precision;
            self.loss_scale = LossScale::first(precision);
        }
    }
}

/// A setting that was changed during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The last iteration before the change.
    pub iteration: u64,
    #[serde(flatten)]
    pub difference: Difference,
}

/// `after iteration 2: run.iterations is 4, was 20`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iteration, difference: Difference { setting, from, to } } = self;
        write!(f, "after iteration {iteration}: {setting} is {to}, was {from}")
    }
}

/// What is done to an image before networks see it that were trained on `datasets`.
pub(crate) fn transform(datasets: &[DatasetIdentity], recipe: &impl Recipe) -> Transform {
    let mut crops = datasets.iter().map(|dataset| dataset.crop);
    let first = crops.next().unwrap_or(Crop::Square);
    // A photo from elsewhere belongs to no dataset: it is cropped as all of them are, or square.
    let crop = if crops.all(|crop| crop == first) { first } else { Crop::Square };
    Transform::new(crop, recipe.image_size()).with_channels(recipe.channels())
}
