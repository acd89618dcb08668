//! The features of a set of images: what is needed of them to compare the set with another.

mod kept;

use nalgebra::{DMatrix, DVector};

use crate::random::{Purpose, below, stream};

/// Vectors that are summed up at once, where there are more than features.
const BLOCK: usize = 256;

/// Feature vectors, one at a time: their mean and covariance, and as many of them, drawn at random,
/// as they have features.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FeatureSet {
    width: usize,
    n: usize,
    /// Vectors, one after the other: all, while they are no more than the features.
    sample: Vec<f32>,
    /// Of more vectors, those that are not in the sums yet.
    waiting: Vec<f32>,
    sums: Option<Sums>,
}

/// What mean and covariance are computed from where there are more vectors than features.
#[derive(Clone, Debug, PartialEq)]
struct Sums {
    /// The first vector, from which the others are measured, so that no digits are lost where the
    /// mean is far from 0.
    origin: DVector<f64>,
    sum: DVector<f64>,
    products: DMatrix<f64>,
}

/// How vectors are spread around their mean.
pub(super) enum Spread {
    /// `F` of the covariance `F F'`: a column per vector.
    Vectors(DMatrix<f64>),
    Covariance(DMatrix<f64>),
}

impl Sums {
    fn new(origin: &[f32]) -> Self {
        let width = origin.len();
        let origin = DVector::from_iterator(width, origin.iter().map(|&value| f64::from(value)));
        Self { origin, sum: DVector::zeros(width), products: DMatrix::zeros(width, width) }
    }

    fn add(&mut self, vectors: &[f32]) {
        let mut columns = columns(vectors, self.origin.len());
        columns.column_iter_mut().for_each(|mut column| column -= &self.origin);
        self.sum += columns.column_sum();
        self.products.gemm(1.0, &columns, &columns.transpose(), 1.0);
    }
}

/// Vectors of `width` values, one after the other, as columns.
fn columns(vectors: &[f32], width: usize) -> DMatrix<f64> {
    let values = vectors.iter().map(|&value| f64::from(value));
    DMatrix::from_iterator(width, vectors.len() / width, values)
}

impl FeatureSet {
    /// None yet, of vectors of `width` values.
    pub fn new(width: usize) -> Self {
        Self { width, n: 0, sample: Vec::new(), waiting: Vec::new(), sums: None }
    }

    /// # Panics
    /// When the vector has another width.
    pub fn add(&mut self, features: &[f32]) {
        assert_eq!(features.len(), self.width, "features of another width");
        self.n += 1;
        if self.n <= self.width {
            self.sample.extend_from_slice(features);
            return;
        }
        if self.sums.is_none() {
            let mut sums = Sums::new(&self.sample[..self.width]);
            sums.add(&self.sample);
            self.sums = Some(sums);
        }
        self.waiting.extend_from_slice(features);
        if self.waiting.len() >= BLOCK * self.width {
            self.settle();
        }
        // Each of n is in the sample with the same probability (Vitter, 1985, algorithm R).
        let place = below(self.n, stream(0, Purpose::FeatureSample, self.n as u64, 0));
        if let Some(before) = self.sample.chunks_exact_mut(self.width).nth(place) {
            before.copy_from_slice(features);
        }
    }

    /// Sums up what waits for it.
    pub fn settle(&mut self) {
        if let Some(sums) = &mut self.sums {
            sums.add(&self.waiting);
            self.waiting.clear();
        }
    }

    /// Vectors that were added.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The vectors, or as many of them, drawn at random, as there are features: a column each.
    pub fn sample(&self) -> DMatrix<f64> {
        columns(&self.sample, self.width)
    }

    /// The mean, and how at least two vectors are spread around it.
    pub fn described(&self) -> (DVector<f64>, Spread) {
        let n = self.n as f64;
        let mut all = self.clone();
        all.settle();
        let Some(Sums { origin, sum, mut products }) = all.sums else {
            let mut columns = self.sample();
            let mean = columns.column_mean();
            columns.column_iter_mut().for_each(|mut column| column -= &mean);
            return (mean, Spread::Vectors(columns / (n - 1.0).sqrt()));
        };
        products.ger(-1.0 / n, &sum, &sum, 1.0);
        (origin + sum / n, Spread::Covariance(products / (n - 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 12;

    /// Relative: float64's rounding.
    const TOLERANCE: f64 = 1e-12;

    #[test]
    fn sums_describe_as_the_vectors_do() {
        let n = BLOCK + 400;
        let mut summed = FeatureSet::new(WIDTH);
        let mut every = FeatureSet { n, ..FeatureSet::new(WIDTH) };
        for i in 0..n {
            let value = |j: usize| 100.0 + ((i * 7919 + j * j * 104_729) % 1013) as f32 / 100.0;
            let vector: Vec<f32> = (0..WIDTH).map(value).collect();
            summed.add(&vector);
            every.sample.extend(vector);
        }
        assert!(!summed.waiting.is_empty(), "some wait to be summed up");
        let (mean, Spread::Vectors(vectors)) = every.described() else { panic!("no vectors") };
        let (found, Spread::Covariance(covariance)) = summed.described() else { panic!("no sums") };
        assert!((&found - &mean).norm() <= TOLERANCE * mean.norm(), "{found} {mean}");
        let expected = &vectors * vectors.transpose();
        let error = (&covariance - &expected).norm() / expected.norm();
        assert!(error <= TOLERANCE, "{error:e}");
    }

    /// Of the vectors' numbers, whose mean in such a sample has a deviation of 55.
    #[test]
    fn a_sample_is_of_all_vectors() {
        const MANY: usize = 400;
        let numbers = |n: usize| {
            let mut set = FeatureSet::new(MANY);
            (0..n).for_each(|i| set.add(&[i as f32; MANY]));
            set.sample().row(0).iter().map(|&value| value as usize).collect::<Vec<_>>()
        };
        assert_eq!(numbers(MANY), (0..MANY).collect::<Vec<_>>());
        let found = numbers(10 * MANY);
        let distinct: std::collections::BTreeSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), MANY);
        let mean = found.iter().sum::<usize>() as f64 / MANY as f64;
        assert!((mean - 2000.0).abs() < 200.0, "{mean}");
    }
}
