//! What one loop can train: networks, and a step of theirs.

use std::fmt::Debug;

use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{ElementConversion, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::channels::Channels;
use crate::data::datasets::Datasets;
use crate::data::loader::Batch;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::data::unreadable::{Readable, UnreadablePolicy};
use crate::engine::learner::{Gradients, Learner};
use crate::engine::loss_scale::LossScale;
use crate::engine::networks::Networks;
use crate::engine::settings::RunSettings;
use crate::engine::workers::seam::Workers;
use crate::error::{Error, Result};
use crate::translate::grid::GridImage;
use crate::translate::relabel::{DomainLabel, Translate};

/// What a [`Trainer`](crate::Trainer) trains. The value is its settings, which a run folder keeps
/// as JSON; StarGAN, CycleGAN and pix2pix are the recipes here, and your own crate can add others
/// (`examples/own_recipe.rs`).
///
/// Everything random in [`init`](Self::init) and [`step`](Self::step) must depend on the run's seed
/// and the iteration alone, so that a resumed run computes what an uninterrupted one does.
pub trait Recipe:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// What files call it, such as `stargan`.
    const NAME: &'static str;

    /// The settings of the recipe that may change in a run that is resumed, by their names in its
    /// JSON, with all below them: those that say how networks learn, not what they are.
    const CHANGEABLE: &'static [&'static str] = &[];

    /// The networks that are trained, with their optimizers.
    type Networks<B: AutodiffBackend>: Networks<B>;

    /// What a checkpoint says of the model beside the run, as fields at the top of its description.
    type Model: Clone + Debug + Serialize + DeserializeOwned;

    /// The run settings that the recipe is usually trained with.
    fn usual_run(&self) -> RunSettings {
        RunSettings::default()
    }

    /// Checks the recipe's settings, for a run with settings that are checked already. By default
    /// any will do, as far as [`init`](Self::init) goes.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] for the first that cannot work, saying what to change.
    fn check(&self, run: &RunSettings) -> Result<()> {
        let _ = run;
        Ok(())
    }

    /// Checks that `workers` workers, more than one, can share a step. By default they can't: a
    /// step for several has to [average](Moment::average) its gradients.
    ///
    /// # Errors
    /// [`Error::Config`] when they can't.
    fn check_workers(&self, workers: usize) -> Result<()> {
        Err(Error::Config(format!(
            "the recipe {} is trained by one worker, not by {workers}",
            Self::NAME
        )))
    }

    /// Checks that a batch can go through the networks [in parts](RunSettings::accumulate). By
    /// default it can't: a step has to follow [`Moment::parts`].
    ///
    /// # Errors
    /// [`Error::Config`] when it can't.
    fn check_accumulation(&self) -> Result<()> {
        Err(Error::Config(format!(
            "the recipe {} takes its batches whole: accumulate must be 1",
            Self::NAME
        )))
    }

    /// Checks that the networks can be trained in another [precision](RunSettings::precision) than
    /// float32. By default they can't: [`init`](Self::init) has to tell them of it, as
    /// [`Generator::with_precision`](crate::nn::Generator::with_precision) does, and
    /// [`translator`](Self::translator) to make it float32 again.
    ///
    /// # Errors
    /// [`Error::Config`] when they can't.
    fn check_precision(&self) -> Result<()> {
        Err(Error::Config(format!(
            "the recipe {} is trained in float32: precision must be that",
            Self::NAME
        )))
    }

    /// What deserves a warning before a long run, as sentences; nothing by default.
    fn warnings(&self, run: &RunSettings) -> Vec<String> {
        let _ = run;
        Vec::new()
    }

    /// The size of the training images.
    fn image_size(&self) -> ImageSize;

    /// The channels of the training images.
    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    /// After how many iterations every network was updated at least once: loss terms are logged at
    /// multiples of it, where all of them are there.
    fn cycle(&self) -> u64 {
        1
    }

    /// Whether image `i` of one dataset belongs to image `i` of the others, so that they have to
    /// come together.
    fn paired(&self) -> bool {
        false
    }

    /// Whether a step takes two further images for every image, both of a label that is drawn for
    /// it; batches then [have](Batch::references) them.
    fn references(&self) -> bool {
        false
    }

    /// The names of the datasets, of which an iteration takes a batch each. By default any are
    /// accepted, as `data1` and so on.
    ///
    /// # Errors
    /// When `data` are not such datasets.
    fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
        Ok((1..=data.len()).map(|number| format!("data{number}")).collect())
    }

    /// The parameters of all networks, counted without making them.
    fn num_params(&self) -> u64;

    /// Networks with fresh weights, which depend on the run's seed alone.
    ///
    /// # Errors
    /// When their architecture can't be.
    fn init<B: AutodiffBackend>(
        &self,
        run: &RunSettings,
        device: &B::Device,
    ) -> Result<Self::Networks<B>>;

    /// One iteration, given a batch of every dataset: the updates, and what they have computed.
    ///
    /// # Errors
    /// When another worker is gone.
    ///
    /// # Panics
    /// When a batch does not fit the settings.
    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut Self::Networks<B>,
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<StepLosses<B::InnerBackend>>>;

    /// The model that images after `transform` go into.
    fn model(&self, transform: Transform) -> Self::Model;

    /// The networks as they are now, to translate with: moving averages where there are such.
    ///
    /// # Errors
    /// [`Error::Config`] when the recipe's networks don't translate, which is the default.
    fn translator<B: AutodiffBackend>(
        &self,
        networks: &Self::Networks<B>,
        transform: Transform,
        device: &B::Device,
    ) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        let _ = (networks, transform, device);
        Err(Error::Config(format!("the recipe {} does not translate images", Self::NAME)))
    }

    /// Up to `count` images of each dataset, to show in grids, labelled as
    /// [`translator`](Self::translator)'s model knows labels ([`GridImage::across`]).
    ///
    /// # Errors
    /// When images can't be read, as `policy` says.
    fn grid_images(
        &self,
        data: &Datasets,
        count: usize,
        policy: UnreadablePolicy,
    ) -> Result<Vec<GridImage>> {
        let mut images = Vec::new();
        for (dataset, data) in data.iter().enumerate() {
            let label = |index| DomainLabel { dataset, label: data.label(index).to_vec() };
            let readable = &mut Readable::new(data, policy);
            images.extend(GridImage::across(readable, self.image_size(), count, label)?);
        }
        Ok(images)
    }
}

