//! 3x3 convolutions by Winograd's minimal filtering, `F(2x2, 3x3)` (Lavin and Gray, 2015,
//! arXiv:1509.09308): 16 products for every 2x2 pixels instead of 36.
//!
//! Images are cut into tiles of 4x4 pixels that overlap by two. With tiles `d`, filters `g` and output
//! gradients `dy`, a convolution is `A' [(G g G') * (B' d B)] A`, product by product, so that the sum over
//! channels is sixteen matrix products; and the weight gradient is `G' [(A dy A') * (B' d B)] G`.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use crate::nn::kernels::cpu::geometry::Geometry;
use crate::nn::kernels::cpu::groups::{each_group, with_scratch};
use crate::nn::kernels::cpu::product::{COLUMNS, LeftMatrix, inner_products, multiply};

/// Products per tile.
const PLACES: usize = 16;

/// Rows of a panel of filters: as many as a product works on at once.
const PANEL: usize = 8;

/// Tiles that are worked on together, so that their sixteen products' operands stay in the caches.
const GROUP_TILES: usize = 128;

/// The same for weight gradients, which sum over tiles and so want many.
const GRADIENT_TILES: usize = 512;

/// Rows of a weight gradient that one task makes.
const ROWS: usize = 64;

/// Values between one place and the next: a transform touches all sixteen, which must not fall on the same lines
/// of a cache.
const GAP: usize = 48;

/// Fewer channels than this do not repay the transforms.
const LEAST_CHANNELS: usize = 16;

/// Whether a convolution is one of these.
pub(super) fn suits(geometry: &Geometry) -> bool {
    let &Geometry { kernel, stride, padding, small, small_channels, large_channels, .. } = geometry;
    [kernel, stride, padding] == [3, 1, 1]
        && small.iter().all(|side| side.is_multiple_of(2))
        && small_channels.min(large_channels) >= LEAST_CHANNELS
}

/// Images of some channels, and how they are cut into tiles.
#[derive(Clone, Copy)]
struct Tiles {
    channels: usize,
    height: usize,
    width: usize,
    /// Images of a group.
    images: usize,
    /// Tiles of a group, whole blocks of a product's columns.
    columns: usize,
}

impl Tiles {
    /// Groups of about `wanted` tiles, of `most` images at most.
    fn new(geometry: &Geometry, channels: usize, wanted: usize, most: usize) -> Self {
        let [height, width] = geometry.small;
        let tiles = height * width / 4;
        let images = (wanted / tiles).clamp(1, most);
        let columns = (images * tiles).next_multiple_of(COLUMNS);
        Self { channels, height, width, images, columns }
    }

