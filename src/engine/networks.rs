//! The networks of a recipe as a checkpoint sees them.

use std::collections::BTreeMap;
use std::fmt::Debug;

use burn::tensor::backend::AutodiffBackend;

use crate::nn::weights::Weights;

/// The networks of a recipe as a checkpoint sees them.
pub trait Networks<B: AutodiffBackend>: Debug + Sized {
    /// Adds everything that is needed to go on.
    fn save(&self, state: &mut State);

    /// Fresh networks as [`save`](Self::save) described them; what is used is taken out of `state`.
    ///
    /// # Errors
    /// What is missing or mis-shaped, by name.
    fn restore(self, state: &mut State, device: &B::Device) -> Result<Self, String>;

    /// Frees what restored networks will replace: there need not be memory for both. Nothing by
    /// default.
    fn free(&mut self) {}
}

/// What a checkpoint keeps of networks.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Arrays by name: weights, moving averages, the optimizers' running means.
    pub weights: Weights,
    /// Updates of every network, by name.
    pub updates: BTreeMap<String, u64>,
}
