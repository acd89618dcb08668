//! Square convolutions on host slices: forward, transposed and weight gradient.
//!
//! All three relate a *small* tensor `[N, A, h, w]` and a *large* one `[N, B, s h, s w]` through a
//! weight `[A, B, k, k]` and a stride `s`: a convolution maps large to small, its input gradient
//! (and a transposed convolution) small to large, and its weight gradient multiplies the two. The
//! large tensor's pixels are split by their coordinates modulo `s` into `s * s` phases, each as
//! small as the small tensor, whereupon every stride is 1.

use std::ops::Range;

use rayon::prelude::*;

use crate::epilogue::Epilogue;
use crate::geometry::Geometry;
use crate::groups::{each_group, group_size, with_scratch};
use crate::patches;
use crate::plane::Plane;
use crate::product::{LeftMatrix, inner_products, multiply};
use crate::winograd;

/// Every phase of an image.
fn phases(stride: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..stride * stride).map(move |phase| (phase / stride, phase % stride))
}

/// Where every tap of the large tensor's `channels` begins, among the phases of all of them laid
/// out one after the other.
fn bases(geometry: &Geometry, plane: &Plane, channels: Range<usize>) -> Vec<usize> {
    let &Geometry { kernel, stride, .. } = geometry;
    let mut bases = Vec::with_capacity(channels.len() * kernel * kernel);
    for channel in channels {
        for ky in 0..kernel {
            for kx in 0..kernel {
                let ((py, dy), (px, dx)) = (geometry.tap(ky), geometry.tap(kx));
                let row = (channel * stride + py) * stride + px;
                bases.push(row * plane.length + plane.base(dy, dx));
            }
        }
    }
    bases
}

/// The weight as the left matrix of a convolution: a row per small channel.
pub(crate) struct Forward<'a> {
    pub weight: &'a [f32],
    pub taps: usize,
}

impl LeftMatrix for Forward<'_> {
    fn panel<'a>(
        &'a self,
        row: usize,
        count: usize,
        (first, last): (usize, usize),
        width: usize,
        panel: &'a mut [f32],
    ) -> &'a [f32] {
        for i in 0..width {
            if i < count {
                let weights =
                    &self.weight[(row + i) * self.taps + first..(row + i) * self.taps + last];
                for (cell, weight) in panel[i..].iter_mut().step_by(width).zip(weights) {
                    *cell = *weight;
                }
            } else {
                panel[i..]
                    .iter_mut()
                    .step_by(width)
                    .take(last - first)
                    .for_each(|cell| *cell = 0.0);
            }
        }
        panel
    }
}

/// The weight as the left matrix of one phase of a transposed convolution: a row per large channel.
struct Transposed<'a> {
    weight: &'a [f32],
    large_channels: usize,
    area: usize,
    /// Of every tap of the phase, its place in a kernel.
    places: Vec<usize>,
}

impl LeftMatrix for Transposed<'_> {
    fn panel<'a>(
        &'a self,
        row: usize,
        count: usize,
        (first, last): (usize, usize),
        width: usize,
        panel: &'a mut [f32],
    ) -> &'a [f32] {
        for (tap, cells) in (first..last).zip(panel.chunks_exact_mut(width)) {
            let (small, place) = (tap / self.places.len(), self.places[tap % self.places.len()]);
            let start = (small * self.large_channels + row) * self.area + place;
            for (i, cell) in cells.iter_mut().enumerate() {
                *cell = if i < count { self.weight[start + i * self.area] } else { 0.0 };
            }
        }
        panel
    }
}

