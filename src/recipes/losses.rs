//! The terms of the objectives (paper Section 3.1) and their weights.

use burn::tensor::Tensor;
use burn::tensor::activation;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::labels::space::LabelKind;
use crate::nn::ops;
use crate::recipes::penalty::Penalty;

/// The adversarial objective: what D and G make of the realness map. D's terms are `r` of real images and `f` of
/// translated ones.
///
/// Which [`Penalty`] goes with it is chosen independently; [`usual_penalty`](Self::usual_penalty) says what
/// people take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Objective {
    /// D minimises `-E[r] + E[f]`, G minimises `-E[f]` (eq. 8).
    #[default]
    Wasserstein,
    /// Binary cross-entropy with real 1 and fake 0 (eq. 1); G minimises `E[log(1 - sigmoid(f))]`, whose gradient
    /// vanishes where D is sure.
    Minimax,
    /// The same for D; G non-saturating: the binary cross-entropy of fake to 1.
    Vanilla,
    /// Least squares (LSGAN): `(r - 1)^2` and `f^2`; G minimises `(f - 1)^2`.
    Lsgan,
    /// `max(0, 1 - r)` and `max(0, 1 + f)`; G minimises `-f`.
    Hinge,
}

impl Objective {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Wasserstein, Self::Minimax, Self::Vanilla, Self::Lsgan, Self::Hinge];

    /// The penalty it is used with when none is named: WGAN-GP for Wasserstein, whose critic needs one, none
    /// for the others.
    pub fn usual_penalty(self) -> Penalty {
        match self {
            Self::Wasserstein => Penalty::WganGp,
            _ => Penalty::None,
        }
    }

    /// D's term on the realness `[N, 1, h, w]` of real images; a scalar `[1]`.
    pub fn real<B: Backend>(self, realness: Tensor<B, 4>) -> Tensor<B, 1> {
        match self {
            Self::Wasserstein => realness.neg(),
            Self::Minimax | Self::Vanilla => ops::log_sigmoid(realness).neg(),
            Self::Lsgan => (realness - 1.0).square(),
            Self::Hinge => activation::relu(realness.neg() + 1.0),
        }
        .mean()
    }

    /// D's term on the realness `[N, 1, h, w]` of translated images; a scalar `[1]`.
    pub fn fake<B: Backend>(self, realness: Tensor<B, 4>) -> Tensor<B, 1> {
        match self {
            Self::Wasserstein => realness,
            Self::Minimax | Self::Vanilla => ops::log_sigmoid(realness.neg()).neg(),
            Self::Lsgan => realness.square(),
            Self::Hinge => activation::relu(realness + 1.0),
        }
        .mean()
    }

    /// G's term on the realness `[N, 1, h, w]` of its translations; a scalar `[1]`.
    pub fn generator<B: Backend>(self, realness: Tensor<B, 4>) -> Tensor<B, 1> {
        match self {
            Self::Wasserstein | Self::Hinge => realness.neg(),
            Self::Minimax => ops::log_sigmoid(realness.neg()),
            Self::Vanilla => ops::log_sigmoid(realness).neg(),
            Self::Lsgan => (realness - 1.0).square(),
        }
        .mean()
    }
}

/// The domain classification loss (eqs. 2 and 3) of `logits` `[N, W]` for labels `[N, W]`; a scalar
/// `[1]`. Attributes: binary cross-entropy with logits, summed over the attributes and averaged over
/// the batch. Classes: softmax cross-entropy, averaged over the batch.
pub fn domain_loss<B: Backend>(
    kind: LabelKind,
    logits: Tensor<B, 2>,
    labels: Tensor<B, 2>,
) -> Tensor<B, 1> {
    let per_label = match kind {
        // -(z log s(l) + (1 - z) log s(-l)) with log s(-l) = log s(l) - l.
        LabelKind::Attributes => (labels.neg() + 1.0) * logits.clone() - ops::log_sigmoid(logits),
        LabelKind::Classes => labels.neg() * ops::log_softmax(logits),
    };
    per_label.sum_dim(1).mean()
}

/// The mean absolute difference of two image batches (eq. 4); a scalar `[1]`.
pub fn reconstruction_loss<B: Backend>(
    images: Tensor<B, 4>,
    reconstructed: Tensor<B, 4>,
) -> Tensor<B, 1> {
    (images - reconstructed).abs().mean()
}

/// An identity term for the first iterations of a run: `weight * E[||x - G(x, c')||_1]`.
///
/// Cycle consistency also likes solutions that invert the colours and invert them back; this term
/// (CycleGAN's idea, not the paper's) keeps G from starting towards one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityWarmup {
    /// The term's weight, 10 by default.
    pub weight: f64,
    /// The last iteration that has the term, 500 by default; iterations count from 1.
    pub last_iteration: u64,
}

