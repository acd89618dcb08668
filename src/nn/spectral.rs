//! Spectral normalisation (Miyato et al., 2018, arXiv:1802.05957): a weight divided by its largest
//! singular value, which bounds a layer's slope by one.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::Rng;

/// Keeps roots differentiable at 0.
const EPSILON: f64 = 1e-12;

/// Iterations that a fresh weight gets, as many as PyTorch gives it; a training step has one more.
const FIRST_ITERATIONS: usize = 15;

/// The estimate of a weight's first left singular vector, of the weight as a matrix of one row per
/// output.
///
/// It is stored as a parameter, so that modules and files hold it; every use is detached, so it has
/// no gradient and Adam does not change it.
#[derive(Module, Debug)]
pub(crate) struct Spectral<B: Backend> {
    /// `u`, `[outputs]`, of length 1.
    pub direction: Param<Tensor<B, 1>>,
}

impl<B: Backend> Spectral<B> {
    /// The estimate for `weight` from a random start.
    pub fn init(weight: Tensor<B, 4>, rng: &mut impl Rng) -> Self {
        let [outputs, ..] = weight.dims();
        let start: Vec<f32> = (0..outputs).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
        let start = TensorData::new(start, [outputs]);
        let mut spectral = Self { direction: Param::from_data(start, &weight.device()) };
        for _ in 0..FIRST_ITERATIONS {
            spectral.advance(weight.clone());
        }
        spectral
    }

    /// `weight` divided by the estimate of its largest singular value, `|u W|`.
    // With u and v = u W / |u W| held constant, u W v and |u W| have the same value and the same
    // gradient, u v'.
    pub fn normalise(&self, weight: Tensor<B, 4>) -> Tensor<B, 4> {
        let largest = length(self.row().matmul(matrix(weight.clone())));
        weight / largest.unsqueeze::<4>()
    }

    /// One power iteration: `v = u W / |u W|`, then `u = W v / |W v|`.
    pub fn advance(&mut self, weight: Tensor<B, 4>) {
        let weight = matrix(weight.detach());
        let v = unit(self.row().matmul(weight.clone()));
        let u = unit(weight.matmul(v.transpose()));
        self.direction = self.direction.clone().map(|_| u.squeeze_dim(1));
    }

    /// `u` as a row, `[1, outputs]`.
    fn row(&self) -> Tensor<B, 2> {
        self.direction.val().detach().unsqueeze()
    }
}

/// `[outputs, everything else]`.
fn matrix<B: Backend>(weight: Tensor<B, 4>) -> Tensor<B, 2> {
    weight.flatten(1, 3)
}

/// The L2 norm, `[1, 1]`.
fn length<B: Backend>(vector: Tensor<B, 2>) -> Tensor<B, 2> {
    (vector.square().sum() + EPSILON).sqrt().unsqueeze()
}

fn unit<B: Backend>(vector: Tensor<B, 2>) -> Tensor<B, 2> {
    vector.clone() / length(vector)
}

#[cfg(test)]
mod tests {
    use burn::tensor::backend::AutodiffBackend;

    use super::*;
    use crate::random::{Purpose, stream};
    use crate::tests::on_every_backend;

    on_every_backend!(a_weight_gets_the_largest_singular_value_one);

    /// Rounding, and what fifteen iterations leave of the other singular values: at most (1/3)^30.
    const TOLERANCE: f64 = 1e-5;

    fn a_weight_gets_the_largest_singular_value_one<B: AutodiffBackend>() {
        // Rows at right angles of lengths 3, 1 and 0.5.
        let rows = [[0.0, 0.0, 3.0, 0.0], [0.6, 0.8, 0.0, 0.0], [0.4, -0.3, 0.0, 0.0]];
        let weight = Tensor::<B, 2>::from_data(rows, &Default::default()).reshape([3, 1, 2, 2]);
        let mut rng = stream(0, Purpose::Discriminator, 0, 0);
        let spectral = Spectral::<B>::init(weight.clone(), &mut rng);
        let ratio = (weight / spectral.normalise(weight_of(rows))).into_data();
        let found: Vec<f64> = ratio.iter::<f64>().filter(|ratio| ratio.is_finite()).collect();
        assert!(
            found.len() == 5 && found.iter().all(|ratio| (ratio - 3.0).abs() < 3.0 * TOLERANCE)
        );
        let direction: Vec<f64> = spectral.direction.val().into_data().iter::<f64>().collect();
        assert!((direction[0].abs() - 1.0).abs() < TOLERANCE, "{direction:?}");
    }

    fn weight_of<B: AutodiffBackend>(rows: [[f64; 4]; 3]) -> Tensor<B, 4> {
        Tensor::<B, 2>::from_data(rows, &Default::default()).reshape([3, 1, 2, 2])
    }
}
