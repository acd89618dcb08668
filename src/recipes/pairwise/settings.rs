//! What the settings of both methods have in common.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::data::datasets::Datasets;
use crate::data::loader::Batch;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::data::unreadable::{Readable, UnreadablePolicy};
use crate::engine::settings::RunSettings;
use crate::error::{Error, Result};
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::recipes::channels::check_channels;
use crate::recipes::losses::check_weight;
use crate::translate::grid::GridImage;
use crate::translate::relabel::DomainLabel;

/// What a checkpoint says of its model, beside the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairModel {
    /// What is done to an image before the networks see it.
    pub transform: Transform,
}

/// The run settings of either paper: both networks are updated at every iteration by Adam at 2e-4,
/// on one image at a time, without a moving average.
pub(crate) fn usual_run() -> RunSettings {
    RunSettings::default().with_ema(0.0).with_batch_size(1).with_learning_rate(2e-4)
}

/// A generator without labels, and a discriminator without any of `images` images at once.
pub(crate) fn networks(images: usize) -> (GeneratorConfig, DiscriminatorConfig) {
    let generator = GeneratorConfig::new(0);
    let discriminator =
        DiscriminatorConfig::fitting(128, 0).with_image_channels(images * generator.image_channels);
    (generator, discriminator)
}

/// The two domains as the classes of one label space.
pub(crate) fn spaces(domains: &[String; 2]) -> LabelSpaces {
    LabelSpaces::single(LabelSpace::classes(domains))
}

/// Checks domains, networks and the weights of loss terms.
pub(crate) fn check(
    domains: &[String; 2],
    generator: &GeneratorConfig,
    discriminator: &DiscriminatorConfig,
    images: usize,
    weights: &[(&str, f64)],
) -> Result<()> {
    spaces(domains).check()?;
    generator.check_image_size(discriminator.image_size)?;
    discriminator.check()?;
    for (what, found, expected) in [
        ("generator's condition width", generator.condition_width, 0),
        ("discriminator's label width", discriminator.label_width, 0),
    ] {
        if found != expected {
            return Err(Error::Config(format!(
                "the {what} is {found}, a model of two domains needs {expected}"
            )));
        }
    }
    check_channels(generator, discriminator, images)?;
    for (name, weight) in weights {
        check_weight(name, *weight)?;
    }
    Ok(())
}

/// The names of two datasets, the first of which is of the first domain.
pub(crate) fn accept(domains: &[String; 2], data: &Datasets) -> Result<Vec<String>> {
    if data.len() != 2 {
        return Err(Error::Config(format!(
            "expected two datasets, one of {} and one of {}, found {}",
            domains[0],
            domains[1],
            data.len()
        )));
    }
    Ok(domains.to_vec())
}

/// Up to `count` images of each of the first of `datasets` datasets, which are of their domains.
pub(crate) fn grid_images(
    data: &Datasets,
    datasets: usize,
    size: ImageSize,
    count: usize,
    policy: UnreadablePolicy,
) -> Result<Vec<GridImage>> {
    let mut images = Vec::new();
    for (domain, data) in data.iter().take(datasets).enumerate() {
        let mut label = vec![0.0; 2];
        label[domain] = 1.0;
        let label = |_| DomainLabel { dataset: 0, label: label.clone() };
        let readable = &mut Readable::new(data, policy);
        images.extend(GridImage::across(readable, size, count, label)?);
    }
    Ok(images)
}

/// The images of a batch of each domain, on the device.
pub(crate) fn images<B: Backend>(batches: Vec<Batch>, device: &B::Device) -> [Tensor<B, 4>; 2] {
    let images: Vec<_> = batches.into_iter().map(|batch| batch.into_images(device)).collect();
    images.try_into().unwrap_or_else(|_| panic!("a batch of either domain"))
}