impl Default for IdentityWarmup {
    fn default() -> Self {
        Self { weight: 10.0, last_iteration: 500 }
    }
}

/// The weights of the loss terms; the defaults are the paper's (the adversarial term has weight 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    /// `lambda_cls`, of the domain classification loss in both networks: 1.
    pub domain: f64,
    /// `lambda_rec`, of the reconstruction loss: 10.
    pub reconstruction: f64,
    /// `lambda_gp`, of the gradient penalty: 10.
    pub penalty: f64,
    /// The identity warm-up; none in the paper.
    pub identity: Option<IdentityWarmup>,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self { domain: 1.0, reconstruction: 10.0, penalty: 10.0, identity: None }
    }
}

impl LossWeights {
    /// Checks that every weight is finite and not negative.
    ///
    /// # Errors
    /// [`Error::Config`] naming the weight.
    pub fn check(&self) -> Result<()> {
        let identity = self.identity.map_or(0.0, |identity| identity.weight);
        for (name, weight) in [
            ("domain", self.domain),
            ("reconstruction", self.reconstruction),
            ("penalty", self.penalty),
            ("identity", identity),
        ] {
            if !weight.is_finite() || weight < 0.0 {
                return Err(Error::Config(format!(
                    "the {name} loss weight is {weight}; it must be finite and at least 0"
                )));
            }
        }
        Ok(())
    }

    /// The identity term's weight at `iteration` (counted from 1), or none when it is over.
    pub fn identity_at(&self, iteration: u64) -> Option<f64> {
        self.identity
            .filter(|identity| identity.weight > 0.0 && iteration <= identity.last_iteration)
            .map(|identity| identity.weight)
    }
}

/// The discriminator's loss terms, unweighted scalars `[1]`.
#[derive(Clone, Debug)]
pub struct DiscriminatorLosses<B: Backend> {
    /// The adversarial term on real images.
    pub real: Tensor<B, 1>,
    /// The adversarial term on translated images.
    pub fake: Tensor<B, 1>,
    /// `L_cls^r`: domain classification of real images.
    pub domain: Tensor<B, 1>,
    /// The gradient penalty, where the configuration has one.
    pub penalty: Option<Tensor<B, 1>>,
}

impl<B: Backend> DiscriminatorLosses<B> {
    /// `L_D` (eq. 5): the weighted sum that D minimises.
    pub fn total(&self, weights: &LossWeights) -> Tensor<B, 1> {
        let total = self.real.clone() + self.fake.clone() + self.domain.clone() * weights.domain;
        match &self.penalty {
            Some(penalty) => total + penalty.clone() * weights.penalty,
            None => total,
        }
    }

    /// The terms by name.
    pub fn terms(&self) -> Vec<(&'static str, Tensor<B, 1>)> {
        let Self { real, fake, domain, penalty } = self.clone();
        let mut terms = vec![("d/real", real), ("d/fake", fake), ("d/domain", domain)];
        terms.extend(penalty.map(|penalty| ("d/penalty", penalty)));
        terms
    }