/// Convolution: large `[N, B, s h, s w]` to small `[N, A, h, w]`.
pub fn convolve(
    geometry: &Geometry,
    large: &[f32],
    weight: &[f32],
    epilogue: Epilogue<'_>,
) -> Vec<f32> {
    if winograd::suits(geometry) && epilogue.is_empty() {
        return winograd::convolve(geometry, large, weight);
    }
    if patches::suits(geometry) {
        return patches::convolve(geometry, large, weight, epilogue);
    }
    let &Geometry { images, small_channels, large_channels, small, kernel, stride, .. } = geometry;
    let area = small[0] * small[1];
    let large_image = large_channels * area * stride * stride;
    let taps = large_channels * kernel * kernel;
    let group = group_size(geometry);
    let plane = Plane::new(geometry, group);
    let bases = bases(geometry, &plane, 0..large_channels);
    let left = Forward { weight, taps };
    let mut output = vec![0.0; images * small_channels * area];
    each_group(
        &mut output,
        small_channels * area * group,
        small_channels,
        [large_channels * stride * stride * plane.length, plane.columns],
        |index, staged| {
            staged.fill(0.0);
            let first = index * group;
            for (image, source) in
                large[first * large_image..].chunks_exact(large_image).take(group).enumerate()
            {
                for (row, channel) in staged.chunks_exact_mut(plane.length).enumerate() {
                    let (source_channel, phase) =
                        (row / (stride * stride), row % (stride * stride));
                    let source = &source[source_channel * area * stride * stride..]
                        [..area * stride * stride];
                    plane.spread(image, source, stride, (phase / stride, phase % stride), channel);
                }
            }
        },
        |rows, staged, products| multiply(&left, rows, &bases, staged, plane.columns, products),
        |rows, products, output| {
            for (channel, columns) in rows.zip(products.chunks_exact(plane.columns)) {
                for (image, output) in output.chunks_exact_mut(small_channels * area).enumerate() {
                    let output = &mut output[channel * area..][..area];
                    for (y, to) in output.chunks_exact_mut(small[1]).enumerate() {
                        epilogue.store(channel, plane.row(image, y, columns), to);
                    }
                }
            }
        },
    );
    output
}

