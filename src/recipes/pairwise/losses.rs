//! The loss terms of one direction of translation.

use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use crate::nn::discriminator::Discriminator;
use crate::recipes::losses::{LossWeights, NamedLosses, Objective, read};
use crate::engine::recipe::{StepTerms, plain};

/// The terms of the discriminator that judges where a direction leads, unweighted scalars `[1]`.
#[derive(Clone, Debug)]
pub struct DiscriminatorLosses<B: Backend> {
    /// The adversarial term on real images.
    pub real: Tensor<B, 1>,
    /// The adversarial term on translated images.
    pub fake: Tensor<B, 1>,
}

impl<B: AutodiffBackend> DiscriminatorLosses<B> {
    /// The terms under `objective`, given `real` and `fake` `[N, C, S, S]` without a graph.
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

impl<B: Backend> DiscriminatorLosses<B> {
    /// What D minimises: half of the sum, which slows D down beside G (pix2pix, section 3.3; CycleGAN, section 7).
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
pub struct GeneratorLosses<B: Backend> {
    /// The adversarial term on its translations.
    pub fake: Tensor<B, 1>,
    /// The mean absolute difference of what should be equal: of an image and its cycle through both directions
    /// (CycleGAN, eq. 2), or of a translation and its truth (pix2pix, eq. 3).
    pub reconstruction: Tensor<B, 1>,
    /// The mean absolute difference of an image of the target domain and its translation (CycleGAN, section
    /// 5.2), where it is asked for.
    pub identity: Option<Tensor<B, 1>>,
}

impl<B: Backend> GeneratorLosses<B> {
    /// What G minimises: `fake + reconstruction * weights.reconstruction`, and the identity term times
    /// `identity`.
    pub fn total(&self, weights: &LossWeights, identity: Option<f64>) -> Tensor<B, 1> {
        let total = self.fake.clone() + self.reconstruction.clone() * weights.reconstruction;
        match (&self.identity, identity) {
            (Some(term), Some(weight)) => total + term.clone() * weight,
            _ => total,
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

/// What one iteration has computed for a direction.
#[derive(Clone, Debug)]
pub struct DirectionLosses<B: AutodiffBackend> {
    /// Which one, in the recipe's order.
    pub direction: usize,
    /// The terms of its discriminator.
    pub discriminator: DiscriminatorLosses<B>,
    /// The terms of its generator.
    pub generator: GeneratorLosses<B>,
    /// For both networks, D first, a `[1]` that is finite if the gradient is.
    pub(super) gradients: [Option<Tensor<B::InnerBackend, 1>>; 2],
    /// Whether the generator's update comes before the discriminator's.
    pub(super) generator_first: bool,
}

impl<B: AutodiffBackend> StepTerms<B> for DirectionLosses<B> {
    fn part(&self) -> usize {
        self.direction
    }

    fn losses(&self) -> Vec<(&'static str, Tensor<B::InnerBackend, 1>)> {
        plain(self.discriminator.terms()).chain(plain(self.generator.terms())).collect()
    }

    fn terms(&self) -> Vec<(&'static str, Tensor<B::InnerBackend, 1>)> {
        let [d, g] = self.gradients.clone();
        let d = d.map(|finite| ("d/gradient", finite));
        let g = g.map(|finite| ("g/gradient", finite));
        let d: Vec<_> = plain(self.discriminator.terms()).chain(d).collect();
        let g: Vec<_> = plain(self.generator.terms()).chain(g).collect();
        if self.generator_first { [g, d].concat() } else { [d, g].concat() }
    }
}