    fn image_length(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The distance of two places with the tiles of `channels` channels each.
    fn place(&self, channels: usize) -> usize {
        channels * self.columns + GAP
    }

    /// The length of all sixteen places.
    fn length(&self) -> usize {
        PLACES * self.place(self.channels)
    }

    /// Where the tiles of an image's channel lie among those of one place.
    fn tiles(&self, image: usize, channel: usize) -> Range<usize> {
        let tiles = self.height * self.width / 4;
        let start = channel * self.columns + image * tiles;
        start..start + tiles
    }

    /// Calls `transform` with every plane of the images of a group (`source`, which may have fewer) and puts
    /// the sixteen places that it makes of each where they belong. `scratch` holds five halves of a plane.
    fn each_plane(
        &self,
        source: &[f32],
        to: &mut [f32],
        transform: impl Fn(&[f32], &mut [f32], [[&mut [f32]; 4]; 4]),
    ) {
        let &Self { channels, height, width, .. } = self;
        let mut scratch = vec![0.0; 5 * height * width / 2];
        for (i, plane) in source.chunks_exact(height * width).enumerate() {
            let at = self.tiles(i / channels, i % channels);
            let mut places = to.chunks_exact_mut(self.place(channels));
            let mut next = || &mut places.next().expect("sixteen places")[at.clone()];
            let places = std::array::from_fn(|_| std::array::from_fn(|_| next()));
            transform(plane, &mut scratch, places);
        }
    }

    /// `B' d B` of the images of a group, place by place.
    fn of_images(&self, source: &[f32], to: &mut [f32]) {
        let &Self { height, width, .. } = self;
        let across = width / 2;
        let zeros = vec![0.0; width];
        self.each_plane(source, to, |plane, scratch, places| {
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    // Row `y - 1` of the plane; the ones outside are zero.
                    let row = |y: usize| match y {
                        1.. if y <= height => &plane[(y - 1) * width..][..width],
                        _ => &zeros[..],
                    };
                    let (down, split) = scratch.split_at_mut(4 * height * width / 2);
                    let mut downs = down.chunks_exact_mut(height * width / 2);
                    let mut downs: [&mut [f32]; 4] =
                        std::array::from_fn(|_| downs.next().expect("four parts"));
                    for tile in 0..height / 2 {
                        let d = [0, 1, 2, 3].map(|i| row(2 * tile + i));
                        let to = downs.each_mut().map(|down| &mut down[tile * width..][..width]);
                        let [t0, t1, t2, t3] = to;
                        combine(t0, d[0], d[2], |a, b| a - b);
                        combine(t1, d[1], d[2], |a, b| a + b);
                        combine(t2, d[2], d[1], |a, b| a - b);
                        combine(t3, d[1], d[3], |a, b| a - b);
                    }
                    let (even, odd) = split.split_at_mut(split.len() / 2);
                    for (down, places) in downs.iter().zip(places) {
                        deinterleave(down, even, odd);
                        let [p0, p1, p2, p3] = places;
                        combine(&mut p0[1..], odd, &odd[1..], |a, b| a - b);
                        combine(p1, even, odd, |a, b| a + b);
                        combine(p2, odd, even, |a, b| a - b);
                        combine(p3, even, &even[1..], |a, b| a - b);
                        // What lies left and right of a row is zero.
                        for start in (0..odd.len()).step_by(across) {
                            let end = start + across - 1;
                            (p0[start], p3[end]) = (-odd[start], even[end]);
                        }
                    }
                },
            );
        });
    }

    /// `A dy A'` of the output gradients of a group, place by place.
    fn of_gradients(&self, source: &[f32], to: &mut [f32]) {
        let &Self { height, width, .. } = self;
        self.each_plane(source, to, |plane, scratch, places| {
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    let (down, split) = scratch.split_at_mut(4 * height * width / 2);
                    let mut downs = down.chunks_exact_mut(height * width / 2);
                    let mut downs: [&mut [f32]; 4] =
                        std::array::from_fn(|_| downs.next().expect("four parts"));
                    for (tile, rows) in plane.chunks_exact(2 * width).enumerate() {
                        let (upper, lower) = rows.split_at(width);
                        let to = downs.each_mut().map(|down| &mut down[tile * width..][..width]);
                        let [t0, t1, t2, t3] = to;
                        t0.copy_from_slice(upper);
                        combine(t1, upper, lower, |a, b| a + b);
                        combine(t2, upper, lower, |a, b| a - b);
                        combine(t3, upper, lower, |_, b| -b);
                    }
                    let (even, odd) = split.split_at_mut(split.len() / 2);
                    for (down, places) in downs.iter().zip(places) {
                        deinterleave(down, even, odd);
                        let [p0, p1, p2, p3] = places;
                        p0.copy_from_slice(even);
                        combine(p1, even, odd, |a, b| a + b);
                        combine(p2, even, odd, |a, b| a - b);
                        combine(p3, even, odd, |_, b| -b);
                    }
                },
            );
        });
    }

    /// `A' m A` of the products of the channels `rows`, into the images of a group.
    fn put_images(&self, rows: Range<usize>, products: &[f32], output: &mut [f32]) {
        let &Self { height, width, .. } = self;
        let (area, place) = (height * width, self.place(rows.len()));
        let mut scratch = vec![0.0; 3 * area];
        for (image, output) in output.chunks_exact_mut(self.image_length()).enumerate() {
            for (i, channel) in rows.clone().enumerate() {
                let output = &mut output[channel * area..][..area];
                let at = self.tiles(image, i);
                let m = |i: usize, j: usize| &products[(4 * i + j) * place..][at.clone()];
                Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        let (sums, split) = scratch.split_at_mut(area);
                        let (even, odd) = split[..area / 2].split_at_mut(area / 4);
                        for (parity, [a, b, c]) in [[0, 1, 2], [3, 2, 1]].into_iter().enumerate() {
                            // Upper pixels are a + b + c, lower ones c - b - a.
                            let lower = if parity == 0 { 1.0 } else { -1.0 };
                            let mut sums = sums.chunks_exact_mut(area / 4);
                            let sums: [&mut [f32]; 4] = std::array::from_fn(|j| {
                                let sums = sums.next().expect("four parts");
                                combine(sums, m(a, j), m(b, j), |a, b| lower * (a + b));
                                accumulate(sums, m(c, j), |sum, c| sum + c);
                                sums
                            });
                            combine(even, sums[0], sums[1], |a, b| a + b);
                            accumulate(even, sums[2], |even, c| even + c);
                            combine(odd, sums[1], sums[2], |b, c| b - c);
                            accumulate(odd, sums[3], |odd, d| odd - d);
                            let tiles =
                                even.chunks_exact(width / 2).zip(odd.chunks_exact(width / 2));
                            for (lines, (even, odd)) in
                                output.chunks_exact_mut(2 * width).zip(tiles)
                            {
                                let line = &mut lines[parity * width..][..width];
                                let pairs = line.as_chunks_mut::<2>().0.iter_mut();
                                for (pair, (even, odd)) in pairs.zip(even.iter().zip(odd)) {
                                    *pair = [*even, *odd];
                                }
                            }
                        }
                    },
                );
            }
        }
    }
}

