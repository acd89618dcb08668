//! The settings of StarGAN: its networks, its losses and their weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::data::size::ImageSize;
use crate::error::{Error, Result};
use crate::files::model::ModelConfig;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::head::Head;
use crate::recipes::channels::check_channels;
use crate::recipes::objective::Objective;
use crate::recipes::penalty::Penalty;
use crate::recipes::stargan::weights::{IdentityWarmup, LossWeights, ReconstructionRamp};

/// StarGAN: [the paper's](Self::paper), or with [what makes better edits](Self::new).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StarGan {
    /// The label spaces of the datasets.
    #[serde(rename = "domains")]
    pub spaces: LabelSpaces,
    /// G's architecture.
    pub generator: GeneratorConfig,
    /// D's architecture, which says the image size.
    pub discriminator: DiscriminatorConfig,
    /// D updates per G update, `n_critic`: 5.
    pub critic_steps: u64,
    /// The adversarial objective.
    pub objective: Objective,
    /// The gradient penalty.
    pub penalty: Penalty,
    /// The weights of the loss terms.
    pub weights: LossWeights,
    /// Other weights, all of them, for the datasets of these names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dataset_weights: BTreeMap<String, LossWeights>,
}

/// The reconstruction weight that a run by [`StarGan::new`] ends with.
const RECONSTRUCTION: f64 = 20.0;

impl StarGan {
    /// The defaults for `spaces`: the [paper's](Self::paper) at 128 pixels, and what is not the
    /// paper's and makes better edits (`docs/training.md` has figures). G has a
    /// [mask](Head::Mask). D's domain head [learns from translations
    /// too](LossWeights::fake_domain), with 0.3 of the weight. The reconstruction weight
    /// [grows](ReconstructionRamp) from 3 to 20. There is an [identity warm-up](IdentityWarmup). In
    /// its [usual run](crate::engine::Recipe::usual_run) D learns twice as fast as G.
    pub fn new(spaces: LabelSpaces) -> Self {
        let mut recipe = Self::paper(spaces)
            .with_head(Head::Mask)
            .with_fake_domain(0.3)
            .with_reconstruction_ramp(Some(ReconstructionRamp::default()))
            .with_identity(Some(IdentityWarmup::default()));
        recipe.weights.reconstruction = RECONSTRUCTION;
        recipe
    }

    /// The paper's networks and losses for `spaces`, at its 128 pixels (section 4 and appendix 7
    /// of Choi et al., CVPR 2018).
    pub fn paper(spaces: LabelSpaces) -> Self {
        Self {
            generator: GeneratorConfig::new(spaces.condition_width()),
            discriminator: DiscriminatorConfig::fitting(128, spaces.label_width()),
            spaces,
            critic_steps: 5,
            objective: Objective::default(),
            penalty: Penalty::default(),
            weights: LossWeights::default(),
            dataset_weights: BTreeMap::new(),
        }
    }

    /// Sets the size of the training images, a number for squares, and the halvings of D that suit
    /// it: 6, or fewer where the images are small, so that at least 2x2 patches are left.
    pub fn with_image_size(mut self, size: impl Into<ImageSize>) -> Self {
        self.discriminator = self.discriminator.with_image_size(size);
        self
    }

    /// Sets the channels of the images.
    pub fn with_channels(mut self, channels: Channels) -> Self {
        self.generator.image_channels = channels.count();
        self.discriminator.image_channels = channels.count();
        self
    }

    /// Sets the networks' sizes and the image size as `model` has them, for a run that
    /// [begins from](crate::Trainer::begin_from) it. The labels stay. Of a model without a
    /// discriminator, D gets G's width.
    pub fn with_networks_of(mut self, model: &ModelConfig) -> Self {
        self = self.with_image_size(model.transform.size);
        self.discriminator.base_channels = model.generator.base_channels;
        self.discriminator.image_channels = model.generator.image_channels;
        self.generator =
            model.generator.clone().with_condition_width(self.spaces.condition_width());
        if let Some(discriminator) = &model.discriminator {
            let labels = self.spaces.label_width();
            self.discriminator = discriminator.clone().with_label_width(labels);
        }
        self
    }

    /// Sets the channels after the first convolution of both networks.
    pub fn with_base_channels(mut self, channels: usize) -> Self {
        self.generator.base_channels = channels;
        self.discriminator.base_channels = channels;
        self
    }

    /// Sets the residual blocks of G.
    pub fn with_residual_blocks(mut self, blocks: usize) -> Self {
        self.generator.residual_blocks = blocks;
        self
    }

    /// Sets what G makes of its last features.
    pub fn with_head(mut self, head: Head) -> Self {
        self.generator.head = head;
        self
    }