/// Transposed convolution: small `[N, A, h, w]` to large `[N, B, s h, s w]`.
pub fn convolve_transposed(geometry: &Geometry, small: &[f32], weight: &[f32]) -> Vec<f32> {
    if winograd::suits(geometry) {
        return winograd::convolve_transposed(geometry, small, weight);
    }
    if patches::suits(geometry) {
        return patches::convolve_transposed(geometry, small, weight);
    }
    let &Geometry { images, small_channels, large_channels, kernel, stride, .. } = geometry;
    let [height, width] = geometry.small;
    let area = height * width;
    let large_area = area * stride * stride;
    let group = group_size(geometry);
    let plane = Plane::new(geometry, group);
    // Per phase of the output: its left matrix and where its taps begin.
    let products: Vec<(Transposed<'_>, Vec<usize>)> = phases(stride)
        .map(|(py, px)| {
            let along = |p: usize| (0..kernel).filter(move |&k| geometry.tap(k).0 == p);
            let taps: Vec<(usize, usize)> =
                along(py).flat_map(|ky| along(px).map(move |kx| (ky, kx))).collect();
            let bases = (0..small_channels)
                .flat_map(|channel| taps.iter().map(move |&tap| (channel, tap)))
                .map(|(channel, (ky, kx))| {
                    let (dy, dx) = (geometry.tap(ky).1, geometry.tap(kx).1);
                    channel * plane.length + plane.base(-dy, -dx)
                })
                .collect();
            let places = taps.iter().map(|(ky, kx)| ky * kernel + kx).collect();
            (Transposed { weight, large_channels, area: kernel * kernel, places }, bases)
        })
        .collect();
    let mut output = vec![0.0; images * large_channels * large_area];
    each_group(
        &mut output,
        large_channels * large_area * group,
        large_channels,
        [small_channels * plane.length, stride * stride * plane.columns],
        |index, staged| {
            staged.fill(0.0);
            let image_length = small_channels * area;
            let sources = small[index * group * image_length..].chunks_exact(image_length);
            for (image, source) in sources.take(group).enumerate() {
                for (source, channel) in
                    source.chunks_exact(area).zip(staged.chunks_exact_mut(plane.length))
                {
                    plane.spread(image, source, 1, (0, 0), channel);
                }
            }
        },
        |rows, staged, results| {
            let length = rows.len() * plane.columns;
            for ((left, bases), results) in products.iter().zip(results.chunks_exact_mut(length)) {
                multiply(left, rows.clone(), bases, staged, plane.columns, results);
            }
        },
        |rows, results, output| {
            let length = rows.len() * plane.columns;
            for (image, output) in output.chunks_exact_mut(large_channels * large_area).enumerate()
            {
                for (i, channel) in rows.clone().enumerate() {
                    let output = &mut output[channel * large_area..][..large_area];
                    for (oy, to) in output.chunks_exact_mut(width * stride).enumerate() {
                        let (y, py) = (oy / stride, oy % stride);
                        let row = |px: usize| {
                            let phase = &results[(py * stride + px) * length..][..length];
                            plane.row(image, y, &phase[i * plane.columns..][..plane.columns])
                        };
                        match stride {
                            1 => to.copy_from_slice(row(0)),
                            2 => {
                                let pairs = to.as_chunks_mut::<2>().0;
                                for ((pair, even), odd) in pairs.iter_mut().zip(row(0)).zip(row(1))
                                {
                                    *pair = [*even, *odd];
                                }
                            }
                            _ => {
                                for px in 0..stride {
                                    let cells = to[px..].iter_mut().step_by(stride);
                                    cells.zip(row(px)).for_each(|(cell, value)| *cell = *value);
                                }
                            }
                        }
                    }
                }
            }
        },
    );
    output
}

/// Weight gradient: the small and the large tensor to `[A, B, k, k]`.
pub fn weight_gradient(geometry: &Geometry, small: &[f32], large: &[f32]) -> Vec<f32> {
    if winograd::suits(geometry) {
        return winograd::weight_gradient(geometry, small, large);
    }
    if patches::suits(geometry) {
        return patches::weight_gradient(geometry, small, large);
    }
    let &Geometry { images, small_channels, large_channels, stride, .. } = geometry;
    let area = geometry.small[0] * geometry.small[1];
    let plane = Plane::new(geometry, images);
    let squares = stride * stride;
    let lengths = [large_channels * squares, small_channels].map(|rows| rows * plane.length);
    with_scratch(lengths, |staged_large, staged_small| {
        staged_large.par_chunks_mut(plane.length).enumerate().for_each(|(row, channel)| {
            channel.fill(0.0);
            let (source_channel, phase) = (row / squares, row % squares);
            for image in 0..images {
                let source = (image * large_channels + source_channel) * area * squares;
                let source = &large[source..source + area * squares];
                plane.spread(image, source, stride, (phase / stride, phase % stride), channel);
            }
        });
        // Between rows and images one factor is zero, so nothing there adds to the sums.
        staged_small.par_chunks_mut(plane.length).enumerate().for_each(|(channel, to)| {
            to.fill(0.0);
            for image in 0..images {
                let source = (image * small_channels + channel) * area;
                plane.spread(image, &small[source..source + area], 1, (0, 0), to);
            }
        });
        staged_weight_gradient(geometry, &plane, staged_small, staged_large)
    })
}

/// [`weight_gradient`] of tensors laid out as planes.
fn staged_weight_gradient(
    geometry: &Geometry,
    plane: &Plane,
    staged_small: &[f32],
    staged_large: &[f32],
) -> Vec<f32> {
    let &Geometry { small_channels, large_channels, kernel, .. } = geometry;
    let taps = large_channels * kernel * kernel;
    let mut gradient = vec![0.0; small_channels * taps];
    let threads = rayon::current_num_threads();
    let rows_per_task = small_channels.div_ceil(2 * threads).next_multiple_of(4);
    if small_channels >= 4 * threads {
        let bases = bases(geometry, plane, 0..large_channels);
        gradient.par_chunks_mut(rows_per_task * taps).enumerate().for_each(|(task, rows)| {
            let y = &staged_small[task * rows_per_task * plane.length + plane.lead..];
            inner_products(y, plane.length, &bases, staged_large, plane.columns, rows);
        });
    } else {
        // Few rows: the tasks are the large tensor's channels.
        let area = kernel * kernel;
        let columns: Vec<Vec<f32>> = (0..large_channels)
            .into_par_iter()
            .map(|channel| {
                let mut block = vec![0.0; small_channels * area];
                let y = &staged_small[plane.lead..];
                inner_products(
                    y,
                    plane.length,
                    &bases(geometry, plane, channel..channel + 1),
                    staged_large,
                    plane.columns,
                    &mut block,
                );
                block
            })
            .collect();
        for (row, gradient) in gradient.chunks_exact_mut(taps).enumerate() {
            for (block, cells) in columns.iter().zip(gradient.chunks_exact_mut(area)) {
                cells.copy_from_slice(&block[row * area..][..area]);
            }
        }
    }
    gradient
}
