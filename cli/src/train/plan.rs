//! A run that is ready to begin or to go on: what is trained on, shown and measured.

use std::path::PathBuf;
use std::sync::Arc;

use stargan::data::Readable;
use stargan::metrics::{CounterfactualLog, Counterfactuals};
use stargan::{
    BackendKind, Dataset, Datasets, DomainLabel, GridImage, ImageSize, SampleGrids,
    UnreadablePolicy,
};

use super::best::Comparison;
use super::images::Images;
use super::recipes::Trained;
use super::{Args, Inputs, train_data};
use crate::bundled::{self, People};
use crate::crop::warn_of_crop;
use crate::data::{Opened, Source, Spec, open_like};
use crate::failure::Failure;
use crate::output::Existing;
use crate::terminal::tell;

/// A run that is ready to begin or to go on.
pub struct Plan {
    pub inputs: Inputs,
    pub train: Datasets,
    /// What it is trained and tested on, in numbers.
    pub images: Images,
    pub grid: SampleGrids,
    pub log: Option<CounterfactualLog>,
    /// What keeps the best of what the log measures.
    pub comparison: Comparison,
    /// Where the model goes at the end, and what about a file there.
    pub export: Option<(PathBuf, Existing)>,
    pub backend: BackendKind,
    /// Of whom pictures are left at the end.
    pub people: Option<People>,
}

impl Plan {
    /// Opens what is measured on and shown. The grids show the bundled people, or else images of
    /// every test set, or of what is trained on. Images that can't be read are as `policy` says.
    pub fn open<R: Trained>(
        inputs: Inputs,
        data: Vec<Opened>,
        recipe: &R,
        policy: UnreadablePolicy,
        args: &Args,
    ) -> Result<Self, Failure> {
        let (spaces, size) = (recipe.labels(), recipe.image_size());
        let existing = args.overwrite.existing();
        if let Some(export) = &args.export {
            existing.check(export)?;
        }
        for (dataset, data) in data.iter().enumerate() {
            warn_of_crop(spaces.name(dataset), &*data.train, size);
        }
        let crops: Vec<_> = data.iter().map(|data| data.train.crop()).collect();
        let test = |spec: &Spec| {
            let source = Source::new(spec.clone()).with_missing(inputs.missing());
            let (dataset, data) = open_like(&source, spaces, &crops)?;
            Ok((dataset, data.train))
        };
        let tests = inputs.tests.iter().map(test).collect::<Result<Vec<_>, Failure>>()?;
        let pairs: Vec<Counterfactuals> = inputs
            .pairs
            .iter()
            .map(|(test, pairs)| {
                let (dataset, data) = &tests[*test];
                R::check_measured(&**data)?;
                Ok(pairs.open(data.clone(), *dataset)?.with_on_unreadable(policy))
            })
            .collect::<Result<_, Failure>>()?;
        let measured: Vec<_> = pairs.iter().map(|pairs| spaces.name(pairs.dataset())).collect();
        let comparison = Comparison::new(&inputs, &measured)?;
        let log = (!pairs.is_empty()).then(|| CounterfactualLog::new(pairs, inputs.evaluate_every));
        let log = log.transpose()?;
        let images = Images::count(&inputs, &data, &tests, spaces);
        let shown = if tests.is_empty() {
            let or_train = |data: &Opened| data.test.clone().unwrap_or(data.train.clone());
            data.iter().map(or_train).enumerate().collect()
        } else {
            tests
        };
        let people = inputs.people.then(|| bundled::people(8, spaces.space(0))).transpose()?;
        let shown = match &people {
            Some(people) => people.clone(),
            None => grid_images(&shown, size, policy)?,
        };
        let grid = SampleGrids::new(shown, inputs.sample_every);
        let export = args.export.clone().map(|export| (export, existing));
        let train = train_data(data);
        let backend = args.backend;
        Ok(Self { inputs, train, images, grid, log, comparison, export, backend, people })
    }
}

/// Images of every test set, about eight in all and of different labels, for the sample grids.
fn grid_images(
    tests: &[(usize, Arc<dyn Dataset>)],
    size: ImageSize,
    policy: UnreadablePolicy,
) -> Result<People, Failure> {
    let each = 8_usize.div_ceil(tests.len().max(1));
    let mut images = Vec::new();
    for (dataset, data) in tests {
        let dataset = *dataset;
        let label = |index| DomainLabel { dataset, label: data.label(index).to_vec() };
        let mut readable = Readable::new(&**data, policy);
        images.extend(GridImage::across(&mut readable, size, each, label)?);
        for reason in readable.unreadable().values() {
            tell!("left out of the sample grids: {reason}");
        }
    }
    Ok(images)
}
