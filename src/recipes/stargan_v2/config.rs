//! The settings of StarGAN v2: its networks and the weights of its losses.

use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::error::{Error, Result};
use crate::labels::space::{LabelKind, LabelSpace};
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
    /// The weights at `iteration` (counted from 1) of a run of so many.
    pub fn at(&self, iteration: u64, iterations: u64) -> Self {
        let done = (iteration - 1) as f64 / iterations as f64;
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

    /// Checks everything.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] for the first thing that cannot work, saying what to
    /// change.
    pub fn check(&self) -> Result<()> {
        self.spaces.check()?;
        check_domains(&self.spaces)?;
        self.networks.check()?;
        self.weights.check()?;
        Channels::try_from(self.networks.image_channels)
            .map_err(|error| Error::Config(format!("the networks' image_channels: {error}")))?;
        let (found, expected) = (self.networks.domains, self.spaces.label_width());
        if found != expected {
            return Err(Error::Config(format!(
                "the networks have {found} domains, the labels {expected}"
            )));
        }
        if !(0.0..=1.0).contains(&self.mapping_rate) {
            return Err(Error::Config(format!(
                "the mapping_rate is {}; it must be a share of the learning rate, from 0 to 1",
                self.mapping_rate
            )));
        }
        Ok(())
    }
}

/// Refuses label spaces whose entries are no domains.
///
/// # Errors
/// [`Error::Config`] saying what domains are.
pub(crate) fn check_domains(spaces: &LabelSpaces) -> Result<()> {
    let of_one = |space: &LabelSpace| match space.kind() {
        LabelKind::Classes => true,
        LabelKind::Attributes => {
            matches!(space.exclusive_groups(), [group] if group.len() == space.width())
        }
    };
    match spaces.len() {
        1 if of_one(spaces.space(0)) => Ok(()),
        1 => Err(Error::Config(
            "StarGAN v2 translates between domains of which an image is in one: train it on class \
             folders, or on attributes that exclude each other"
                .to_owned(),
        )),
        found => Err(Error::Config(format!(
            "StarGAN v2 is trained on one dataset, whose labels are its domains, not on {found}"
        ))),
    }
}
