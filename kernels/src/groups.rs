//! Dividing a convolution among threads: groups of images, or channels where there are few groups.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::plane::Plane;

/// Product rows that are made and stored together, so that they are still in the caches when they
/// are stored.
const ROWS: usize = 32;

thread_local! {
    /// Buffers that outlive a call, so that their pages are touched once.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Runs `work` with two buffers of the given lengths that hold anything. The buffers are taken, not
/// borrowed: a thread that waits in `work` may start another task that needs its own.
pub(crate) fn with_scratch<R>(
    lengths: [usize; 2],
    work: impl FnOnce(&mut [f32], &mut [f32]) -> R,
) -> R {
    let [mut first, mut second] = SCRATCH.take();
    for (buffer, length) in [(&mut first, lengths[0]), (&mut second, lengths[1])] {
        if buffer.len() < length {
            buffer.resize(length, 0.0);
        }
    }
    let result = work(&mut first[..lengths[0]], &mut second[..lengths[1]]);
    SCRATCH.set([first, second]);
    result
}

/// Images that are worked on together: enough columns for the product to be worth its packing, and
/// a multiple of the threads where there are enough images.
pub(crate) fn group_size(geometry: &Geometry) -> usize {
    group_of(geometry.images, Plane::new(geometry, 1).columns)
}

/// [`group_size`] of so many images, each of so many columns.
pub(crate) fn group_of(images: usize, columns: usize) -> usize {
    let wanted = 512usize.div_ceil(columns).clamp(1, images);
    let groups = images.div_ceil(wanted);
    let threads = rayon::current_num_threads();
    let balanced = groups.next_multiple_of(threads);
    if balanced <= images { images.div_ceil(balanced) } else { wanted }
}

/// Fills `output`, group of images by group, in parallel: `stage` lays a group's input out in the
/// first buffer, which holds anything before, `compute` makes the product rows of some channels
/// from it, and `store` moves these into the group's part of the output. `lengths` are those of the
/// staged input and of one product row. Where there are fewer groups than threads, the channels are
/// divided instead; every value is computed in the same way however the work is divided.
pub(crate) fn each_group(
    output: &mut [f32],
    group_length: usize,
    channels: usize,
    [staged_length, row_length]: [usize; 2],
    stage: impl Fn(usize, &mut [f32]) + Sync,
    compute: impl Fn(Range<usize>, &[f32], &mut [f32]) + Sync,
    store: impl Fn(Range<usize>, &[f32], &mut [f32]) + Sync,
) {
    let threads = rayon::current_num_threads();
    if output.len().div_ceil(group_length) >= threads {
        output.par_chunks_mut(group_length).enumerate().for_each(|(index, output)| {
            with_scratch([staged_length, ROWS * row_length], |staged, results| {
                stage(index, staged);
                for first in (0..channels).step_by(ROWS) {
                    let rows = first..(first + ROWS).min(channels);
                    let results = &mut results[..rows.len() * row_length];
                    compute(rows.clone(), staged, results);
                    store(rows, results, output);
                }
            });
        });
        return;
    }
    let block = channels.div_ceil(2 * threads).next_multiple_of(8);
    for (index, output) in output.chunks_mut(group_length).enumerate() {
        with_scratch([staged_length, 0], |staged, _| {
            stage(index, staged);
            let blocks: Vec<(Range<usize>, Vec<f32>)> = (0..channels.div_ceil(block))
                .into_par_iter()
                .map(|i| {
                    let rows = i * block..((i + 1) * block).min(channels);
                    let mut results = vec![0.0; rows.len() * row_length];
                    compute(rows.clone(), staged, &mut results);
                    (rows, results)
                })
                .collect();
            for (rows, results) in blocks {
                store(rows, &results, output);
            }
        });
    }
}
