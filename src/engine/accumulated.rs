//! The losses and gradients of a batch, from those of its parts.

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::engine::learner::Gradients;

/// The mean of what `parts` of equally many images each have computed: loss terms, which `terms`
/// finds, and gradients. What there is one part of is left as it is.
///
/// # Panics
/// When there is no part.
pub(crate) fn mean<B: AutodiffBackend, L>(
    parts: impl ExactSizeIterator<Item = (L, Gradients<B>)>,
    terms: impl Fn(&mut L) -> Vec<&mut Tensor<B, 1>>,
) -> (L, Gradients<B>) {
    let share = 1.0 / parts.len() as f64;
    let add = |(mut losses, gradients): (L, Gradients<B>), (mut more, added): (L, Gradients<B>)| {
        for (term, more) in terms(&mut losses).into_iter().zip(terms(&mut more)) {
            // Their graphs have done their work.
            *term = term.clone().detach() + more.clone().detach();
        }
        let sum = gradients.into_iter().zip(added).map(|(sum, more)| sum + more).collect();
        (losses, sum)
    };
    let (mut losses, gradients) = parts.reduce(add).expect("a part");
    if share == 1.0 {
        return (losses, gradients);
    }
    terms(&mut losses).into_iter().for_each(|term| *term = term.clone() * share);
    (losses, gradients.into_iter().map(|sum| sum * share).collect())
}
