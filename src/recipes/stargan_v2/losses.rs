//! The terms of StarGAN v2's losses (section 3.2, eqs. 1 to 5), named, and their weighted sums.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::recipes::stargan_v2::config::StyleLossWeights;

/// D's loss terms, unweighted scalars `[1]`.
#[derive(Clone, Debug)]
pub struct StyleCriticLosses<B: Backend> {
    /// The adversarial term on real images (eq. 1).
    pub real: Tensor<B, 1>,
    /// The adversarial term on translated images (eq. 1).
    pub fake: Tensor<B, 1>,
    /// R1.
    pub penalty: Tensor<B, 1>,
}

impl<B: Backend> StyleCriticLosses<B> {
    /// What D minimises.
    pub fn total(&self, weights: &StyleLossWeights) -> Tensor<B, 1> {
        self.real.clone() + self.fake.clone() + self.penalty.clone() * weights.penalty
    }

    /// The terms by name.
    pub fn terms(&self) -> Vec<(&'static str, Tensor<B, 1>)> {
        let Self { real, fake, penalty } = self.clone();
        vec![("d/real", real), ("d/fake", fake), ("d/penalty", penalty)]
    }

    /// The terms in the order of [`terms`](Self::terms).
    pub(crate) fn terms_mut(&mut self) -> Vec<&mut Tensor<B, 1>> {
        let Self { real, fake, penalty } = self;
        vec![real, fake, penalty]
    }
}

/// The loss terms of G, F and E, unweighted scalars `[1]`.
#[derive(Clone, Debug)]
pub struct StyleGeneratorLosses<B: Backend> {
    /// The adversarial term (eq. 1).
    pub fake: Tensor<B, 1>,
    /// The style reconstruction (eq. 2).
    pub style: Tensor<B, 1>,
    /// How far two translations in two styles are apart, which is sought (eq. 3).
    pub diversity: Tensor<B, 1>,
    /// The cycle's reconstruction (eq. 4).
    pub cycle: Tensor<B, 1>,
}

impl<B: Backend> StyleGeneratorLosses<B> {
    /// What G, F and E minimise (eq. 5).
    pub fn total(&self, weights: &StyleLossWeights) -> Tensor<B, 1> {
        self.fake.clone() + self.style.clone() * weights.style + self.cycle.clone() * weights.cycle
            - self.diversity.clone() * weights.diversity
    }

    /// The terms by name.
    pub fn terms(&self) -> Vec<(&'static str, Tensor<B, 1>)> {
        let Self { fake, style, diversity, cycle } = self.clone();
        vec![("g/fake", fake), ("g/style", style), ("g/diversity", diversity), ("g/cycle", cycle)]
    }

    /// The terms in the order of [`terms`](Self::terms).
    pub(crate) fn terms_mut(&mut self) -> Vec<&mut Tensor<B, 1>> {
        let Self { fake, style, diversity, cycle } = self;
        vec![fake, style, diversity, cycle]
    }
}