/// Values that are worked on at once, for the vectoriser: planes are often shorter than what it would choose.
const BLOCK: usize = 16;

/// `to = f(a, b)`, value by value, as far as the shortest goes.
#[inline(always)]
fn combine(to: &mut [f32], a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) {
    let length = to.len().min(a.len()).min(b.len());
    let (to, a, b) = (&mut to[..length], &a[..length], &b[..length]);
    let (to, to_rest) = to.as_chunks_mut::<BLOCK>();
    let (a, a_rest) = a.as_chunks::<BLOCK>();
    let (b, b_rest) = b.as_chunks::<BLOCK>();
    for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
        for i in 0..BLOCK {
            to[i] = f(a[i], b[i]);
        }
    }
    for ((to, a), b) in to_rest.iter_mut().zip(a_rest).zip(b_rest) {
        *to = f(*a, *b);
    }
}

/// `to = f(to, a)`, value by value, of slices of one length.
#[inline(always)]
fn accumulate(to: &mut [f32], a: &[f32], f: impl Fn(f32, f32) -> f32) {
    let (to, to_rest) = to.as_chunks_mut::<BLOCK>();
    let (a, a_rest) = a.as_chunks::<BLOCK>();
    for (to, a) in to.iter_mut().zip(a) {
        for i in 0..BLOCK {
            to[i] = f(to[i], a[i]);
        }
    }
    for (to, a) in to_rest.iter_mut().zip(a_rest) {
        *to = f(*to, *a);
    }
}

/// Values of even and of odd index.
#[inline(always)]
fn deinterleave(from: &[f32], even: &mut [f32], odd: &mut [f32]) {
    for ((pair, even), odd) in from.as_chunks::<2>().0.iter().zip(even).zip(odd) {
        [*even, *odd] = *pair;
    }
}

/// `G g` along one side of a filter, for the other's three columns.
fn filter_side(g: [[f32; 3]; 3]) -> [[f32; 3]; 4] {
    let along = |f: fn([f32; 3]) -> f32| [0, 1, 2].map(|j| f([g[0][j], g[1][j], g[2][j]]));
    [
        along(|g| g[0]),
        along(|g| 0.5 * (g[0] + g[1] + g[2])),
        along(|g| 0.5 * (g[0] - g[1] + g[2])),
        along(|g| g[2]),
    ]
}

