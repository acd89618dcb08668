//! Labelled images to test a model with, and true counterfactuals among them.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stargan::data::Summary;
use stargan::metrics::Counterfactuals;
use stargan::{Crop, Dataset};
use stargan::{LabelKind, LabelSpaces};

use super::{Opened, Source, Split};
use crate::failure::{Failure, usage};
use crate::terminal::tell;

/// Opens data to test a model of `spaces` with, and says which of the model's datasets it is like:
/// the one of that name, or the only one of that kind. Unless the command line says otherwise, it
/// is cropped as that one is, `crops[dataset]`: another crop measures another model.
pub fn open_like(
    source: &Source,
    spaces: &LabelSpaces,
    crops: &[Crop],
) -> Result<(usize, Opened), Failure> {
    let Source { spec, split, .. } = source;
    let kind = if spec.place.has_classes() { LabelKind::Classes } else { LabelKind::Attributes };
    let fits = |dataset: &usize| spaces.space(*dataset).kind() == kind;
    let candidates: Vec<_> = match &spec.name {
        Some(name) => vec![spaces.index_of(name)?],
        None => (0..spaces.len()).filter(fits).collect(),
    };
    let what = if kind == LabelKind::Attributes { "attributes" } else { "classes" };
    let dataset = match candidates[..] {
        [dataset] if fits(&dataset) => dataset,
        [] | [_] => {
            let message = format!("{spec} has {what}, the model knows none such");
            return Err(Failure::Failed(message));
        }
        _ => {
            let names: Vec<_> = candidates.iter().map(|dataset| spaces.name(*dataset)).collect();
            return usage(format!(
                "{spec}: the model has several datasets of {what}, say which is meant: {}=...",
                names.join("=... or ")
            ));
        }
    };
    if *split != Split::None && kind == LabelKind::Classes {
        return usage(format!(
            "--split is for celeba data, not for {spec}: name the folder of test images"
        ));
    }
    let space = spaces.space(dataset);
    let crop = source.crop.unwrap_or(crops[dataset]);
    let data = source.clone().with_crop(Some(crop)).open_test(space)?;
    let counts = Summary::new(&*data.train).labels;
    let absent = counts.iter().filter(|(_, images)| *images == 0).map(|(name, _)| name.as_str());
    let absent: Vec<_> = absent.collect();
    if kind == LabelKind::Classes && !absent.is_empty() {
        tell!("{spec}: no images of {}: nothing is measured of them", absent.join(", "));
    }
    let named = |error| Failure::Failed(format!("{spec}: {error}"));
    spaces.check_space(dataset, data.train.labels()).map_err(named)?;
    Ok((dataset, data))
}

/// Which images of test data are true counterfactuals of each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairs {
    /// Those of one file name in several class folders.
    ByName,
    File(PathBuf),
}

impl FromStr for Pairs {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "by-name" => Self::ByName,
            file => Self::File(file.into()),
        })
    }
}

impl Pairs {
    /// Opens the pairs among `data`, which are like the model's `dataset`.
    pub fn open(&self, data: Arc<dyn Dataset>, dataset: usize) -> Result<Counterfactuals, Failure> {
        Ok(match self {
            Self::ByName => Counterfactuals::between_classes(data, dataset)?,
            Self::File(file) => Counterfactuals::open(file, data, dataset)?,
        })
    }
}
