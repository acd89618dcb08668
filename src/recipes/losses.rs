//! The loss terms that recipes share: domain classification and reconstruction.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::error::shown::number;
use crate::error::{Error, Result};
use crate::labels::space::LabelKind;
use crate::nn::ops;

/// The domain classification loss (eqs. 2 and 3) of `logits` `[N, W]` for labels `[N, W]`; a scalar
/// `[1]`. Attributes: binary cross-entropy with logits, summed over the attributes and averaged
/// over the batch. Classes: softmax cross-entropy, averaged over the batch.
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
    ops::mean_of_few(per_label.sum_dim(1))
}

/// The mean absolute difference of two image batches (eq. 4); a scalar `[1]`.
pub fn reconstruction_loss<B: Backend>(
    images: Tensor<B, 4>,
    reconstructed: Tensor<B, 4>,
) -> Tensor<B, 1> {
    (images - reconstructed).abs().mean()
}

/// Whether a term that not every run has is computed, which may cost another pass through a
/// network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionalTerm {
    /// It is among the losses.
    Computed,
    /// There is none.
    LeftOut,
}

impl OptionalTerm {
    /// Computed when `wanted`.
    pub(crate) fn when(wanted: bool) -> Self {
        if wanted { Self::Computed } else { Self::LeftOut }
    }

    /// What `compute` gives, unless the term is left out.
    pub(crate) fn then<T>(self, compute: impl FnOnce() -> T) -> Option<T> {
        (self == Self::Computed).then(compute)
    }
}

/// Checks the weight of a loss term.
///
/// # Errors
/// [`Error::Config`] when it is negative or not finite in the 32 bits that losses have.
pub(crate) fn check_weight(name: &str, weight: f64) -> Result<()> {
    check_factor(&format!("{name} loss weight"), weight)
}

/// The same of anything else that a term is multiplied by.
pub(crate) fn check_factor(name: &str, factor: f64) -> Result<()> {
    if factor >= 0.0 && (factor as f32).is_finite() {
        return Ok(());
    }
    Err(Error::Config(format!(
        "the {name} is {}; it must be at least 0 and finite in 32 bits",
        number(factor)
    )))
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
    }
}
