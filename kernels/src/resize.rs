//! Pixels made four, and four made one, on host slices.

use rayon::prelude::*;

/// Every pixel of planes `[height, width]` four times, multiplied by `factor`.
pub fn enlarge(x: &[f32], [height, width]: [usize; 2], factor: f32) -> Vec<f32> {
    let mut y = vec![0.0; 4 * x.len()];
    let planes = x.par_chunks_exact(height * width);
    y.par_chunks_exact_mut(4 * height * width).zip(planes).for_each(|(y, x)| {
        for (rows, x) in y.chunks_exact_mut(4 * width).zip(x.chunks_exact(width)) {
            let (first, second) = rows.split_at_mut(2 * width);
            for (pair, x) in first.chunks_exact_mut(2).zip(x) {
                pair.fill(factor * x);
            }
            second.copy_from_slice(first);
        }
    });
    y
}

/// The sums of every two by two pixels of planes `[height, width]`, multiplied by `factor`.
///
/// # Panics
/// When a side is odd.
pub fn reduce(x: &[f32], [height, width]: [usize; 2], factor: f32) -> Vec<f32> {
    assert!(height % 2 == 0 && width % 2 == 0, "{height} x {width} pixels have no halves");
    let mut y = vec![0.0; x.len() / 4];
    let planes = x.par_chunks_exact(height * width);
    y.par_chunks_exact_mut(height * width / 4).zip(planes).for_each(|(y, x)| {
        for (y, rows) in y.chunks_exact_mut(width / 2).zip(x.chunks_exact(2 * width)) {
            let (first, second) = rows.split_at(width);
            let pairs = first.chunks_exact(2).zip(second.chunks_exact(2));
            for (y, (above, below)) in y.iter_mut().zip(pairs) {
                *y = factor * ((above[0] + above[1]) + (below[0] + below[1]));
            }
        }
    });
    y
}
