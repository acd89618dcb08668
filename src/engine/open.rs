//! Opening what a recipe has trained.

use std::path::Path;

use burn::tensor::backend::AutodiffBackend;

use crate::engine::checkpoint::{Checkpoint, Progress, transform};
use crate::engine::config::TrainingConfig;
use crate::engine::networks::{Networks, State};
use crate::engine::recipe::Recipe;
use crate::error::{Error, Result};
use crate::files::model;
use crate::files::run::resolve_model;
use crate::nn::weights;
use crate::translate::relabel::Translate;

/// The model in a checkpoint of the recipe `R`, or in the newest checkpoint of a run folder.
///
/// # Errors
/// [`Error::Io`] when it can't be read; [`Error::Checkpoint`] when it is no checkpoint of this
/// recipe, is of another version, is damaged, or its weights do not fit its description;
/// [`Error::Config`] when the recipe does not translate.
pub fn open_checkpoint<B: AutodiffBackend, R: Recipe>(
    path: impl AsRef<Path>,
    device: &B::Device,
) -> Result<Box<dyn Translate<B::InnerBackend>>> {
    let path = resolve_model(path.as_ref())?;
    let (checkpoint, weights) = model::read::<Checkpoint<R>>(&path)?;
    let Progress { config, datasets, updates, .. } = checkpoint.training;
    let networks = restored::<B, R>(&config, State { weights, updates }, &path, device)?;
    config.recipe.translator::<B>(&networks, transform(&datasets, &config.recipe), device)
}

/// The networks of a checked configuration with the state that `path` holds.
pub(crate) fn restored<B: AutodiffBackend, R: Recipe>(
    config: &TrainingConfig<R>,
    mut state: State,
    path: &Path,
    device: &B::Device,
) -> Result<R::Networks<B>> {
    let broken = |problem: String| Error::checkpoint(path, problem);
    config.check()?;
    weights::check_enough(&state.weights, config.recipe.num_params()).map_err(broken)?;
    let networks = config.recipe.init::<B>(&config.run, device)?;
    let networks = networks.restore(&mut state, device).map_err(broken)?;
    weights::check_empty(&state.weights).map_err(broken)?;
    Ok(networks)
}