/// When and where a step is made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Moment<'a, B: AutodiffBackend> {
    /// The iteration, counted from 1.
    pub iteration: u64,
    /// How many the run has.
    pub iterations: u64,
    /// The learning rate of this iteration.
    pub learning_rate: f64,
    /// That of discriminators.
    pub discriminator_learning_rate: f64,
    /// The run's seed.
    pub seed: u64,
    /// In how many parts a batch goes through the networks
    /// ([`Batch::into_parts`]).
    pub parts: usize,
    /// Where tensors are made.
    pub device: &'a B::Device,
    pub(crate) loss_scale: &'a mut Option<LossScale>,
    pub(crate) workers: &'a mut Workers<B::InnerBackend>,
}

impl<B: AutodiffBackend> Moment<'_, B> {
    /// The backward pass of `loss` `[1]`, which frees its graph: networks that share a part of it
    /// take their gradients from one pass.
    pub fn backward(&self, loss: Tensor<B, 1>) -> Backward<B> {
        match self.loss_scale.as_ref().map(LossScale::factor) {
            Some(scale) => {
                Backward { gradients: (loss * scale).backward(), unscaled_by: Some(scale.recip()) }
            }
            None => Backward { gradients: loss.backward(), unscaled_by: None },
        }
    }

    /// One update of a discriminator, with its own [rate](Self::discriminator_learning_rate);
    /// otherwise as [`update`](Self::update).
    ///
    /// # Panics
    /// When the gradients are another network's.
    pub fn update_discriminator<M: AutodiffModule<B>>(
        &mut self,
        learner: &mut Learner<B, M>,
        gradients: Gradients<B>,
    ) -> bool {
        self.update_at(self.discriminator_learning_rate, learner, gradients)
    }

    /// One update at `share` of the [rate](Self::learning_rate), from 0 to 1; otherwise as
    /// [`update`](Self::update).
    ///
    /// # Panics
    /// When the gradients are another network's.
    pub fn update_by_share<M: AutodiffModule<B>>(
        &mut self,
        share: f64,
        learner: &mut Learner<B, M>,
        gradients: Gradients<B>,
    ) -> bool {
        self.update_at(share * self.learning_rate, learner, gradients)
    }

    /// One update of `learner`. Whether it was made: in float16 it is left out where a gradient is
    /// not finite, and losses are scaled by less from the next iteration on.
    ///
    /// # Panics
    /// When the gradients are another network's.
    pub fn update<M: AutodiffModule<B>>(
        &mut self,
        learner: &mut Learner<B, M>,
        gradients: Gradients<B>,
    ) -> bool {
        self.update_at(self.learning_rate, learner, gradients)
    }

    fn update_at<M: AutodiffModule<B>>(
        &mut self,
        learning_rate: f64,
        learner: &mut Learner<B, M>,
        gradients: Gradients<B>,
    ) -> bool {
        let Some(scale) = self.loss_scale.as_mut() else {
            learner.update(gradients, learning_rate);
            return true;
        };
        let before = learner.clone();
        learner.update(gradients, learning_rate);
        let told = learner.finite().expect("an update was made");
        // Waits for the device.
        let stands = scale.stands(told.into_scalar().elem::<f32>().is_finite());
        if !stands {
            *learner = before;
        }
        stands
    }

    /// Makes of every worker's `gradients` and loss `terms` `[1]` their mean, between the backward
    /// pass and the update. It does nothing where there is one worker.
    ///
    /// # Errors
    /// When another worker is gone.
    pub fn average(
        &mut self,
        gradients: &mut Gradients<B>,
        terms: Vec<&mut Tensor<B, 1>>,
    ) -> Result<()> {
        self.workers.average(gradients, terms)
    }
}

