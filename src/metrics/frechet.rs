//! The Frechet distance between two sets of features, each taken for a normal distribution.

use nalgebra::DMatrix;

use crate::metrics::feature_set::{FeatureSet, Spread};

impl FeatureSet {
    /// `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2)`; none where one side has fewer than two vectors
    /// or values that are not finite.
    ///
    /// With `S1 = F F'`, `S1 S2` has the eigenvalues of `F' S2 F` and else zeros: that is
    /// symmetric, no larger than the smaller set, and its eigenvalues are all that is needed. With
    /// fewer vectors than features nothing of the features' size is made at all, and there are no
    /// zeros whose roots could be rounding.
    pub fn frechet_distance(&self, other: &Self) -> Option<f64> {
        if self.n() < 2 || other.n() < 2 {
            return None;
        }
        let [(mean_a, a), (mean_b, b)] = [self, other].map(Self::described);
        if !a.values().chain(b.values()).all(|value| value.is_finite()) {
            return None;
        }
        let traces = a.trace() + b.trace();
        let (few, many) = if a.rank() <= b.rank() { (a, b) } else { (b, a) };
        let within = many.within(&few.factor());
        let root_trace: f64 = match within.is_empty() {
            true => 0.0,
            false => within.symmetric_eigenvalues().map(|value| value.max(0.0).sqrt()).sum(),
        };
        // Of two equal sets rounding may leave a little less than nothing.
        Some(((mean_a - mean_b).norm_squared() + traces - 2.0 * root_trace).max(0.0))
    }
}

impl Spread {
    fn values(&self) -> impl Iterator<Item = &f64> {
        let (Self::Vectors(matrix) | Self::Covariance(matrix)) = self;
        matrix.iter()
    }

    fn trace(&self) -> f64 {
        match self {
            Self::Vectors(factor) => factor.norm_squared(),
            Self::Covariance(covariance) => covariance.trace(),
        }
    }

    /// No less than the covariance's.
    fn rank(&self) -> usize {
        let (Self::Vectors(matrix) | Self::Covariance(matrix)) = self;
        matrix.ncols()
    }

    /// `F` of the covariance `F F'`.
    fn factor(self) -> DMatrix<f64> {
        match self {
            Self::Vectors(factor) => factor,
            Self::Covariance(covariance) => factor(&covariance),
        }
    }

    /// `F' S F`, of the covariance `S`.
    fn within(&self, factor: &DMatrix<f64>) -> DMatrix<f64> {
        // Transposed first: only products of matrices as they are have a fast path.
        match self {
            Self::Vectors(own) => {
                let product = own.transpose() * factor;
                product.transpose() * product
            }
            Self::Covariance(covariance) => factor.transpose() * (covariance * factor),
        }
    }
}

/// Cholesky's factor of a covariance, with as many columns as its rank: the largest pivot that is
/// left comes first, until what is left is rounding.
fn factor(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let width = covariance.nrows();
    let mut left = covariance.diagonal();
    let rounding = width as f64 * f64::EPSILON * left.max();
    let mut factor = DMatrix::zeros(width, width);
    for rank in 0..width {
        let (pivot, largest) = left.argmax();
        if largest <= rounding {
            return factor.columns(0, rank).into_owned();
        }
        let before = factor.columns(0, rank);
        let mut column = covariance.column(pivot).into_owned();
        column.gemv(-1.0, &before, &before.row(pivot).transpose(), 1.0);
        column /= largest.sqrt();
        left -= column.map(|value| value * value);
        left[pivot] = 0.0;
        factor.set_column(rank, &column);
    }
    factor
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
        let mut set = FeatureSet::new(width);
        vectors.iter().for_each(|features| set.add(features));
        set
    });
    a.frechet_distance(&b)
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

    /// Uniform vectors, the last features of which are the first ones again, so that no covariance
    /// has full rank.
    fn vectors(n: usize, width: usize, seed: u32) -> Vec<Vec<f32>> {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let vector = |_| {
            let mut vector: Vec<f32> = (0..width - 2).map(|_| random() + seed as f32).collect();
            vector.extend_from_within(..2);
            vector
        };
        (0..n).map(vector).collect()
    }

    #[test]
    fn few_and_many_vectors_are_one_formula() {
        const WIDTH: usize = 12;
        let (few, many) = (vectors(7, WIDTH, 1), vectors(300, WIDTH, 3));
        let set = |vectors: &[Vec<f32>]| {
            let mut set = FeatureSet::new(WIDTH);
            vectors.iter().for_each(|vector| set.add(vector));
            set.described()
        };
        let covariance = |spread: Spread| match spread {
            Spread::Vectors(factor) => &factor * factor.transpose(),
            Spread::Covariance(covariance) => covariance,
        };
        let ((mean_a, a), (mean_b, b)) = (set(&few), set(&many));
        let (a, b) = (covariance(a), covariance(b));
        // Another way: the square root of one from its own eigenvalues.
        let root = a.clone().symmetric_eigen();
        let half = root.eigenvalues.map(|value| value.max(0.0).sqrt());
        let half =
            &root.eigenvectors * DMatrix::from_diagonal(&half) * root.eigenvectors.transpose();
        let inner = (&half * &b * &half).symmetric_eigenvalues();
        let roots: f64 = inner.iter().map(|value| value.max(0.0).sqrt()).sum();
        let expected = (mean_a - mean_b).norm_squared() + a.trace() + b.trace() - 2.0 * roots;
        for found in [frechet_distance(&few, &many), frechet_distance(&many, &few)] {
            let error = (found.unwrap() - expected).abs() / expected;
            assert!(error < TOLERANCE, "{found:?}, expected {expected}");
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
