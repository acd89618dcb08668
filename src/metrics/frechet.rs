//! The Frechet distance between two sets of features, each taken for a normal distribution.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Rounds of the eigenvalue iteration per row, of which it needs two or three.
const ROUNDS: usize = 100;

/// Mean and covariance of feature vectors, one vector at a time.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    n: usize,
    /// The first vector, from which the others are measured, so that no digits are lost where the
    /// mean is far from 0.
    origin: DVector<f64>,
    sum: DVector<f64>,
    products: DMatrix<f64>,
}

impl Moments {
    /// None yet, of vectors of `width` values.
    pub fn new(width: usize) -> Self {
        let zero = DVector::zeros(width);
        let products = DMatrix::zeros(width, width);
        Self { n: 0, origin: zero.clone(), sum: zero, products }
    }

    /// # Panics
    /// When the vector has another width.
    pub fn add(&mut self, features: &[f32]) {
        let features = DVector::from_iterator(features.len(), features.iter().map(|&v| v.into()));
        if self.n == 0 {
            self.origin = features.clone();
        }
        let shifted = features - &self.origin;
        self.products.ger(1.0, &shifted, &shifted, 1.0);
        self.sum += shifted;
        self.n += 1;
    }

    pub fn n(&self) -> usize {
        self.n
    }

    /// The sample covariance, of at least two vectors.
    fn covariance(&self) -> DMatrix<f64> {
        let n = self.n as f64;
        (&self.products - &self.sum * self.sum.transpose() / n) / (n - 1.0)
    }

    /// `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2)`; none where one side has fewer than two vectors
    /// or values that are not finite.
    ///
    /// The trace of the root is that of `(S1^1/2 S2 S1^1/2)^1/2`, which has the same eigenvalues
    /// and is symmetric, so that eigenvalues of symmetric matrices are all that is needed.
    pub fn distance(&self, other: &Self) -> Option<f64> {
        if self.n < 2 || other.n < 2 {
            return None;
        }
        let mean = |moments: &Self| &moments.origin + &moments.sum / moments.n as f64;
        let [a, b] = [self.covariance(), other.covariance()];
        if !(a.iter().chain(b.iter()).all(|value| value.is_finite())) {
            return None;
        }
        let traces = a.trace() + b.trace();
        let SymmetricEigen { eigenvalues, eigenvectors } = eigen(a)?;
        let roots = DMatrix::from_diagonal(&eigenvalues.map(|value| value.max(0.0).sqrt()));
        let root = &eigenvectors * roots * eigenvectors.transpose();
        let product = &root * b * &root;
        // Rounding leaves it a little askew.
        let product = (&product + product.transpose()) / 2.0;
        let root_trace: f64 =
            eigen(product)?.eigenvalues.iter().map(|value| value.max(0.0).sqrt()).sum();
        let means = (mean(self) - mean(other)).norm_squared();
        // Of two equal sets rounding may leave a little less than nothing.
        Some((means + traces - 2.0 * root_trace).max(0.0))
    }
}

fn eigen(matrix: DMatrix<f64>) -> Option<SymmetricEigen<f64, nalgebra::Dyn>> {
    let rounds = ROUNDS * matrix.nrows();
    SymmetricEigen::try_new(matrix, f64::EPSILON, rounds)
}

/// The Frechet distance (Heusel et al., 2017, "GANs Trained by a Two Time-Scale Update Rule",
/// section 2) of two sets of feature vectors: `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2)` of their
/// means and sample covariances, in 64 bits. It is 0 for equal sets and has the features' unit,
/// squared. None where a set has fewer than two vectors, or values are not finite.
///
/// Few vectors make it larger than that of the distributions they come from: compare only
/// distances of sets that have about as many vectors.
///
/// # Panics
/// When vectors differ in length.
pub fn frechet_distance(a: &[Vec<f32>], b: &[Vec<f32>]) -> Option<f64> {
    let width = a.first()?.len();
    let [a, b] = [a, b].map(|vectors| {
        let mut moments = Moments::new(width);
        vectors.iter().for_each(|features| moments.add(features));
        moments
    });
    a.distance(&b)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const VALUES: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/metrics/values.json"));

    /// Relative. Roots of eigenvalues that are 0 but for rounding, about 1e-16 of the largest, add
    /// up to 1e-8 each where there are fewer vectors than features; SciPy's root of the product is
    /// as rough there.
    const TOLERANCE: f64 = 1e-6;

    #[derive(Deserialize)]
    struct Fixture {
        frechet: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        a: Vec<Vec<f32>>,
        b: Vec<Vec<f32>>,
        distance: f64,
    }

    #[test]
    fn it_is_what_scipy_says_and_symmetric() {
        let fixture: Fixture = serde_json::from_str(VALUES).unwrap();
        assert_eq!(fixture.frechet.len(), 3);
        for Case { name, a, b, distance } in fixture.frechet {
            for found in [frechet_distance(&a, &b), frechet_distance(&b, &a)] {
                let error = (found.unwrap() - distance).abs() / distance;
                assert!(error < TOLERANCE, "{name}: {found:?}, expected {distance}");
            }
            let same = frechet_distance(&a, &a).unwrap();
            assert!(same < TOLERANCE * distance, "{name}: {same} from itself");
        }
    }

    #[test]
    fn what_has_no_distance_gives_none() {
        let two = vec![vec![0.0, 1.0], vec![1.0, 3.0]];
        assert_eq!(frechet_distance(&[], &two), None);
        assert_eq!(frechet_distance(&two, &two[..1]), None);
        assert_eq!(frechet_distance(&two, &[vec![f32::NAN, 0.0], vec![0.0, 0.0]]), None);
        // One dimension: (0.5 - 2.5)^2 and equal deviations.
        let line = |from: f32| vec![vec![from], vec![from + 1.0]];
        assert!((frechet_distance(&line(0.0), &line(2.0)).unwrap() - 4.0).abs() < 1e-12);
    }
}
