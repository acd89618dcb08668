//! The settings of StarGAN v2: its networks and the weights of its losses.

use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::style::config::StyleConfig;
use crate::recipes::losses::check_weight;

/// StarGAN v2: how its networks and losses are. The defaults are the paper's, with the weights for
/// animal faces (AFHQ).
///
/// Its domains are the classes of one dataset, such as a folder for each, or the attributes of one
/// exclusive group, of which every image has one.
///
/// ```
/// use stargan::{LabelSpace, StarGanV2};
///
/// let recipe = StarGanV2::new(LabelSpace::classes(["cat", "dog", "wild"]), 256);
/// assert_eq!((recipe.weights.diversity, recipe.networks.domains), (2.0, 3));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StarGanV2 {
    /// The domains, as the label space of the one dataset.
    #[serde(rename = "domains")]
    pub spaces: LabelSpaces,
    /// The sizes of the four networks.
    pub networks: StyleConfig,
    /// The weights of the loss terms.
    pub weights: StyleLossWeights,
    /// The share of the learning rate that the mapping network learns at: 0.01.
    pub mapping_rate: f64,
}

/// The weights of StarGAN v2's loss terms (section 3.2); the adversarial term has weight 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleLossWeights {
    /// `lambda_sty`, of the style reconstruction: 1.
    pub style: f64,
    /// `lambda_ds`, of the diversity that is sought, at the beginning; it falls linearly to 0 over
    /// the run: 2 for AFHQ, 1 for CelebA-HQ.
    pub diversity: f64,
    /// `lambda_cyc`, of the cycle's reconstruction: 1.
    pub cycle: f64,
    /// The weight of R1, `E[||grad||^2] / 2` on real images: 1.
    pub penalty: f64,
}

impl Default for StyleLossWeights {
    fn default() -> Self {
        Self { style: 1.0, diversity: 2.0, cycle: 1.0, penalty: 1.0 }
    }
}

impl StyleLossWeights {
    /// The weights at `iteration` (counted from 1) of a run of so many, at least one. A run that is
    /// made longer is at an earlier part of its way.
    pub fn at(&self, iteration: u64, iterations: u64) -> Self {
        let done = iteration.saturating_sub(1) as f64 / iterations.max(1) as f64;
        Self { diversity: self.diversity * (1.0 - done).max(0.0), ..self.clone() }
    }

    /// Checks that every weight is finite and not negative.
    ///
    /// # Errors
    /// [`Error::Config`] naming the weight.
    pub fn check(&self) -> Result<()> {
        for (name, weight) in [
            ("style", self.style),
            ("diversity", self.diversity),
            ("cycle", self.cycle),
            ("penalty", self.penalty),
        ] {
            check_weight(name, weight)?;
        }
        Ok(())
    }
}

impl StarGanV2 {
    /// The paper's networks and weights for the domains of `labels` at `image_size` pixels a side.
    pub fn new(labels: LabelSpace, image_size: usize) -> Self {
        Self {
            networks: StyleConfig::new(image_size, labels.width()),
            spaces: LabelSpaces::single(labels),
            weights: StyleLossWeights::default(),
            mapping_rate: 0.01,
        }
    }

    /// Sets the sizes of the networks.
    pub fn with_networks(mut self, networks: StyleConfig) -> Self {
        self.networks = networks;
        self
    }

    /// Sets the weights of the loss terms.
    pub fn with_weights(mut self, weights: StyleLossWeights) -> Self {
        self.weights = weights;
        self
    }

    /// Checks that every image of `data`, whose labels are the domains, is in one of them: those of
    /// attributes that exclude each other may be in none.
    ///
    /// # Errors
    /// [`Error::Label`] saying how many are not, and naming the first.
    pub fn check_images(data: &dyn Dataset) -> Result<()> {
        let in_one = |image: &usize| data.label(*image).iter().sum::<f32>() == 1.0;
        let others: Vec<usize> = (0..data.len()).filter(|image| !in_one(image)).collect();
        match others.first() {
            None => Ok(()),
            Some(&first) => Err(Error::Label(format!(
                "{} of {} images are in none of the domains {}, the first is {}: take them out of \
                 the list or folder",
                others.len(),
                data.len(),
                data.labels().names().join(", "),
                data.name(first)
            ))),
        }
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] for the first thing that cannot work, saying what to
    /// change.
    pub fn check(&self) -> Result<()> {
        check_networks(&self.spaces, &self.networks)?;
        self.weights.check()?;
        if !(0.0..=1.0).contains(&self.mapping_rate) {
            return Err(Error::Config(format!(
                "the mapping_rate is {}; it must be a share of the learning rate, from 0 to 1",
                self.mapping_rate
            )));
        }
        Ok(())
    }
}

