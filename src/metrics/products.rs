//! The inner products of two sets of feature vectors, from which they are compared one by one.

use nalgebra::DMatrix;

/// Inner products of the vectors of a set `x` of real images and a set `y`.
pub(super) struct Products<'a> {
    pub xx: &'a DMatrix<f64>,
    pub yy: &'a DMatrix<f64>,
    /// A row for every vector of `x`.
    pub xy: &'a DMatrix<f64>,
    /// The vectors' length.
    pub width: usize,
}

/// Vectors as columns, and their inner products.
pub(super) struct Vectors {
    columns: DMatrix<f64>,
    products: DMatrix<f64>,
}

impl Vectors {
    pub fn new(columns: DMatrix<f64>) -> Self {
        let products = inner(&columns, &columns);
        Self { columns, products }
    }

    pub fn n(&self) -> usize {
        self.columns.ncols()
    }

    /// What `compare` makes of these and `others`.
    pub fn with<T>(&self, others: &Self, compare: impl FnOnce(&Products<'_>) -> T) -> T {
        let between = inner(&self.columns, &others.columns);
        compare(&Products {
            xx: &self.products,
            yy: &others.products,
            xy: &between,
            width: self.columns.nrows(),
        })
    }
}

fn inner(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    // Transposed first: only products of matrices as they are have a fast path.
    a.transpose() * b
}

#[cfg(test)]
pub(super) mod tests {
    use serde::Deserialize;

    use super::*;

    /// Two sets with what other programs say of them: `tests/fixtures/metrics/samples.py`.
    #[derive(Deserialize)]
    pub struct Case {
        pub x: Vec<Vec<f64>>,
        pub y: Vec<Vec<f64>>,
        pub mmd: f64,
        pub precision: f64,
        pub recall: f64,
    }

    pub fn cases() -> Vec<Case> {
        const VALUES: &str = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/metrics/samples.json"
        ));
        serde_json::from_str(VALUES).unwrap()
    }

    pub fn vectors(of: &[Vec<f64>]) -> Vectors {
        let columns = of.iter().flatten().copied();
        Vectors::new(DMatrix::from_iterator(of[0].len(), of.len(), columns))
    }
}
