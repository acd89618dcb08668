//! Instance norm, with the ReLU after it, on host slices.

use pulp::Arch;
use rayon::prelude::*;

/// Independent partial sums, for the vectoriser and for accuracy.
const LANES: usize = 32;

/// A plane's mean and the reciprocal of its standard deviation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    mean: f32,
    scale: f32,
}

/// What a norm does with its statistics.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// What each channel is multiplied by.
    pub gamma: &'a [f32],
    /// What is added to each channel after that.
    pub beta: &'a [f32],
    /// Whether ReLU follows.
    pub relu: bool,
    /// What is added to the variance.
    pub epsilon: f32,
}

/// Normalises `x` `[N, C, area]` plane by plane.
pub fn normalise(x: &[f32], area: usize, affine: Affine<'_>) -> (Vec<f32>, Vec<Statistics>) {
    let channels = affine.gamma.len();
    let mut y = vec![0.0; x.len()];
    let mut statistics = vec![Statistics::default(); x.len() / area];
    y.par_chunks_mut(area)
        .zip(x.par_chunks(area))
        .zip(statistics.par_iter_mut())
        .with_min_len(8)
        .enumerate()
        .for_each(|(index, ((y, x), statistics))| {
            let channel = index % channels;
            let (gamma, beta) = (affine.gamma[channel], affine.beta[channel]);
            let floor = if affine.relu { 0.0 } else { f32::NEG_INFINITY };
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    let mean = sum(x, |x| x) / area as f32;
                    let variance = sum(x, |x| (x - mean) * (x - mean)) / area as f32;
                    let scale = (variance + affine.epsilon).sqrt().recip();
                    *statistics = Statistics { mean, scale };
                    let factor = scale * gamma;
                    for (y, x) in y.iter_mut().zip(x) {
                        *y = ((x - mean) * factor + beta).max(floor);
                    }
                },
            );
        });
    (y, statistics)
}

/// The gradients of [`normalise`]'s input, gamma and beta, given its output's.
pub fn normalise_backward(
    x: &[f32],
    area: usize,
    affine: Affine<'_>,
    statistics: &[Statistics],
    gradient: &[f32],
) -> [Vec<f32>; 3] {
    let channels = affine.gamma.len();
    let mut input_gradient = vec![0.0; x.len()];
    let mut sums = vec![[0.0f32; 2]; statistics.len()];
    input_gradient
        .par_chunks_mut(area)
        .zip(x.par_chunks(area))
        .zip(gradient.par_chunks(area))
        .zip(sums.par_iter_mut())
        .with_min_len(8)
        .enumerate()
        .for_each(|(index, (((dx, x), dy), sums))| {
            let channel = index % channels;
            let (gamma, beta) = (affine.gamma[channel], affine.beta[channel]);
            let Statistics { mean, scale } = statistics[index];
            let relu = affine.relu;
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    // The gradient before ReLU, where the output was positive.
                    for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                        let open = !relu || (x - mean) * (scale * gamma) + beta > 0.0;
                        *dx = if open { *dy } else { 0.0 };
                    }
                    let total = sum(dx, |dy| dy);
                    let weighted = sum_of_products(dx, x, |dy, x| dy * (x - mean)) * scale;
                    *sums = [weighted, total];
                    let (mean_dy, mean_weighted) = (total / area as f32, weighted / area as f32);
                    for (dx, x) in dx.iter_mut().zip(x) {
                        let normalised = (x - mean) * scale;
                        *dx = (*dx - mean_dy - normalised * mean_weighted) * (scale * gamma);
                    }
                },
            );
        });
    let mut gamma = vec![0.0; channels];
    let mut beta = vec![0.0; channels];
    for image in sums.chunks_exact(channels) {
        for (([weighted, total], gamma), beta) in image.iter().zip(&mut gamma).zip(&mut beta) {
            *gamma += weighted;
            *beta += total;
        }
    }
    [input_gradient, gamma, beta]
}

/// The sum of a term over all values.
#[inline(always)]
pub(crate) fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut partial = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (partial, value) in partial.iter_mut().zip(block) {
            *partial += term(*value);
        }
    }
    partial.iter().sum::<f32>() + rest.iter().map(|value| term(*value)).sum::<f32>()
}

#[inline(always)]
fn sum_of_products(left: &[f32], right: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut partial = [0.0; LANES];
    let ((left, left_rest), (right, right_rest)) =
        (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    for (left, right) in left.iter().zip(right) {
        for i in 0..LANES {
            partial[i] += term(left[i], right[i]);
        }
    }
    let rest = left_rest.iter().zip(right_rest).map(|(left, right)| term(*left, *right));
    partial.iter().sum::<f32>() + rest.sum::<f32>()
}
