//! Images as Winograd's tiles: cut, transformed and put together again, a plane at a time.

use std::ops::Range;

use pulp::Arch;

use crate::geometry::Geometry;
use crate::product::COLUMNS;

/// Products per tile.
pub(super) const PLACES: usize = 16;

/// Values between one place and the next: a transform touches all sixteen, which must not fall on
/// the same lines of a cache.
pub(super) const GAP: usize = 48;

/// Images of some channels, and how they are cut into tiles.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    channels: usize,
    pub height: usize,
    pub width: usize,
    /// Images of a group.
    pub images: usize,
    /// Tiles of a group, whole blocks of a product's columns.
    pub columns: usize,
}

impl Tiles {
    /// Groups of about `wanted` tiles, of `most` images at most.
    pub fn new(geometry: &Geometry, channels: usize, wanted: usize, most: usize) -> Self {
        let [height, width] = geometry.small;
        let tiles = height * width / 4;
        let images = (wanted / tiles).clamp(1, most);
        let columns = (images * tiles).next_multiple_of(COLUMNS);
        Self { channels, height, width, images, columns }
    }

    pub fn image_length(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The distance of two places with the tiles of `channels` channels each.
    pub fn place(&self, channels: usize) -> usize {
        channels * self.columns + GAP
    }

    /// The length of all sixteen places.
    pub fn length(&self) -> usize {
        PLACES * self.place(self.channels)
    }

    /// Where the tiles of an image's channel lie among those of one place.
    fn tiles(&self, image: usize, channel: usize) -> Range<usize> {
        let tiles = self.height * self.width / 4;
        let start = channel * self.columns + image * tiles;
        start..start + tiles
    }

    /// Calls `transform` with every plane of the images of a group (`source`, which may have fewer)
    /// and puts the sixteen places that it makes of each where they belong. `scratch` holds five
    /// halves of a plane.
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
    pub fn of_images(&self, source: &[f32], to: &mut [f32]) {
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
    pub fn of_gradients(&self, source: &[f32], to: &mut [f32]) {
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
    pub fn put_images(&self, rows: Range<usize>, products: &[f32], output: &mut [f32]) {
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

/// Values that are worked on at once, for the vectoriser: planes are often shorter than what it
/// would choose.
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
