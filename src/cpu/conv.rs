//! Square convolutions on host slices: forward, transposed and weight gradient.
//!
//! All three relate a *small* tensor `[N, A, h, w]` and a *large* one `[N, B, s h, s w]` through a
//! weight `[A, B, k, k]` and a stride `s`: a convolution maps large to small, its input gradient (and
//! a transposed convolution) small to large, and its weight gradient multiplies the two. The large
//! tensor's pixels are split by their coordinates modulo `s` into `s * s` phases, each as small as
//! the small tensor, whereupon every stride is 1.

use std::cell::RefCell;

use rayon::prelude::*;

use super::product::{COLUMNS, LeftMatrix, inner_products, multiply};

/// The shapes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub images: usize,
    /// `A`, the channels of the small tensor.
    pub small_channels: usize,
    /// `B`, the channels of the large tensor.
    pub large_channels: usize,
    /// `[h, w]` of the small tensor.
    pub small: [usize; 2],
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Geometry {
    /// The geometry of a convolution of `[N, B, H, W]` by `[A, B, k, k]`, where this module has it.
    pub fn of_convolution(
        [images, channels, height, width]: [usize; 4],
        [small_channels, large_channels, kernel, kernel_width]: [usize; 4],
        stride: usize,
        padding: usize,
    ) -> Option<Self> {
        let fits = channels == large_channels
            && height.is_multiple_of(stride)
            && width.is_multiple_of(stride);
        let small = [height / stride, width / stride];
        Self { images, small_channels, large_channels, small, kernel, stride, padding }
            .supported(fits && kernel == kernel_width)
    }

    /// The geometry of a transposed convolution of `[N, A, h, w]` by `[A, B, k, k]`, where this
    /// module has it.
    pub fn of_transposed(
        [images, channels, height, width]: [usize; 4],
        [small_channels, large_channels, kernel, kernel_width]: [usize; 4],
        stride: usize,
        padding: usize,
    ) -> Option<Self> {
        let fits = channels == small_channels && kernel == kernel_width;
        let small = [height, width];
        Self { images, small_channels, large_channels, small, kernel, stride, padding }
            .supported(fits)
    }

    /// This module has the convolutions whose output is exactly `1 / stride` of the input.
    fn supported(self, fits: bool) -> Option<Self> {
        let exact = 2 * self.padding + self.stride == self.kernel;
        let exists = self.images * self.small[0] * self.small[1] > 0;
        (fits && exact && exists).then_some(self)
    }

    pub fn small_shape(&self) -> [usize; 4] {
        [self.images, self.small_channels, self.small[0], self.small[1]]
    }

    pub fn large_shape(&self) -> [usize; 4] {
        let [height, width] = self.small.map(|side| side * self.stride);
        [self.images, self.large_channels, height, width]
    }

    /// One coordinate of the tap `k`: which phase of the large tensor it reads, and how far away.
    fn tap(&self, k: usize) -> (usize, isize) {
        let offset = k as isize - self.padding as isize;
        let stride = self.stride as isize;
        (offset.rem_euclid(stride) as usize, offset.div_euclid(stride))
    }

    /// The farthest any tap reaches.
    fn halo(&self) -> usize {
        (0..self.kernel).map(|k| self.tap(k).1.unsigned_abs()).max().unwrap_or(0)
    }
}

/// How the images of a group lie in a row of memory: rows of `small[1]` pixels and `halo` zeros, then
/// `halo` rows of zeros after every image. A tap that leaves a row on the right reads the zeros before
/// the next one's first pixel, so that one border serves two sides.
#[derive(Clone, Copy)]
struct Plane {
    small: [usize; 2],
    /// The distance of two rows.
    pitch: usize,
    /// The distance of two images.
    image: usize,
    /// Where the first pixel is.
    lead: usize,
    /// Columns of a product, from the first pixel on: whole blocks.
    columns: usize,
    /// The length of one channel.
    length: usize,
}

impl Plane {
    fn new(geometry: &Geometry, images: usize) -> Self {
        let halo = geometry.halo();
        let small = geometry.small;
        let pitch = small[1] + halo;
        let image = (small[0] + halo) * pitch;
        let lead = halo * pitch + halo;
        let columns = (images * image).next_multiple_of(COLUMNS);
        Self { small, pitch, image, lead, columns, length: lead + columns + lead }
    }

    /// Where a tap `dy` rows down and `dx` pixels to the right begins, relative to its channel.
    fn base(&self, dy: isize, dx: isize) -> usize {
        (self.lead as isize + dy * self.pitch as isize + dx) as usize
    }

