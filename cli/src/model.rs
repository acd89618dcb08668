//! A trained model, of whichever recipe.

use std::path::Path;

use stargan::burn::tensor::backend::Backend;
use stargan::engine::Recipe;
use stargan::{StarGanV2, StyleTranslator, Translate, Translator, recipe_of, resolve_model};

use crate::failure::Failure;

/// A trained model, of whichever recipe.
pub enum Model<B: Backend> {
    StarGan(Translator<B>),
    StarGanV2(StyleTranslator<B>),
}

impl<B: Backend> Model<B> {
    /// Opens a model file, a checkpoint, or the newest checkpoint of a run folder.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let device = Default::default();
        let path = resolve_model(path)?;
        Ok(match has_styles(&path)? {
            true => Self::StarGanV2(StyleTranslator::open(path, &device)?),
            false => Self::StarGan(Translator::open(path, &device)?),
        })
    }

    /// What every model can do.
    pub fn translate(&self) -> &dyn Translate<B> {
        match self {
            Self::StarGan(translator) => translator,
            Self::StarGanV2(translator) => translator,
        }
    }
}

/// Whether the model at `path` has styles.
pub fn has_styles(path: &Path) -> Result<bool, Failure> {
    Ok(recipe_of(path)? == StarGanV2::NAME)
}