/// `G g G'`.
fn filter(g: [[f32; 3]; 3]) -> [f32; PLACES] {
    let rows = filter_side(g);
    let mut places = [0.0; PLACES];
    for (places, [a, b, c]) in places.as_chunks_mut::<4>().0.iter_mut().zip(rows) {
        *places = [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c];
    }
    places
}

/// `G' u G`.
fn unfilter(u: [f32; PLACES]) -> [f32; 9] {
    let side = |[a, b, c, d]: [f32; 4]| [a + 0.5 * (b + c), 0.5 * (b - c), 0.5 * (b + c) + d];
    let rows = [0, 1, 2, 3].map(|i| side([u[4 * i], u[4 * i + 1], u[4 * i + 2], u[4 * i + 3]]));
    let columns = [0, 1, 2].map(|j| side([rows[0][j], rows[1][j], rows[2][j], rows[3][j]]));
    std::array::from_fn(|i| columns[i % 3][i / 3])
}

/// Filters from some input channels to some output channels, transformed, in panels: `[place][panel][input][row of
/// the panel]`.
struct Filters {
    inputs: usize,
    outputs: usize,
    panels: Vec<f32>,
}

impl Filters {
    fn new(
        inputs: usize,
        outputs: usize,
        filter_of: impl Fn(usize, usize) -> [f32; PLACES] + Sync,
    ) -> Self {
        let panel = inputs * PANEL;
        let count = outputs.div_ceil(PANEL);
        let mut panels = vec![0.0; PLACES * count * panel];
        // By panel first, since a filter's places are made together.
        let mut by_panel: Vec<Vec<&mut [f32]>> = (0..count).map(|_| Vec::new()).collect();
        for (i, part) in panels.chunks_exact_mut(panel).enumerate() {
            by_panel[i % count].push(part);
        }
        by_panel.par_iter_mut().enumerate().for_each(|(index, places)| {
            for row in 0..PANEL.min(outputs - index * PANEL) {
                for input in 0..inputs {
                    let filter = filter_of(input, index * PANEL + row);
                    for (place, value) in places.iter_mut().zip(filter) {
                        place[input * PANEL + row] = value;
                    }
                }
            }
        });
        Self { inputs, outputs, panels }
    }

    fn place(&self, place: usize) -> Place<'_> {
        let length = self.outputs.div_ceil(PANEL) * PANEL * self.inputs;
        Place { inputs: self.inputs, panels: &self.panels[place * length..][..length] }
    }
}

/// The filters of one place.
struct Place<'a> {
    inputs: usize,
    panels: &'a [f32],
}

impl LeftMatrix for Place<'_> {
    fn panel<'a>(
        &'a self,
        row: usize,
        count: usize,
        (first, last): (usize, usize),
        width: usize,
        panel: &'a mut [f32],
    ) -> &'a [f32] {
        let source = &self.panels[row / PANEL * PANEL * self.inputs..][..PANEL * self.inputs];
        let source = source[first * PANEL..last * PANEL].as_chunks::<PANEL>().0;
        if width == PANEL {
            return source.as_flattened();
        }
        for (cells, source) in panel.chunks_exact_mut(width).zip(source) {
            let inside = row % PANEL;
            cells[..count].copy_from_slice(&source[inside..inside + count]);
            cells[count..].fill(0.0);
        }
        panel
    }
}

/// A filter in memory as a square.
fn square(weight: &[f32], index: usize) -> [[f32; 3]; 3] {
    let g: &[f32] = &weight[9 * index..][..9];
    [[g[0], g[1], g[2]], [g[3], g[4], g[5]], [g[6], g[7], g[8]]]
}

/// Convolution: large `[N, B, h, w]` to small `[N, A, h, w]`.
pub(super) fn convolve(geometry: &Geometry, large: &[f32], weight: &[f32]) -> Vec<f32> {
    let &Geometry { small_channels, large_channels, .. } = geometry;
    let filters = Filters::new(large_channels, small_channels, |input, output| {
        filter(square(weight, output * large_channels + input))
    });
    filtered(geometry, large, &filters)
}

