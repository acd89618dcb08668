//! What the configurations of both methods share.

use serde::{Deserialize, Serialize};

use crate::data::datasets::Datasets;
use crate::data::transform::Transform;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::labels::spaces::LabelSpaces;
use crate::error::{Error, Result};
use crate::nn::generator::GeneratorConfig;
use crate::labels::space::LabelSpace;
use crate::recipes::losses::{LossWeights, Objective};
use crate::engine::learner::Architecture;
use crate::recipes::stargan::config::TrainingConfig;

/// What a checkpoint says of its model, beside the run's configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairModel {
    /// What is done to an image before the networks see it.
    pub transform: Transform,
}

/// The settings that either method's paper has: both networks are updated at every iteration by Adam at 2e-4, on one
/// image at a time, without a penalty or a moving average.
pub(super) fn training(
    domains: [&str; 2],
    objective: Objective,
    reconstruction: f64,
) -> TrainingConfig {
    let weights = LossWeights { reconstruction, ..LossWeights::default() };
    let domains = LabelSpaces::single(LabelSpace::classes(domains));
    TrainingConfig { weights, ema: 0.0, ..TrainingConfig::new(domains) }
        .with_objective(objective)
        .with_batch_size(1)
        .with_critic_steps(1)
        .with_learning_rate(2e-4)
}

/// Checks the settings that mean something else here, or nothing, than in StarGAN's training.
pub(super) fn check(training: &TrainingConfig) -> Result<()> {
    training.check()?;
    let none = crate::recipes::penalty::Penalty::None;
    let pair = training.spaces.len() == 1 && training.spaces.space(0).width() == 2;
    for (wrong, message) in [
        (!pair, "a pairwise model has two domains: the two classes of one label space"),
        (training.penalty != none, "a pairwise model is trained without a penalty: take none"),
        (
            training.critic_steps != 1,
            "a pairwise model updates both networks at every iteration: critic_steps is 1",
        ),
        (
            !training.dataset_weights.is_empty(),
            "a pairwise model has one set of weights: dataset_weights is empty",
        ),
    ] {
        if wrong {
            return Err(Error::Config(message.to_owned()));
        }
    }
    Ok(())
}

/// The names of both domains.
pub(super) fn domains(training: &TrainingConfig) -> [&str; 2] {
    let names = training.spaces.space(0).names();
    [&names[0], &names[1]]
}

/// The networks of one direction, of whose discriminator's `images` images at once are seen.
pub(super) fn architecture(training: &TrainingConfig, images: usize) -> Architecture {
    let generator = GeneratorConfig { condition_width: 0, ..training.generator() };
    let discriminator = training.discriminator();
    let image_channels = images * generator.image_channels;
    Architecture {
        generator,
        discriminator: DiscriminatorConfig { label_width: 0, image_channels, ..discriminator },
    }
}

/// The names of two datasets, the first of which is of the first domain.
pub(super) fn accept(training: &TrainingConfig, data: &Datasets) -> Result<Vec<String>> {
    let domains = domains(training);
    if data.len() != 2 {
        return Err(Error::Config(format!(
            "expected two datasets, one of {} and one of {}, found {}",
            domains[0],
            domains[1],
            data.len()
        )));
    }
    Ok(domains.map(str::to_owned).to_vec())
}
