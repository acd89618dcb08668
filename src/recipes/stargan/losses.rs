//! The terms of `L_D` and `L_G` (eqs. 5 and 6), named, and their weighted sums.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::recipes::losses::{NamedLosses, read};
use crate::recipes::stargan::weights::LossWeights;

/// The discriminator's loss terms, unweighted scalars `[1]`.
#[derive(Clone, Debug)]
pub struct DiscriminatorLosses<B: Backend> {
    /// The adversarial term on real images.
    pub real: Tensor<B, 1>,
    /// The adversarial term on translated images.
    pub fake: Tensor<B, 1>,
    /// `L_cls^r`: domain classification of real images.
    pub domain: Tensor<B, 1>,
    /// The domain classification of translated images as what they were before, which the paper
    /// doesn't have; where its [share](LossWeights::fake_domain) is not 0.
    pub fake_domain: Option<Tensor<B, 1>>,
    /// The gradient penalty, where the configuration has one.
    pub penalty: Option<Tensor<B, 1>>,
}

impl<B: Backend> DiscriminatorLosses<B> {
    /// `L_D` (eq. 5): the weighted sum that D minimises.
    pub fn total(&self, weights: &LossWeights) -> Tensor<B, 1> {
        let total = self.real.clone() + self.fake.clone() + self.domain.clone() * weights.domain;
        let fake_domain = weights.fake_domain * weights.domain;
        let optional = [(&self.fake_domain, fake_domain), (&self.penalty, weights.penalty)];
        optional.into_iter().fold(total, |total, (term, weight)| match term {
            Some(term) => total + term.clone() * weight,
            None => total,
        })
    }

    /// The terms by name.
    pub fn terms(&self) -> Vec<(&'static str, Tensor<B, 1>)> {
        let Self { real, fake, domain, fake_domain, penalty } = self.clone();
        let mut terms = vec![("d/real", real), ("d/fake", fake), ("d/domain", domain)];
        terms.extend(fake_domain.map(|term| ("d/fake-domain", term)));
        terms.extend(penalty.map(|penalty| ("d/penalty", penalty)));
        terms
    }

    /// The terms in the order of [`terms`](Self::terms).
    pub(crate) fn terms_mut(&mut self) -> Vec<&mut Tensor<B, 1>> {
        let Self { real, fake, domain, fake_domain, penalty } = self;
        [real, fake, domain].into_iter().chain(fake_domain).chain(penalty).collect()
    }

    /// The terms by name, read from the device.
    pub fn named(&self) -> NamedLosses {
        read(self.terms())
    }
}

/// The generator's loss terms, unweighted scalars `[1]`.
#[derive(Clone, Debug)]
pub struct GeneratorLosses<B: Backend> {
    /// The adversarial term on translated images.
    pub fake: Tensor<B, 1>,
    /// `L_cls^f`: domain classification of translated images.
    pub domain: Tensor<B, 1>,
    /// `L_rec`: the cycle back to the source domain.
    pub reconstruction: Tensor<B, 1>,
    /// The identity term, while the warm-up lasts.
    pub identity: Option<Tensor<B, 1>>,
}

impl<B: Backend> GeneratorLosses<B> {
    /// `L_G` (eq. 6): the weighted sum that G minimises, with the weights
    /// [of an iteration](LossWeights::at).
    pub fn total(&self, weights: &LossWeights) -> Tensor<B, 1> {
        let total = self.fake.clone()
            + self.domain.clone() * weights.domain
            + self.reconstruction.clone() * weights.reconstruction;
        match (&self.identity, weights.identity) {
            (Some(term), Some(identity)) => total + term.clone() * identity.weight,
            _ => total,
        }
    }

    /// The terms by name.
    pub fn terms(&self) -> Vec<(&'static str, Tensor<B, 1>)> {
        let Self { fake, domain, reconstruction, identity } = self.clone();
        let mut terms =
            vec![("g/fake", fake), ("g/domain", domain), ("g/reconstruction", reconstruction)];
        terms.extend(identity.map(|identity| ("g/identity", identity)));
        terms
    }

    /// The terms in the order of [`terms`](Self::terms).
    pub(crate) fn terms_mut(&mut self) -> Vec<&mut Tensor<B, 1>> {
        let Self { fake, domain, reconstruction, identity } = self;
        [fake, domain, reconstruction].into_iter().chain(identity).collect()
    }

    /// The terms by name, read from the device.
    pub fn named(&self) -> NamedLosses {
        read(self.terms())
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::ElementConversion;

    use super::*;

    #[test]
    fn translations_teach_the_domain_head_by_a_share_of_the_domain_weight() {
        let term = |value: f32| Tensor::<Flex, 1>::from_floats([value], &Default::default());
        let losses = DiscriminatorLosses {
            real: term(-1.0),
            fake: term(2.0),
            domain: term(4.0),
            fake_domain: Some(term(8.0)),
            penalty: Some(term(0.25)),
        };
        let weights = LossWeights { domain: 0.5, fake_domain: 0.3, ..LossWeights::default() };
        // -1 + 2 + 0.5 * 4 + 0.3 * 0.5 * 8 + 10 * 0.25
        let total: f32 = losses.total(&weights).into_scalar().elem();
        assert!((total - 6.7).abs() < 1e-5, "{total}");
        let without = DiscriminatorLosses { fake_domain: None, ..losses };
        let total: f32 = without.total(&weights).into_scalar().elem();
        assert!((total - 5.5).abs() < 1e-5, "{total}");
    }
}