/// Its input gradient: small `[N, A, h, w]` to large `[N, B, h, w]`.
pub(super) fn convolve_transposed(geometry: &Geometry, small: &[f32], weight: &[f32]) -> Vec<f32> {
    let &Geometry { small_channels, large_channels, .. } = geometry;
    let filters = Filters::new(small_channels, large_channels, |input, output| {
        let mut g = square(weight, input * large_channels + output);
        g.reverse();
        g.iter_mut().for_each(|row| row.reverse());
        filter(g)
    });
    filtered(geometry, small, &filters)
}

fn filtered(geometry: &Geometry, input: &[f32], filters: &Filters) -> Vec<f32> {
    // A group for every thread, where there are enough images.
    let most = geometry.images.div_ceil(rayon::current_num_threads());
    let from = Tiles::new(geometry, filters.inputs, GROUP_TILES, most);
    let to = Tiles::new(geometry, filters.outputs, GROUP_TILES, most);
    let mut output = vec![0.0; geometry.images * to.image_length()];
    let columns = from.columns;
    let bases: Vec<usize> = (0..filters.inputs).map(|channel| channel * columns).collect();
    each_group(
        &mut output,
        to.images * to.image_length(),
        filters.outputs,
        [from.length(), PLACES * (columns + GAP)],
        |index, staged| {
            let length = from.images * from.image_length();
            let images = &input[index * length..];
            from.of_images(&images[..length.min(images.len())], staged);
        },
        |rows, staged, products| {
            let places = staged.chunks_exact(from.place(filters.inputs));
            let products = products.chunks_exact_mut(to.place(rows.len()));
            for (place, (staged, products)) in places.zip(products).enumerate() {
                let products = &mut products[..rows.len() * columns];
                multiply(&filters.place(place), rows.clone(), &bases, staged, columns, products);
            }
        },
        |rows, products, output| to.put_images(rows, products, output),
    );
    output
}

/// Weight gradient: the small and the large tensor to `[A, B, 3, 3]`.
pub(super) fn weight_gradient(geometry: &Geometry, small: &[f32], large: &[f32]) -> Vec<f32> {
    let &Geometry { small_channels, large_channels, .. } = geometry;
    // Groups are summed one after the other, so that what they are must not depend on the threads.
    let tiles = |channels| Tiles::new(geometry, channels, GRADIENT_TILES, geometry.images);
    let (of_small, of_large) = (tiles(small_channels), tiles(large_channels));
    let mut sums = vec![0.0; PLACES * small_channels * large_channels];
    let columns = of_small.columns;
    let bases: Vec<usize> = (0..large_channels).map(|channel| channel * columns).collect();
    let group = |tiles: &Tiles| tiles.images * tiles.image_length();
    let groups = small.chunks(group(&of_small)).zip(large.chunks(group(&of_large)));
    let whole = of_small.images * of_small.height * of_small.width / 4 == columns;
    with_scratch([of_small.length(), of_large.length()], |staged_small, staged_large| {
        for (small, large) in groups {
            // What is no tile of this group must be zero.
            if !whole || small.len() < group(&of_small) {
                staged_small.fill(0.0);
                staged_large.fill(0.0);
            }
            rayon::join(
                || of_small.of_gradients(small, staged_small),
                || of_large.of_images(large, staged_large),
            );
            let by_place = sums.par_chunks_mut(small_channels * large_channels);
            by_place.enumerate().for_each(|(place, sums)| {
                let y = &staged_small[place * of_small.place(small_channels)..];
                let x = &staged_large[place * of_large.place(large_channels)..];
                sums.par_chunks_mut(ROWS * large_channels).enumerate().for_each(|(task, sums)| {
                    let y = &y[task * ROWS * columns..];
                    inner_products(y, columns, &bases, x, columns, sums);
                });
            });
        }
    });
    let mut gradient = vec![0.0; 9 * small_channels * large_channels];
    let of = |place: usize| &sums[place * small_channels * large_channels..];
    let places: [&[f32]; PLACES] = std::array::from_fn(of);
    gradient.par_chunks_mut(9).with_min_len(1024).enumerate().for_each(|(index, gradient)| {
        gradient.copy_from_slice(&unfilter(places.map(|place| place[index])));
    });
    gradient
}
