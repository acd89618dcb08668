//! Convolutions of few pixels, such as D's last ones: every output pixel's patch of the input is
//! laid out as one row, and nothing of the weight, which is most of the memory there, is moved or
//! packed.

use rayon::prelude::*;

use crate::epilogue::Epilogue;
use crate::geometry::Geometry;
use crate::product::{COLUMNS, LeftMatrix, inner_products, multiply};

/// The most output pixels, of all images together, of a convolution that takes this path.
const MOST_PIXELS: usize = 128;

/// Whether a convolution is one of these.
pub(crate) fn suits(geometry: &Geometry) -> bool {
    pixels(geometry) <= MOST_PIXELS && taps(geometry).is_multiple_of(COLUMNS)
}

/// Output pixels of all images.
fn pixels(geometry: &Geometry) -> usize {
    geometry.images * geometry.small[0] * geometry.small[1]
}

/// Values of a patch.
fn taps(geometry: &Geometry) -> usize {
    geometry.large_channels * geometry.kernel * geometry.kernel
}

/// Calls `visit` with every tap of one channel that lies inside its image: output pixel, tap, and
/// where in the channel's plane it reads.
#[inline(always)]
fn each_inside(geometry: &Geometry, mut visit: impl FnMut(usize, usize, usize)) {
    let &Geometry { small: [h, w], kernel, stride, padding, .. } = geometry;
    let (height, width) = (h * stride, w * stride);
    for y in 0..h {
        for ky in 0..kernel {
            let row = (y * stride + ky).wrapping_sub(padding);
            for x in 0..w {
                for kx in 0..kernel {
                    let column = (x * stride + kx).wrapping_sub(padding);
                    if row < height && column < width {
                        visit(y * w + x, ky * kernel + kx, row * width + column);
                    }
                }
            }
        }
    }
}

/// `[pixels, taps]`.
fn patches(geometry: &Geometry, large: &[f32]) -> Vec<f32> {
    let taps = taps(geometry);
    let window = geometry.kernel * geometry.kernel;
    let image_length = taps * pixels(geometry) / geometry.images;
    let plane = large.len() / (geometry.images * geometry.large_channels);
    let mut patches = vec![0.0; pixels(geometry) * taps];
    let images = large.par_chunks(plane * geometry.large_channels);
    patches.par_chunks_mut(image_length).zip(images).for_each(|(patches, image)| {
        for (channel, plane) in image.chunks_exact(plane).enumerate() {
            each_inside(geometry, |pixel, tap, at| {
                patches[pixel * taps + channel * window + tap] = plane[at];
            });
        }
    });
    patches
}

/// Rows of the left matrix that lie in the small tensor `[N, A, h, w]`.
struct Small<'a> {
    values: &'a [f32],
    channels: usize,
    area: usize,
    /// Whether a row is a pixel and not a channel.
    by_pixel: bool,
}

impl LeftMatrix for Small<'_> {
    fn panel<'a>(
        &'a self,
        row: usize,
        count: usize,
        (first, last): (usize, usize),
        width: usize,
        panel: &'a mut [f32],
    ) -> &'a [f32] {
        for (tap, cells) in (first..last).zip(panel.chunks_exact_mut(width)) {
            for (i, cell) in cells.iter_mut().enumerate() {
                let (pixel, channel) = if self.by_pixel { (row + i, tap) } else { (tap, row + i) };
                let (image, at) = (pixel / self.area, pixel % self.area);
                let place = (image * self.channels + channel) * self.area + at;
                *cell = if i < count { self.values[place] } else { 0.0 };
            }
        }
        panel
    }
}

fn small_rows<'a>(geometry: &Geometry, values: &'a [f32], by_pixel: bool) -> Small<'a> {
    let area = geometry.small[0] * geometry.small[1];
    Small { values, channels: geometry.small_channels, area, by_pixel }
}

/// The length of the parts, two for every thread, that `length` is divided into: a multiple of
/// `unit`.
fn part_length(length: usize, unit: usize) -> usize {
    length.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(unit)
}

/// Convolution: large `[N, B, s h, s w]` to small `[N, A, h, w]`.
pub(crate) fn convolve(
    geometry: &Geometry,
    large: &[f32],
    weight: &[f32],
    epilogue: Epilogue<'_>,
) -> Vec<f32> {
    let (pixels, taps, channels) = (pixels(geometry), taps(geometry), geometry.small_channels);
    let area = geometry.small[0] * geometry.small[1];
    let patches = patches(geometry, large);
    let bases: Vec<usize> = (0..pixels).map(|pixel| pixel * taps).collect();
    let mut products = vec![0.0; channels * pixels];
    let rows = part_length(channels, 4);
    products.par_chunks_mut(rows * pixels).enumerate().for_each(|(part, products)| {
        inner_products(&weight[part * rows * taps..], taps, &bases, &patches, taps, products);
    });
    let mut output = vec![0.0; products.len()];
    for (i, to) in output.chunks_exact_mut(area).enumerate() {
        let (image, channel) = (i / channels, i % channels);
        epilogue.store(channel, &products[channel * pixels + image * area..][..area], to);
    }
    output
}

/// Transposed convolution: small `[N, A, h, w]` to large `[N, B, s h, s w]`.
pub(crate) fn convolve_transposed(geometry: &Geometry, small: &[f32], weight: &[f32]) -> Vec<f32> {
    let (pixels, taps) = (pixels(geometry), taps(geometry));
    let left = small_rows(geometry, small, true);
    // The gradient of every patch, in parts of its taps.
    let length = part_length(taps, COLUMNS);
    let mut parts = vec![0.0; pixels * taps];
    parts.par_chunks_mut(pixels * length).enumerate().for_each(|(part, products)| {
        let columns = products.len() / pixels;
        let rows = (0..geometry.small_channels).map(|row| row * taps + part * length);
        let bases: Vec<usize> = rows.collect();
        multiply(&left, 0..pixels, &bases, weight, columns, products);
    });
    let mut output = vec![0.0; geometry.large_shape().iter().product()];
    let window = geometry.kernel * geometry.kernel;
    let plane = output.len() / (geometry.images * geometry.large_channels);
    output.par_chunks_mut(plane).with_min_len(16).enumerate().for_each(|(index, plane)| {
        let (image, channel) = (index / geometry.large_channels, index % geometry.large_channels);
        let first = image * pixels / geometry.images;
        each_inside(geometry, |pixel, tap, at| {
            let tap = channel * window + tap;
            let part = tap / length;
            let columns = length.min(taps - part * length);
            let row = part * pixels * length + (first + pixel) * columns;
            plane[at] += parts[row + tap % length];
        });
    });
    output
}

/// Weight gradient: the small and the large tensor to `[A, B, k, k]`.
pub(crate) fn weight_gradient(geometry: &Geometry, small: &[f32], large: &[f32]) -> Vec<f32> {
    let (pixels, taps, channels) = (pixels(geometry), taps(geometry), geometry.small_channels);
    let patches = patches(geometry, large);
    let bases: Vec<usize> = (0..pixels).map(|pixel| pixel * taps).collect();
    let left = small_rows(geometry, small, false);
    let mut gradient = vec![0.0; channels * taps];
    let rows = part_length(channels, 8);
    gradient.par_chunks_mut(rows * taps).enumerate().for_each(|(part, gradient)| {
        let from = part * rows;
        let rows = from..from + gradient.len() / taps;
        multiply(&left, rows, &bases, &patches, taps, gradient);
    });
    gradient
}