/// What a backward pass has computed; each network takes its own gradients out.
#[derive(Debug)]
pub struct Backward<B: AutodiffBackend> {
    gradients: B::Gradients,
    /// What gradients are multiplied by where the loss was scaled.
    unscaled_by: Option<f64>,
}

impl<B: AutodiffBackend> Backward<B> {
    /// The gradients of `learner`'s network, once.
    ///
    /// # Panics
    /// When the loss does not depend on the network, or its gradients are taken already.
    pub fn of<M: AutodiffModule<B>>(&mut self, learner: &Learner<B, M>) -> Gradients<B> {
        let gradients = learner.gradients(&mut self.gradients);
        match self.unscaled_by {
            Some(share) => gradients.into_iter().map(|gradient| gradient * share).collect(),
            None => gradients,
        }
    }
}

/// What one part of an iteration, such as that of one dataset, has computed, in the order of
/// computation.
#[derive(Clone, Debug)]
pub struct StepLosses<B: Backend> {
    part: String,
    terms: Vec<Term<B>>,
}

#[derive(Clone, Debug)]
struct Term<B: Backend> {
    name: &'static str,
    value: Tensor<B, 1>,
    is_loss: bool,
}

impl<B: Backend> StepLosses<B> {
    /// Nothing yet, of a part whose losses' names begin with `part` and a slash.
    pub fn new(part: impl Into<String>) -> Self {
        Self { part: part.into(), terms: Vec::new() }
    }

    /// Adds unweighted loss terms `[1]` by name, such as `d/real`; their graph is dropped.
    pub fn with_losses<A>(mut self, terms: Vec<(&'static str, Tensor<A, 1>)>) -> Self
    where
        A: AutodiffBackend<InnerBackend = B>,
    {
        let term =
            |(name, value): (_, Tensor<A, 1>)| Term { name, value: value.inner(), is_loss: true };
        self.terms.extend(terms.into_iter().map(term));
        self
    }

    /// Adds a `[1]` that should be finite and is no loss, such as one for a network's gradients
    /// ([`Learner::finite`](crate::engine::Learner::finite)).
    pub fn with_check(mut self, name: &'static str, value: Option<Tensor<B, 1>>) -> Self {
        self.terms.extend(value.map(|value| Term { name, value, is_loss: false }));
        self
    }

    /// The loss terms by name, with the part.
    pub fn losses(&self) -> impl Iterator<Item = (String, &Tensor<B, 1>)> {
        self.terms.iter().filter(|term| term.is_loss).map(|term| self.named(term))
    }

    /// All that should be finite, by name, in the order of computation: what is not finite makes
    /// all that follows so.
    pub fn finite_checks(&self) -> impl Iterator<Item = (String, &Tensor<B, 1>)> {
        self.terms.iter().map(|term| self.named(term))
    }

    fn named<'a>(&self, term: &'a Term<B>) -> (String, &'a Tensor<B, 1>) {
        (format!("{}/{}", self.part, term.name), &term.value)
    }
}
