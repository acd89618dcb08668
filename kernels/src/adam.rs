//! Adam's update in one pass over memory.

use pulp::Arch;
use rayon::prelude::*;

use crate::adam_step::AdamStep;

/// Values that one task updates: enough to be worth a task, few enough for the second cache.
const BLOCK: usize = 1 << 14;

/// The exponent bits, all of which are set in infinities and NaN only.
const INFINITY: u32 = f32::INFINITY.to_bits();

/// The new values, and whether they and the running means are finite, which are updated in place.
/// All slices have one length.
pub fn update(
    [value, gradient]: [&[f32]; 2],
    [first, second]: [&mut [f32]; 2],
    step: AdamStep,
) -> (Vec<f32>, bool) {
    let mut updated = vec![0.0; value.len()];
    let finite = updated
        .par_chunks_mut(BLOCK)
        .zip(value.par_chunks(BLOCK))
        .zip(gradient.par_chunks(BLOCK))
        .zip(first.par_chunks_mut(BLOCK).zip(second.par_chunks_mut(BLOCK)))
        .map(|(((updated, value), gradient), (first, second))| {
            let AdamStep { decays: [beta1, beta2], root, epsilon, rate } = step;
            let [rest1, rest2] = [1.0 - beta1, 1.0 - beta2].map(|rest| rest as f32);
            let [beta1, beta2, root, epsilon, rate] =
                [beta1, beta2, root, epsilon, rate].map(|constant| constant as f32);
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    let means = first.iter_mut().zip(second);
                    let values = updated.iter_mut().zip(value).zip(gradient);
                    // By bits: an OR has no order, so the loop can be vectorised.
                    let mut infinite = false;
                    for (((updated, value), gradient), (first, second)) in values.zip(means) {
                        *first = *first * beta1 + gradient * rest1;
                        *second = *second * beta2 + gradient * gradient * rest2;
                        let denominator = second.sqrt() / root + epsilon;
                        *updated = value - *first / denominator * rate;
                        // What is not finite in the gradient is not in its square's mean.
                        infinite |= second.to_bits() & INFINITY == INFINITY;
                        infinite |= updated.to_bits() & INFINITY == INFINITY;
                    }
                    !infinite
                },
            )
        })
        .reduce(|| true, |all, block| all & block);
    (updated, finite)
}
