//! What one loop can train: networks, and a step of theirs.

use std::fmt::Debug;

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::adversaries::{Adversaries, Architecture};
use super::config::TrainingConfig;
use super::workers::Workers;
use crate::data::{Batch, Datasets, Transform};
use crate::error::Result;

/// What a [`Trainer`](super::Trainer) trains, as the configuration of its runs says: StarGAN by a
/// [`TrainingConfig`], and what it is [compared with](crate::baselines). The crate's own types
/// implement it.
pub trait Recipe: Step {
    /// The settings that every run has.
    fn training(&self) -> &TrainingConfig;

    /// The same, to be changed.
    fn training_mut(&mut self) -> &mut TrainingConfig;
}

/// The part of a [`Recipe`] that concerns nobody else.
pub trait Step: Clone + Debug + PartialEq + Serialize + DeserializeOwned {
    /// What a checkpoint says of its model, beside the run's configuration.
    type Model: Clone + Debug + Serialize + DeserializeOwned;

    /// What one part of an iteration has computed.
    type Losses<B: AutodiffBackend>: StepTerms<B>;

    /// Refuses configurations that can't work.
    fn check(&self) -> Result<()>;

    /// What is trained.
    fn architectures(&self) -> Vec<Architecture>;

    /// The model that images after `transform` go into.
    fn model(&self, transform: Transform) -> Self::Model;

    /// The names of the datasets, of which an iteration takes a batch each.
    ///
    /// # Errors
    /// When `data` are not such datasets.
    fn accept(&self, data: &Datasets) -> Result<Vec<String>>;

    /// Whether image `i` of one dataset belongs to image `i` of the others, so that they have to come together.
    fn paired(&self) -> bool {
        false
    }

    /// The name of a part of an iteration, which its losses' names begin with.
    fn part(&self, part: usize) -> &str;

    /// One iteration of the networks that [`architectures`](Self::architectures) lists.
    ///
    /// # Errors
    /// When another worker is gone.
    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut [Adversaries<B>],
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<Self::Losses<B>>>;
}

/// When and where a step is made.
#[derive(Debug)]
pub struct Moment<'a, B: AutodiffBackend> {
    /// The iteration, counted from 1.
    pub iteration: u64,
    pub learning_rate: f64,
    pub device: &'a B::Device,
    /// Who else makes it.
    pub workers: &'a mut Workers<B::InnerBackend>,
}

/// What a part of an iteration has computed, by name.
pub trait StepTerms<B: AutodiffBackend> {
    /// Which part: its dataset, say.
    fn part(&self) -> usize;

    /// The loss terms, unweighted, `[1]`.
    fn losses(&self) -> Vec<(&'static str, Tensor<B::InnerBackend, 1>)>;

    /// All that should be finite in the order of computation, since what is not finite makes all that follows so: the
    /// losses and, as `d/gradient` and `g/gradient`, a `[1]` for each network that was updated, which is finite if
    /// its gradients were.
    fn terms(&self) -> Vec<(&'static str, Tensor<B::InnerBackend, 1>)>;
}

/// The terms `[1]` without their graph.
pub(crate) fn plain<B: AutodiffBackend>(
    terms: Vec<(&'static str, Tensor<B, 1>)>,
) -> impl Iterator<Item = (&'static str, Tensor<B::InnerBackend, 1>)> {
    terms.into_iter().map(|(name, term)| (name, term.inner()))
}
