//! The kernel Inception distance.

use nalgebra::DMatrix;

use crate::metrics::products::Products;
use crate::random::{Purpose, permutation, stream};

/// Estimates whose mean is taken.
const SUBSETS: u64 = 100;

/// The most vectors of either set that an estimate is of.
const MOST: usize = 1000;

/// The kernel's degree.
const DEGREE: i32 = 3;

/// The mean of estimates of the distance, and their standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kid {
    pub mean: f64,
    pub deviation: f64,
}

/// The squared maximum mean discrepancy of two sets under the kernel `(x.y / width + 1)^3`,
/// estimated without bias from as many vectors of either, at most 1000, drawn at random 100 times
/// (Bińkowski et al., 2018, "Demystifying MMD GANs", section 4). It is about 0 for sets of one
/// distribution, also below. None where a set has fewer than two vectors or values are not finite.
///
/// Where an estimate is of all vectors of both, there is one.
pub(super) fn kid(products: &Products<'_>) -> Option<Kid> {
    let [m, n] = [products.xx, products.yy].map(DMatrix::ncols);
    let size = m.min(n).min(MOST);
    if size < 2 {
        return None;
    }
    let kernel = |products: &DMatrix<f64>, width: usize| {
        products.map(|product| (product / width as f64 + 1.0).powi(DEGREE))
    };
    let Products { xx, yy, xy, width } = *products;
    let [xx, yy, xy] = [xx, yy, xy].map(|products| kernel(products, width));
    let subsets = if size == m && size == n { 1 } else { SUBSETS };
    let estimate = |at: u64| {
        let draw = |of: usize, set: u64| {
            let mut order = permutation(of, stream(0, Purpose::FeatureSubset, at, set));
            order.truncate(size);
            order
        };
        let (a, b) = (draw(m, 0), draw(n, 1));
        let pairs = (size * (size - 1)) as f64;
        let within = |kernel: &DMatrix<f64>, set: &[usize]| {
            let diagonal: f64 = set.iter().map(|&i| kernel[(i, i)]).sum();
            (sum(kernel, set, set) - diagonal) / pairs
        };
        within(&xx, &a) + within(&yy, &b) - 2.0 * sum(&xy, &a, &b) / (size * size) as f64
    };
    let estimates: Vec<f64> = (0..subsets).map(estimate).collect();
    let mean = estimates.iter().sum::<f64>() / subsets as f64;
    let squares = estimates.iter().map(|estimate| (estimate - mean).powi(2)).sum::<f64>();
    let deviation = (squares / subsets as f64).sqrt();
    mean.is_finite().then_some(Kid { mean, deviation })
}

/// Of the entries in some rows and columns.
fn sum(of: &DMatrix<f64>, rows: &[usize], columns: &[usize]) -> f64 {
    let column = |&j: &usize| {
        let column = of.column(j);
        rows.iter().map(|&i| column[i]).sum::<f64>()
    };
    columns.iter().map(column).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::products::tests::{Case, cases, vectors};

    /// Of the kernel's values, which are about 1: float64's rounding of sums in another order.
    const TOLERANCE: f64 = 1e-12;

    #[test]
    fn it_is_what_the_definition_says() {
        for Case { x, y, mmd, .. } in cases() {
            let (vectors_x, vectors_y) = (vectors(&x), vectors(&y));
            let found = vectors_x.with(&vectors_y, kid).unwrap();
            if x.len() == y.len() {
                assert!((found.mean - mmd).abs() < TOLERANCE, "{found:?}, expected {mmd}");
                assert_eq!(found.deviation, 0.0);
            } else {
                // Of subsets: the mean of 100 estimates that are hardly independent.
                let error = (found.mean - mmd).abs();
                assert!(error < found.deviation, "{found:?}, expected {mmd}");
            }
        }
    }

    #[test]
    fn too_few_vectors_or_none_that_are_numbers_have_none() {
        let two = vectors(&[vec![0.0, 1.0], vec![1.0, 3.0]]);
        let one = vectors(&[vec![0.0, 1.0]]);
        let none = vectors(&[vec![f64::NAN, 1.0], vec![1.0, 3.0]]);
        assert_eq!(two.with(&one, kid), None);
        assert_eq!(one.with(&two, kid), None);
        assert_eq!(two.with(&none, kid), None);
        // Of a set and itself by hand: products 1, 3 and 10, so kernels 1.5^3, 2.5^3 and 6^3; twice
        // the second within, less half of all four between.
        let itself = two.with(&two, kid).unwrap().mean;
        let expected = 2.5_f64.powi(3) - (1.5_f64.powi(3) + 6.0_f64.powi(3)) / 2.0;
        assert!((itself - expected).abs() < TOLERANCE, "{itself}, expected {expected}");
    }
}
