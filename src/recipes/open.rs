//! Opening a model of any recipe of this crate.

use std::path::Path;

use burn::tensor::backend::AutodiffBackend;
use serde_json::Value;

use crate::engine::open::open_checkpoint;
use crate::engine::recipe::Recipe;
use crate::error::{Error, Result};
use crate::files::describe::describe;
use crate::files::run::resolve_model;
use crate::recipes::cyclegan::CycleGan;
use crate::recipes::pix2pix::Pix2Pix;
use crate::recipes::stargan::config::StarGan;
use crate::recipes::stargan_v2::config::StarGanV2;
use crate::recipes::stargan_v2::translator::StyleTranslator;
use crate::translate::relabel::Translate;
use crate::translate::translator::Translator;

/// The [name](Recipe::NAME), such as `stargan-v2`, of the recipe that has trained a model file, a
/// checkpoint, or the newest checkpoint of a run folder. The file's weights are not read.
///
/// # Errors
/// [`Error::Io`] when it can't be read; [`Error::Checkpoint`] when it is no file of this crate.
pub fn recipe_of(path: impl AsRef<Path>) -> Result<String> {
    let description: Value = describe(resolve_model(path.as_ref())?)?;
    // A run's settings have the name in a checkpoint; a model file has it by itself, where it is
    // another than the one that files without a name are of.
    let said = ["/training/config/recipe", "/recipe"];
    let name = said.iter().find_map(|at| description.pointer(at)).and_then(Value::as_str);
    Ok(name.unwrap_or(StarGan::NAME).to_owned())
}

/// Opens a model file, a checkpoint, or the newest checkpoint of a run folder, whichever recipe of
/// this crate has trained it. For StarGAN's models [`Translator::open`] needs no autodiff backend,
/// and a [`Translator`] can do more.
///
/// # Errors
/// [`Error::Io`] when it can't be read;
/// [`Error::Checkpoint`] when it is no model of these recipes, is of
/// another version, is damaged, or its weights do not fit its description.
pub fn open_model<B: AutodiffBackend>(
    path: impl AsRef<Path>,
    device: &B::Device,
) -> Result<Box<dyn Translate<B::InnerBackend>>> {
    let path = resolve_model(path.as_ref())?;
    match &*recipe_of(&path)? {
        StarGan::NAME => Ok(Box::new(Translator::<B::InnerBackend>::open(&path, device)?)),
        CycleGan::NAME => open_checkpoint::<B, CycleGan>(&path, device),
        Pix2Pix::NAME => open_checkpoint::<B, Pix2Pix>(&path, device),
        StarGanV2::NAME => Ok(Box::new(StyleTranslator::<B::InnerBackend>::open(&path, device)?)),
        other => Err(Error::checkpoint(
            &path,
            format!("it is of the recipe {other:?}: open it with engine::open_checkpoint"),
        )),
    }
}