    /// Copies the pixels of one phase of one image's channel (`source`, `stride` times as large) to
    /// their places in `channel`, which is zero elsewhere.
    fn spread(
        &self,
        image: usize,
        source: &[f32],
        stride: usize,
        phase: (usize, usize),
        channel: &mut [f32],
    ) {
        let [height, width] = self.small;
        for y in 0..height {
            let to = self.lead + image * self.image + y * self.pitch;
            let to = &mut channel[to..to + width];
            let from = &source[(y * stride + phase.0) * width * stride..][..width * stride];
            match stride {
                1 => to.copy_from_slice(from),
                2 => {
                    for (to, pair) in to.iter_mut().zip(from.as_chunks::<2>().0) {
                        *to = pair[phase.1];
                    }
                }
                _ => {
                    for (to, from) in to.iter_mut().zip(from.chunks_exact(stride)) {
                        *to = from[phase.1];
                    }
                }
            }
        }
    }

    /// Row `y` of an image among the `columns` values of a product.
    fn row<'a>(&self, image: usize, y: usize, columns: &'a [f32]) -> &'a [f32] {
        &columns[image * self.image + y * self.pitch..][..self.small[1]]
    }
}

/// Every phase of an image.
fn phases(stride: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..stride * stride).map(move |phase| (phase / stride, phase % stride))
}

thread_local! {
    /// Buffers that outlive a call, so that their pages are touched once.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Runs `work` with two zeroed buffers of the given lengths. The buffers are taken, not borrowed: a
/// thread that waits in `work` may start another task that needs its own.
fn with_scratch<R>(lengths: [usize; 2], work: impl FnOnce(&mut [f32], &mut [f32]) -> R) -> R {
    let [mut first, mut second] = SCRATCH.take();
    for (buffer, length) in [(&mut first, lengths[0]), (&mut second, lengths[1])] {
        buffer.clear();
        buffer.resize(length, 0.0);
    }
    let result = work(&mut first, &mut second);
    SCRATCH.set([first, second]);
    result
}

/// Images that are worked on together: enough columns for the product to be worth its packing, and
/// a multiple of the threads where there are enough images.
fn group_size(geometry: &Geometry) -> usize {
    let image = Plane::new(geometry, 1).columns;
    let wanted = 512usize.div_ceil(image).clamp(1, geometry.images);
    let groups = geometry.images.div_ceil(wanted);
    let threads = rayon::current_num_threads();
    let balanced = groups.next_multiple_of(threads);
    if balanced <= geometry.images { geometry.images.div_ceil(balanced) } else { wanted }
}

/// What is added to a convolution's result before it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Epilogue<'a> {
    /// One value per channel.
    pub bias: Option<&'a [f32]>,
    /// LeakyReLU's slope below 0.
    pub negative_slope: Option<f32>,
}

impl Epilogue<'_> {
    fn store(&self, channel: usize, from: &[f32], to: &mut [f32]) {
        match (self.bias, self.negative_slope) {
            (None, None) => to.copy_from_slice(from),
            (bias, slope) => {
                let bias = bias.map_or(0.0, |bias| bias[channel]);
                let slope = slope.unwrap_or(1.0);
                for (to, from) in to.iter_mut().zip(from) {
                    let value = from + bias;
                    *to = if value > 0.0 { value } else { value * slope };
                }
            }
        }
    }
}

/// The weight as the left matrix of a convolution: a row per small channel.
struct Forward<'a> {
    weight: &'a [f32],
    taps: usize,
}

impl LeftMatrix for Forward<'_> {
    fn pack(
        &self,
        row: usize,
        count: usize,
        (first, last): (usize, usize),
        width: usize,
        panel: &mut [f32],
    ) {
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
    fn pack(
        &self,
        row: usize,
        count: usize,
        (first, last): (usize, usize),
        width: usize,
        panel: &mut [f32],
    ) {
        for (tap, cells) in (first..last).zip(panel.chunks_exact_mut(width)) {
            let (small, place) = (tap / self.places.len(), self.places[tap % self.places.len()]);
            let start = (small * self.large_channels + row) * self.area + place;
            for (i, cell) in cells.iter_mut().enumerate() {
                *cell = if i < count { self.weight[start + i * self.area] } else { 0.0 };
            }
        }
    }
}