    /// Sets the number of D updates per G update.
    pub fn with_critic_steps(mut self, steps: u64) -> Self {
        self.critic_steps = steps;
        self
    }

    /// Sets, or with `None` removes, the identity warm-up, of every dataset.
    pub fn with_identity(mut self, identity: Option<IdentityWarmup>) -> Self {
        self.each_weights(|weights| weights.identity = identity);
        self
    }

    /// Sets the share of the domain weight with which D's domain head also learns to read
    /// translations as what they [were before](LossWeights::fake_domain), of every dataset.
    pub fn with_fake_domain(mut self, share: f64) -> Self {
        self.each_weights(|weights| weights.fake_domain = share);
        self
    }

    /// Sets, or with `None` removes, the way to the reconstruction weight, of every dataset.
    pub fn with_reconstruction_ramp(mut self, ramp: Option<ReconstructionRamp>) -> Self {
        self.each_weights(|weights| weights.reconstruction_ramp = ramp);
        self
    }

    /// Sets the adversarial objective and the penalty it is
    /// [usually](Objective::usual_penalty) used with.
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self.with_penalty(objective.usual_penalty())
    }

    /// Sets the gradient penalty and, where it is another one than before, its
    /// [usual weight](Penalty::usual_weight), of every dataset.
    pub fn with_penalty(mut self, penalty: Penalty) -> Self {
        if self.penalty != penalty {
            self.penalty = penalty;
            self.each_weights(|weights| weights.penalty = penalty.usual_weight());
        }
        self
    }

    fn each_weights(&mut self, change: impl Fn(&mut LossWeights)) {
        std::iter::once(&mut self.weights)
            .chain(self.dataset_weights.values_mut())
            .for_each(change);
    }

    /// Sets other loss weights for the dataset of that name.
    pub fn with_weights_of(mut self, dataset: impl Into<String>, weights: LossWeights) -> Self {
        self.dataset_weights.insert(dataset.into(), weights);
        self
    }

    /// The weights of the loss terms on a dataset.
    ///
    /// # Panics
    /// When there is no such dataset.
    pub fn weights_of(&self, dataset: usize) -> &LossWeights {
        self.dataset_weights.get(self.spaces.name(dataset)).unwrap_or(&self.weights)
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] for the first thing that cannot work, saying what to
    /// change.
    pub fn check(&self) -> Result<()> {
        self.spaces.check()?;
        let Self { generator, discriminator, .. } = self;
        generator.check_image_size(discriminator.image_size)?;
        discriminator.check()?;
        for (what, found, expected) in [
            ("generator's condition", generator.condition_width, self.spaces.condition_width()),
            ("discriminator's label", discriminator.label_width, self.spaces.label_width()),
        ] {
            if found != expected {
                return Err(Error::Config(format!(
                    "the {what} width is {found}, the labels need {expected}"
                )));
            }
        }
        check_channels(generator, discriminator, 1)?;
        self.weights.check()?;
        for (name, weights) in &self.dataset_weights {
            let of = |error: Error| Error::Config(format!("dataset_weights: {name}: {error}"));
            self.spaces.index_of(name).map_err(of)?;
            weights.check().map_err(of)?;
        }
        let unbounded = self.penalty == Penalty::None && !discriminator.spectral_norm;
        if self.objective == Objective::Wasserstein && unbounded {
            return Err(Error::Config(
                "the wasserstein objective needs a penalty, such as wgan-gp, or spectral \
                 normalisation: without either nothing bounds the discriminator and its loss falls \
                 for ever; or take another objective"
                    .to_owned(),
            ));
        }
        let weighed = |dataset| self.weights_of(dataset).penalty > 0.0;
        if self.penalty != Penalty::None && !(0..self.spaces.len()).all(weighed) {
            return Err(Error::Config(
                "the penalty has weight 0: it would be computed in vain; take the penalty none"
                    .to_owned(),
            ));
        }
        if self.critic_steps == 0 {
            return Err(Error::Config("critic_steps is 0; it must be at least 1".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::recipe::Recipe;
    use crate::labels::space::LabelSpace;

    fn recipe() -> StarGan {
        StarGan::new(LabelSpaces::single(LabelSpace::attributes(["Male", "Young"])))
    }

    #[test]
    fn the_defaults_are_the_papers_and_what_makes_better_edits() {
        let mut expected = StarGan::paper(recipe().spaces);
        let rates = |recipe: &StarGan| {
            let run = recipe.usual_run();
            (run.learning_rate, run.discriminator_learning_rate)
        };
        assert_eq!(rates(&expected), (1e-4, None));
        expected.generator.head = Head::Mask;
        assert_eq!(rates(&expected), (1e-4, Some(2e-4)));
        expected.weights = LossWeights {
            domain: 1.0,
            fake_domain: 0.3,
            reconstruction: 20.0,
            reconstruction_ramp: Some(ReconstructionRamp { start: 0.15, from: 0.375 }),
            penalty: 10.0,
            identity: Some(IdentityWarmup { weight: 10.0, last_iteration: 500 }),
        };
        assert_eq!(recipe(), expected);
    }

    #[test]
    fn bad_settings_say_what_to_change() {
        recipe().check().unwrap();
        type Change = fn(&mut StarGan);
        let cases: [(Change, &str); 12] = [
            (|c| c.spaces = LabelSpaces::single(LabelSpace::classes(["only"])), "at least two"),
            (|c| c.discriminator.image_size = 0.into(), "0 pixels is not divisible by 4"),
            (|c| c.discriminator.image_size = 130.into(), "130 pixels is not divisible by 4"),
            (|c| c.discriminator.downsamplings = 0, "downsamplings is 0"),
            (|c| c.discriminator.downsamplings = 8, "128 pixels is not divisible by 256"),
            (|c| c.generator.base_channels = 0, "generator's base_channels is 0"),
            (|c| c.discriminator.base_channels = 0, "discriminator's base_channels is 0"),
            (|c| c.generator.condition_width = 3, "condition width is 3, the labels need 2"),
            (|c| c.discriminator.label_width = 1, "label width is 1, the labels need 2"),
            (|c| c.critic_steps = 0, "critic_steps is 0"),
            (
                |c| c.weights.domain = -1.0,
                "domain loss weight is -1; it must be at least 0 and finite in 32 bits",
            ),
            (
                |c| c.weights.identity.as_mut().unwrap().weight = f64::INFINITY,
                "identity loss weight is inf",
            ),
        ];
        for (change, expected) in cases {
            let mut recipe = recipe();
            change(&mut recipe);
            let error = recipe.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn a_dataset_has_weights_of_its_own_where_it_is_named() {
        let heavy = LossWeights { domain: 3.0, ..LossWeights::default() };
        let named = recipe().with_weights_of("data", heavy.clone());
        assert_eq!((named.weights_of(0), recipe().weights_of(0)), (&heavy, &recipe().weights));
        named.check().unwrap();
        let bad = LossWeights { domain: -1.0, ..LossWeights::default() };
        for (name, weights, expected) in [
            (
                "dato",
                heavy,
                "dataset_weights: dato: unknown dataset \"dato\", did you mean \"data\"?",
            ),
            ("data", bad, "dataset_weights: data: the domain loss weight is -1"),
        ] {
            let error = recipe().with_weights_of(name, weights).check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let json = serde_json::to_string(&named).unwrap();
        assert_eq!(serde_json::from_str::<StarGan>(&json).unwrap(), named);
    }

    #[test]
    fn the_discriminator_is_as_deep_as_the_images_allow() {
        for (size, expected) in [(256, 6), (128, 6), (64, 5), (32, 4), (48, 4), (20, 2), (4, 1)] {
            let recipe = recipe().with_image_size(size);
            assert_eq!(recipe.discriminator.downsamplings, expected, "{size} pixels");
            recipe.check().unwrap();
        }
        let wide = recipe().with_image_size(ImageSize::new(256, 96));
        assert_eq!(wide.discriminator.downsamplings, 5, "96 pixels are 3 patches");
        wide.check().unwrap();
    }

    #[test]
    fn an_objective_brings_its_usual_penalty_and_a_penalty_its_usual_weight() {
        let lsgan = recipe().with_objective(Objective::Lsgan);
        assert_eq!((lsgan.objective, lsgan.penalty), (Objective::Lsgan, Penalty::None));
        let r1 = lsgan.with_penalty(Penalty::R1);
        assert_eq!((r1.penalty, r1.weights.penalty), (Penalty::R1, 1.0));
        r1.check().unwrap();
        let mut weighed = recipe();
        weighed.weights.penalty = 5.0;
        let weighed = weighed.with_penalty(Penalty::WganGp);
        assert_eq!(weighed.weights.penalty, 5.0, "it is no other one");
        for objective in Objective::ALL {
            recipe().with_objective(objective).check().unwrap();
        }
    }

    #[test]
    fn combinations_without_sense_are_refused_with_the_reason() {
        let unbounded = recipe().with_penalty(Penalty::None).check().unwrap_err().to_string();
        assert!(unbounded.contains("nothing bounds the discriminator"), "{unbounded}");
        let mut normalised = recipe().with_penalty(Penalty::None);
        normalised.discriminator.spectral_norm = true;
        normalised.check().unwrap();
        let mut vain = recipe();
        vain.weights.penalty = 0.0;
        let vain = vain.check().unwrap_err().to_string();
        assert!(vain.contains("take the penalty none"), "{vain}");
    }
}
