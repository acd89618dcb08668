//! Precision and recall of a set of images.

use nalgebra::DMatrix;

use crate::metrics::products::Products;

/// The neighbour as far from a vector as which others are taken to be like it.
const NEIGHBOUR: usize = 3;

/// How much of one set is like another, each in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PrecisionRecall {
    /// The share of `y` that is like the real images `x`: whether they look real.
    pub precision: f64,
    /// The share of the real images that `y` has the like of: whether there is everything.
    pub recall: f64,
}

/// Improved precision and recall (Kynkäänniemi et al., 2019, section 2): a vector is like a set if
/// it is no further from one of it than that one's third nearest neighbour in its set is. None
/// where a set has fewer than four vectors or values are not finite.
pub(super) fn precision_recall(products: &Products<'_>) -> Option<PrecisionRecall> {
    let Products { xx, yy, xy, .. } = *products;
    let few = xx.ncols().min(yy.ncols()) <= NEIGHBOUR;
    if few || ![xx, yy, xy].iter().all(|products| products.iter().all(|v| v.is_finite())) {
        return None;
    }
    let (reach_x, reach_y) = (reach(xx), reach(yy));
    let apart = |i: usize, j: usize| xx[(i, i)] + yy[(j, j)] - 2.0 * xy[(i, j)];
    let (m, n) = (xx.ncols(), yy.ncols());
    let share = |like: usize, of: usize| like as f64 / of as f64;
    let real = (0..n).filter(|&j| (0..m).any(|i| apart(i, j) <= reach_x[i])).count();
    let covered = (0..m).filter(|&i| (0..n).any(|j| apart(i, j) <= reach_y[j])).count();
    Some(PrecisionRecall { precision: share(real, n), recall: share(covered, m) })
}

/// The squared distance of every vector to its third nearest neighbour.
fn reach(products: &DMatrix<f64>) -> Vec<f64> {
    let n = products.ncols();
    let of = |i: usize| {
        let apart = |j: usize| products[(i, i)] + products[(j, j)] - 2.0 * products[(i, j)];
        let mut others: Vec<f64> = (0..n).filter(|&j| j != i).map(apart).collect();
        *others.select_nth_unstable_by(NEIGHBOUR - 1, f64::total_cmp).1
    };
    (0..n).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::products::tests::{Case, cases, vectors};

    /// Shares are counts over counts.
    const TOLERANCE: f64 = 1e-12;

    #[test]
    fn they_are_what_another_program_says() {
        for Case { x, y, precision, recall, .. } in cases() {
            let found = vectors(&x).with(&vectors(&y), precision_recall).unwrap();
            let errors = [found.precision - precision, found.recall - recall];
            assert!(errors.iter().all(|error| error.abs() < TOLERANCE), "{found:?}");
        }
    }

    #[test]
    fn a_few_like_one_are_precise_and_recall_little() {
        let line = |values: &[f64]| vectors(&values.iter().map(|&v| vec![v]).collect::<Vec<_>>());
        let real = line(&[0.0, 1.0, 2.0, 3.0, 100.0, 101.0, 102.0, 103.0]);
        let one_end = line(&[0.0, 0.5, 1.0, 1.5]);
        let found = real.with(&one_end, precision_recall);
        assert_eq!(found, Some(PrecisionRecall { precision: 1.0, recall: 0.5 }));
        let back = one_end.with(&real, precision_recall);
        assert_eq!(back, Some(PrecisionRecall { precision: 0.5, recall: 1.0 }));
        assert_eq!(real.with(&line(&[0.0, 1.0, 2.0]), precision_recall), None);
        assert_eq!(real.with(&line(&[0.0, 1.0, 2.0, f64::NAN]), precision_recall), None);
    }
}