    /// The terms in the order of [`terms`](Self::terms).
    pub(crate) fn terms_mut(&mut self) -> Vec<&mut Tensor<B, 1>> {
        let Self { real, fake, domain, penalty } = self;
        [real, fake, domain].into_iter().chain(penalty).collect()
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
    /// `L_G` (eq. 6): the weighted sum that G minimises; `identity` is the identity term's weight.
    pub fn total(&self, weights: &LossWeights, identity: Option<f64>) -> Tensor<B, 1> {
        let total = self.fake.clone()
            + self.domain.clone() * weights.domain
            + self.reconstruction.clone() * weights.reconstruction;
        match (&self.identity, identity) {
            (Some(term), Some(weight)) => total + term.clone() * weight,
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

/// Loss terms by name (`d/...`, `g/...`), read from the device.
pub type NamedLosses = Vec<(&'static str, f32)>;

/// The values of `terms`, in one transfer.
pub(crate) fn read<B: Backend>(terms: Vec<(&'static str, Tensor<B, 1>)>) -> NamedLosses {
    let (names, values): (Vec<_>, Vec<_>) = terms.into_iter().unzip();
    names.into_iter().zip(Tensor::cat(values, 0).into_data().iter::<f32>()).collect()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::ElementConversion;

    use super::*;

    /// float32 rounding of a handful of operations on values around 1.
    const TOLERANCE: f32 = 1e-6;

    fn logits<const N: usize>(rows: [[f32; N]; 2]) -> Tensor<Flex, 2> {
        Tensor::from_data(rows, &Default::default())
    }

    fn close(found: Tensor<Flex, 1>, expected: f64) {
        let found: f32 = found.into_scalar().elem();
        let error = (found - expected as f32).abs();
        assert!(error <= TOLERANCE * (expected as f32).abs().max(1.0), "{found} is not {expected}");
    }

    fn softplus(x: f64) -> f64 {
        x.exp().ln_1p()
    }

    #[test]
    fn attributes_are_summed_over_attributes_and_averaged_over_images() {
        let loss = domain_loss(
            LabelKind::Attributes,
            logits([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]]),
            logits([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]),
        );
        let first = softplus(-1.0) + softplus(-2.0) + softplus(0.5);
        let second = softplus(0.0) + softplus(-3.0) + softplus(-1.0);
        close(loss, (first + second) / 2.0);
    }

    #[test]
    fn classes_are_averaged_over_images() {
        let loss = domain_loss(
            LabelKind::Classes,
            logits([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]]),
            logits([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
        );
        let normaliser = |row: [f64; 3]| row.iter().map(|logit| logit.exp()).sum::<f64>().ln();
        let first = normaliser([1.0, -2.0, 0.5]) - 0.5;
        let second = normaliser([0.0, 3.0, -1.0]) - 3.0;
        close(loss, (first + second) / 2.0);
    }

    #[test]
    fn confident_logits_do_not_overflow() {
        for (logit, label, expected) in
            [(200.0, 1.0, 0.0), (200.0, 0.0, 200.0), (-200.0, 1.0, 200.0)]
        {
            let loss =
                domain_loss(LabelKind::Attributes, logits([[logit]; 2]), logits([[label]; 2]));
            close(loss, expected);
        }
        for (value, real, fake) in [(200.0, 0.0, 200.0), (-200.0, 200.0, 0.0)] {
            for objective in [Objective::Minimax, Objective::Vanilla] {
                close(objective.real(map([value; 4])), real);
                close(objective.fake(map([value; 4])), fake);
            }
            close(Objective::Vanilla.generator(map([value; 4])), real);
            close(Objective::Minimax.generator(map([value; 4])), -fake);
        }
    }

    fn map(values: [f32; 4]) -> Tensor<Flex, 4> {
        Tensor::<Flex, 1>::from_floats(values, &Default::default()).reshape([1, 1, 2, 2])
    }

    #[test]
    fn objectives_are_means_over_patches() {
        let patches = [-2.0_f32, 0.5, 1.5, -0.25];
        let mean =
            |term: fn(f64) -> f64| patches.iter().map(|p| term(f64::from(*p))).sum::<f64>() / 4.0;
        type Term = fn(f64) -> f64;
        let expected: [(Objective, [Term; 3]); 5] = [
            (Objective::Wasserstein, [|r| -r, |f| f, |f| -f]),
            (Objective::Minimax, [|r| softplus(-r), softplus, |f| -softplus(f)]),
            (Objective::Vanilla, [|r| softplus(-r), softplus, |f| softplus(-f)]),
            (Objective::Lsgan, [|r| (r - 1.0).powi(2), |f| f * f, |f| (f - 1.0).powi(2)]),
            (Objective::Hinge, [|r| (1.0 - r).max(0.0), |f| (1.0 + f).max(0.0), |f| -f]),
        ];
        assert_eq!(expected.map(|(objective, _)| objective), Objective::ALL);
        for (objective, [real, fake, generator]) in expected {
            close(objective.real(map(patches)), mean(real));
            close(objective.fake(map(patches)), mean(fake));
            close(objective.generator(map(patches)), mean(generator));
        }
    }

    #[test]
    fn the_identity_term_ends_with_its_warm_up() {
        let warmup = IdentityWarmup { weight: 3.0, last_iteration: 5 };
        let weights = LossWeights { identity: Some(warmup), ..LossWeights::default() };
        assert_eq!([1, 5, 6].map(|i| weights.identity_at(i)), [Some(3.0), Some(3.0), None]);
        assert_eq!(LossWeights::default().identity_at(1), None);
        let off = IdentityWarmup { weight: 0.0, last_iteration: 5 };
        assert_eq!(LossWeights { identity: Some(off), ..weights }.identity_at(1), None);
    }

    #[test]
    fn bad_weights_are_named() {
        for value in [-1.0, f64::NAN, f64::INFINITY] {
            let weights = LossWeights { penalty: value, ..LossWeights::default() };
            let error = weights.check().unwrap_err().to_string();
            assert!(error.contains("the penalty loss weight is"), "{error}");
        }
    }
}
