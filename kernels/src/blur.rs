//! Means of a plane under a window, on host slices.

/// The means of a plane `[height, width]` under the window that is the product of `window` along
/// both axes, where it fits: rows first, then columns.
///
/// # Panics
/// When the window is longer than a side.
pub fn blur(values: &[f64], [height, width]: [usize; 2], window: &[f64]) -> Vec<f64> {
    assert!(window.len() <= height.min(width), "the window is longer than a side");
    let [high, wide] = [height, width].map(|side| side + 1 - window.len());
    let mut rows = vec![0.0; height * wide];
    for (blurred, row) in rows.chunks_exact_mut(wide).zip(values.chunks_exact(width)) {
        for (at, weight) in window.iter().enumerate() {
            add(blurred, &row[at..at + wide], *weight);
        }
    }
    let mut blurred = vec![0.0; high * wide];
    for (y, blurred) in blurred.chunks_exact_mut(wide).enumerate() {
        for (row, weight) in rows[y * wide..].chunks_exact(wide).zip(window) {
            add(blurred, row, *weight);
        }
    }
    blurred
}

fn add(sums: &mut [f64], values: &[f64], weight: f64) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value * weight;
    }
}
