//! The loss terms of one direction of translation.

use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use crate::nn::discriminator::Discriminator;
use crate::recipes::losses::{NamedLosses, read};
use crate::recipes::objective::Objective;

/// The terms of the discriminator that judges where a direction leads, unweighted scalars `[1]`.
#[derive(Clone, Debug)]
pub struct CriticLosses<B: Backend> {
    /// The adversarial term on real images.
    pub real: Tensor<B, 1>,
    /// The adversarial term on translated images.
    pub fake: Tensor<B, 1>,
}

impl<B: AutodiffBackend> CriticLosses<B> {
    /// The terms under `objective`, given `real` and `fake` `[N, C, H, W]` without a graph.
    pub fn new(
        discriminator: &Discriminator<B>,
        real: Tensor<B::InnerBackend, 4>,
        fake: Tensor<B::InnerBackend, 4>,
        objective: Objective,
    ) -> Self {
        let realness = |images| discriminator.realness(Tensor::from_inner(images));
        Self { real: objective.real(realness(real)), fake: objective.fake(realness(fake)) }
    }
}

impl<B: Backend> CriticLosses<B> {
    /// What D minimises: half of the sum, which slows D down beside G (pix2pix, section 3.3;
    /// CycleGAN, section 7).
    pub fn total(&self) -> Tensor<B, 1> {
        (self.real.clone() + self.fake.clone()) * 0.5
    }

    /// The terms by name.
    pub fn terms(&self) -> Vec<(&'static str, Tensor<B, 1>)> {
        let Self { real, fake } = self.clone();
        vec![("d/real", real), ("d/fake", fake)]
    }

    /// The terms by name, read from the device.
    pub fn named(&self) -> NamedLosses {
        read(self.terms())
    }
}

/// The terms of a direction's generator, unweighted scalars `[1]`.
#[derive(Clone, Debug)]
pub struct DirectionLosses<B: Backend> {
    /// The adversarial term on its translations.
    pub fake: Tensor<B, 1>,
    /// The mean absolute difference of what should be equal: of an image and its cycle through both
    /// directions (CycleGAN, eq. 2), or of a translation and its truth (pix2pix, eq. 3).
    pub reconstruction: Tensor<B, 1>,
    /// The mean absolute difference of an image of the target domain and its translation (CycleGAN,
    /// section 5.2), where it is asked for.
    pub identity: Option<Tensor<B, 1>>,
}

impl<B: Backend> DirectionLosses<B> {
    /// What G minimises: `fake`, and the other terms times their weights.
    pub fn total(&self, reconstruction: f64, identity: f64) -> Tensor<B, 1> {
        let total = self.fake.clone() + self.reconstruction.clone() * reconstruction;
        match &self.identity {
            Some(term) => total + term.clone() * identity,
            None => total,
        }
    }

    /// The terms by name.
    pub fn terms(&self) -> Vec<(&'static str, Tensor<B, 1>)> {
        let Self { fake, reconstruction, identity } = self.clone();
        let mut terms = vec![("g/fake", fake), ("g/reconstruction", reconstruction)];
        terms.extend(identity.map(|identity| ("g/identity", identity)));
        terms
    }

    /// The terms by name, read from the device.
    pub fn named(&self) -> NamedLosses {
        read(self.terms())
    }
}