/// Convolution: large `[N, B, s h, s w]` to small `[N, A, h, w]`.
pub(crate) fn convolve(
    geometry: &Geometry,
    large: &[f32],
    weight: &[f32],
    epilogue: Epilogue<'_>,
) -> Vec<f32> {
    let &Geometry { images, small_channels, large_channels, small, kernel, stride, .. } = geometry;
    let area = small[0] * small[1];
    let large_image = large_channels * area * stride * stride;
    let taps = large_channels * kernel * kernel;
    let group = group_size(geometry);
    let plane = Plane::new(geometry, group);
    let mut bases = Vec::with_capacity(taps);
    for channel in 0..large_channels {
        for ky in 0..kernel {
            for kx in 0..kernel {
                let ((py, dy), (px, dx)) = (geometry.tap(ky), geometry.tap(kx));
                let row = (channel * stride + py) * stride + px;
                bases.push(row * plane.length + plane.base(dy, dx));
            }
        }
    }
    let left = Forward { weight, taps };
    let mut output = vec![0.0; images * small_channels * area];
    each_group(
        &mut output,
        small_channels * area * group,
        small_channels,
        [large_channels * stride * stride * plane.length, plane.columns],
        |index, staged| {
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
pub(crate) fn convolve_transposed(geometry: &Geometry, small: &[f32], weight: &[f32]) -> Vec<f32> {
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
pub(crate) fn weight_gradient(geometry: &Geometry, small: &[f32], large: &[f32]) -> Vec<f32> {
    let &Geometry { images, small_channels, large_channels, kernel, stride, .. } = geometry;
    let area = geometry.small[0] * geometry.small[1];
    let plane = Plane::new(geometry, images);
    let squares = stride * stride;
    let mut staged_large = vec![0.0; large_channels * squares * plane.length];
    staged_large.par_chunks_mut(plane.length).enumerate().for_each(|(row, channel)| {
        let (source_channel, phase) = (row / squares, row % squares);
        for image in 0..images {
            let source = (image * large_channels + source_channel) * area * squares;
            let source = &large[source..source + area * squares];
            plane.spread(image, source, stride, (phase / stride, phase % stride), channel);
        }
    });
    // The zeros between rows and images keep what lies there out of the sums.
    let mut staged_small = vec![0.0; small_channels * plane.length];
    staged_small.par_chunks_mut(plane.length).enumerate().for_each(|(channel, to)| {
        for image in 0..images {
            let source = (image * small_channels + channel) * area;
            plane.spread(image, &small[source..source + area], 1, (0, 0), to);
        }
    });
    let bases_of = |channel: usize| {
        let mut bases = Vec::with_capacity(kernel * kernel);
        for ky in 0..kernel {
            for kx in 0..kernel {
                let ((py, dy), (px, dx)) = (geometry.tap(ky), geometry.tap(kx));
                let row = (channel * stride + py) * stride + px;
                bases.push(row * plane.length + plane.base(dy, dx));
            }
        }
        bases
    };
    let taps = large_channels * kernel * kernel;
    let mut gradient = vec![0.0; small_channels * taps];
    let threads = rayon::current_num_threads();
    let rows_per_task = small_channels.div_ceil(2 * threads).next_multiple_of(4);
    if small_channels >= 4 * threads {
        let bases: Vec<usize> = (0..large_channels).flat_map(bases_of).collect();
        gradient.par_chunks_mut(rows_per_task * taps).enumerate().for_each(|(task, rows)| {
            let y = &staged_small[task * rows_per_task * plane.length + plane.lead..];
            inner_products(y, plane.length, &bases, &staged_large, plane.columns, rows);
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
                    &bases_of(channel),
                    &staged_large,
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

/// Fills `output`, group of images by group, in parallel: `stage` lays a group's input out in the
/// first buffer, `compute` makes the product rows of some channels from it, and `store` moves these
/// into the group's part of the output. `lengths` are those of the staged input and of one product
/// row. Where there are fewer groups than threads, the channels are divided instead; every value is
/// computed in the same way however the work is divided.
fn each_group(
    output: &mut [f32],
    group_length: usize,
    channels: usize,
    [staged_length, row_length]: [usize; 2],
    stage: impl Fn(usize, &mut [f32]) + Sync,
    compute: impl Fn(std::ops::Range<usize>, &[f32], &mut [f32]) + Sync,
    store: impl Fn(std::ops::Range<usize>, &[f32], &mut [f32]) + Sync,
) {
    let threads = rayon::current_num_threads();
    if output.len().div_ceil(group_length) >= threads {
        output.par_chunks_mut(group_length).enumerate().for_each(|(index, output)| {
            with_scratch([staged_length, channels * row_length], |staged, results| {
                stage(index, staged);
                compute(0..channels, staged, results);
                store(0..channels, results, output);
            });
        });
        return;
    }
    let block = channels.div_ceil(2 * threads).next_multiple_of(8);
    for (index, output) in output.chunks_mut(group_length).enumerate() {
        with_scratch([staged_length, 0], |staged, _| {
            stage(index, staged);
            let blocks: Vec<(std::ops::Range<usize>, Vec<f32>)> = (0..channels.div_ceil(block))
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