/// Checks the networks, and that they are for the domains of `spaces`.
///
/// # Errors
/// [`Error::Config`] or [`Error::Label`] for the first thing that cannot work.
pub(crate) fn check_networks(spaces: &LabelSpaces, networks: &StyleConfig) -> Result<()> {
    spaces.check()?;
    check_domains(spaces)?;
    let (found, expected) = (networks.domains, spaces.label_width());
    if found != expected {
        return Err(Error::Config(format!(
            "the networks have {found} domains, the labels {expected}"
        )));
    }
    networks.check()?;
    Channels::try_from(networks.image_channels)
        .map_err(|error| Error::Config(format!("the networks' image_channels: {error}")))?;
    Ok(())
}

/// Refuses label spaces whose entries are no domains.
fn check_domains(spaces: &LabelSpaces) -> Result<()> {
    check_datasets(spaces.len())?;
    let space = spaces.space(0);
    if space.is_exclusive() && space.width() > 1 {
        return Ok(());
    }
    Err(Error::Config(
        "StarGAN v2 translates between two domains or more, of which an image is in one: train it \
         on class folders, or on attributes that exclude each other"
            .to_owned(),
    ))
}

/// Refuses another number of datasets than one.
pub(crate) fn check_datasets(datasets: usize) -> Result<()> {
    match datasets {
        1 => Ok(()),
        found => Err(Error::Config(format!(
            "StarGAN v2 is trained on one dataset, whose labels are its domains, not on {found}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::balance::Sampling;
    use crate::engine::config::TrainingConfig;
    use crate::optim::adam::AdamConfig;
    use crate::optim::schedule::Schedule;

    fn classes(names: &[&str]) -> StarGanV2 {
        StarGanV2::new(LabelSpace::classes(names.to_vec()), 64)
    }

    #[test]
    fn the_usual_run_is_the_papers() {
        let TrainingConfig { run, recipe } = TrainingConfig::new(classes(&["cat", "dog"]));
        assert_eq!((run.batch_size, run.iterations, run.learning_rate), (8, 100_000, 1e-4));
        assert_eq!((run.discriminator_learning_rate, run.schedule), (None, Schedule::Constant));
        let AdamConfig { beta1, beta2, weight_decay, .. } = run.adam;
        assert_eq!((beta1, beta2, weight_decay), (0.0, 0.99, 1e-4));
        assert_eq!((run.ema, run.sampling, recipe.mapping_rate), (0.999, Sampling::Balanced, 0.01));
        TrainingConfig { run, recipe }.check().unwrap();
    }

    #[test]
    fn diversity_is_sought_less_and_less() {
        let weights = StyleLossWeights::default();
        for (iteration, expected) in [(0, 2.0), (1, 2.0), (51, 1.0), (100, 0.02), (300, 0.0)] {
            let found = weights.at(iteration, 100);
            assert!((found.diversity - expected).abs() < 1e-12, "{iteration}: {found:?}");
            assert_eq!((found.style, found.cycle, found.penalty), (1.0, 1.0, 1.0));
        }
    }

    #[test]
    fn what_can_not_work_is_refused_before_memory_is_taken() {
        let refused = |recipe: StarGanV2| recipe.check().unwrap_err().to_string();
        assert!(refused(classes(&["cat"])).contains("one class only"));
        let mut recipe = classes(&["cat", "dog"]);
        recipe.networks.domains = usize::MAX;
        assert!(refused(recipe).contains("the networks have 18446744073709551615 domains"));
        type Change = fn(&mut StyleConfig);
        let cases: [(Change, &str); 6] = [
            (|networks| networks.image_size = 48, "takes squares of 16, 32, 64, 128"),
            (|networks| networks.image_size = 1 << 40, "more than 2 GiB"),
            (|networks| networks.style_width = 0, "style_width is 0"),
            (|networks| networks.style_width = 1 << 40, "style_width is 1099511627776"),
            (|networks| networks.most_channels = usize::MAX, "most_channels is"),
            (|networks| networks.image_channels = 2, "image_channels"),
        ];
        for (change, expected) in cases {
            let mut recipe = classes(&["cat", "dog"]);
            change(&mut recipe.networks);
            let error = refused(recipe);
            assert!(error.contains(expected), "{error}");
        }
    }
}
