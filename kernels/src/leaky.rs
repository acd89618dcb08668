//! The gradients of LeakyReLU and of a bias, on host slices.

use pulp::Arch;
use rayon::prelude::*;

use crate::norm::sum;

/// Values that one task works on.
const BLOCK: usize = 1 << 14;

/// The gradient of LeakyReLU's input, given the output's and the output, which has the input's
/// sign.
pub fn leaky_gradient(gradient: &[f32], output: &[f32], slope: f32) -> Vec<f32> {
    let mut before = vec![0.0; gradient.len()];
    let blocks = gradient.par_chunks(BLOCK).zip(output.par_chunks(BLOCK));
    before.par_chunks_mut(BLOCK).zip(blocks).for_each(|(before, (gradient, output))| {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for ((before, gradient), output) in before.iter_mut().zip(gradient).zip(output) {
                    *before = if *output > 0.0 { *gradient } else { gradient * slope };
                }
            },
        );
    });
    before
}

/// The sums of a tensor `[N, channels, area]` over all but its channels.
pub fn channel_sums(values: &[f32], channels: usize, area: usize) -> Vec<f32> {
    let of_channel = |channel: usize| {
        let planes = values.chunks_exact(area).skip(channel).step_by(channels);
        Arch::new().dispatch(
            #[inline(always)]
            || planes.map(|plane| sum(plane, |value| value)).sum::<f32>(),
        )
    };
    (0..channels).into_par_iter().map(of_channel).collect()
}
