//! The two products that every convolution comes down to, on slices, vectorised.
//!
//! A convolution is a sum over its taps of a weight times the *shifted* input. With the input's
//! channels laid out as padded planes, every (channel, tap) pair is one contiguous row that begins
//! at some base offset; so a convolution is a matrix product whose right-hand rows overlap in
//! memory and need not be copied apart.

use pulp::{Arch, Simd, WithSimd};

/// Columns are computed in blocks of this many; rows and buffers are padded to whole blocks.
pub(crate) const COLUMNS: usize = 32;

/// Taps worked on between two visits of the output, so that a panel of weights stays in the first
/// cache.
const DEPTH: usize = 384;

/// Columns worked on between two panels, so that their input rows stay in the second cache.
const SPAN: usize = 512;

/// The rows of the left matrix: `weight(row, tap)` for `rows` x `taps`.
pub(crate) trait LeftMatrix: Sync {
    /// `weight(row + i, tap)` of `count` rows at `[(tap - first) * width + i]` for the taps in
    /// `first..last`, written to `buffer` where they do not lie so already.
    fn panel<'a>(
        &'a self,
        row: usize,
        count: usize,
        taps: (usize, usize),
        width: usize,
        buffer: &'a mut [f32],
    ) -> &'a [f32];
}

/// `out[m][q] = sum_k weight(m, k) * x[bases[k] + q]` for `m` in `rows` and `q < columns`.
///
/// `out` holds one row of `columns` values per `m`; `columns` is a multiple of [`COLUMNS`], and `x`
/// reaches that far beyond every base.
pub(crate) fn multiply(
    left: &impl LeftMatrix,
    rows: std::ops::Range<usize>,
    bases: &[usize],
    x: &[f32],
    columns: usize,
    out: &mut [f32],
) {
    debug_assert_eq!(columns % COLUMNS, 0);
    let mut buffer = [0.0; DEPTH * 8];
    for span in (0..columns).step_by(SPAN) {
        let span = span..(span + SPAN).min(columns);
        for first in (0..bases.len()).step_by(DEPTH) {
            let last = (first + DEPTH).min(bases.len());
            let mut row = rows.start;
            while row < rows.end {
                let left_over = rows.end - row;
                let width = match left_over {
                    8.. => 8,
                    3.. => 4,
                    _ => left_over,
                };
                let count = width.min(left_over);
                let panel = left.panel(row, count, (first, last), width, &mut buffer);
                let tile = Tile {
                    panel: &panel[..(last - first) * width],
                    bases: &bases[first..last],
                    x,
                    span: span.clone(),
                    out: &mut out[(row - rows.start) * columns..][..count * columns],
                    columns,
                    accumulate: first > 0,
                };
                let arch = Arch::new();
                match width {
                    8 => arch.dispatch(Panel::<8>(tile)),
                    4 => arch.dispatch(Panel::<4>(tile)),
                    2 => arch.dispatch(Panel::<2>(tile)),
                    _ => arch.dispatch(Panel::<1>(tile)),
                }
                row += count;
            }
        }
    }
}

/// One panel of rows times one span of columns.
struct Tile<'a> {
    panel: &'a [f32],
    bases: &'a [usize],
    x: &'a [f32],
    span: std::ops::Range<usize>,
    out: &'a mut [f32],
    columns: usize,
    accumulate: bool,
}

/// A [`Tile`] whose left matrix is `M` rows wide.
struct Panel<'a, const M: usize>(Tile<'a>);

impl<const M: usize> WithSimd for Panel<'_, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Tile { panel, bases, x, span, out, columns, accumulate } = self.0;
        // Registers per row: two 512-bit ones, or as many narrower ones as fit the register file.
        if S::F32_LANES == 16 {
            tile::<S, M, 2>(simd, panel, bases, x, span, out, columns, accumulate);
        } else if S::F32_LANES == 8 {
            // 16 registers: 8 rows of one vector leave room for the weight and the input.
            if M == 8 {
                tile::<S, M, 1>(simd, panel, bases, x, span, out, columns, accumulate);
            } else {
                tile::<S, M, 2>(simd, panel, bases, x, span, out, columns, accumulate);
            }
        } else {
            tile::<S, M, 1>(simd, panel, bases, x, span, out, columns, accumulate);
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)] // the fields of a tile, as locals
fn tile<S: Simd, const M: usize, const V: usize>(
    simd: S,
    panel: &[f32],
    bases: &[usize],
    x: &[f32],
    span: std::ops::Range<usize>,
    out: &mut [f32],
    columns: usize,
    accumulate: bool,
) {
    let lanes = S::F32_LANES;
    let step = V * lanes;
    let mut q = span.start;
    while q < span.end {
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        for (weights, &base) in panel.chunks_exact(M).zip(bases) {
            let (x, _) = S::as_simd_f32s(&x[base + q..base + q + step]);
            for m in 0..M {
                let weight = simd.splat_f32s(weights[m]);
                for v in 0..V {
                    sums[m][v] = simd.mul_add_f32s(weight, x[v], sums[m][v]);
                }
            }
        }
        for (row, sums) in out.chunks_exact_mut(columns).zip(sums) {
            let (row, _) = S::as_mut_simd_f32s(&mut row[q..q + step]);
            for v in 0..V {
                row[v] = if accumulate { simd.add_f32s(row[v], sums[v]) } else { sums[v] };
            }
        }
        q += step;
    }
}

/// Columns of the inner products worked on at once, so that their rows stay in the caches.
const REACH: usize = 1024;

/// Rows and taps of one tile of inner products.
const TILE: (usize, usize) = (4, 4);

/// `out[m][k] += sum_q y[m * stride + q] * x[bases[k] + q]` for `q < columns`: the weight gradient.
///
/// `out` holds one row of `bases.len()` values per `m`; `columns` is a multiple of [`COLUMNS`].
pub(crate) fn inner_products(
    y: &[f32],
    stride: usize,
    bases: &[usize],
    x: &[f32],
    columns: usize,
    out: &mut [f32],
) {
    debug_assert_eq!(columns % COLUMNS, 0);
    Arch::new().dispatch(Inner { y, stride, bases, x, columns, out });
}

struct Inner<'a> {
    y: &'a [f32],
    stride: usize,
    bases: &'a [usize],
    x: &'a [f32],
    columns: usize,
    out: &'a mut [f32],
}

impl WithSimd for Inner<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { y, stride, bases, x, columns, out } = self;
        let rows = out.len() / bases.len();
        for q in (0..columns).step_by(REACH) {
            let length = REACH.min(columns - q);
            for m in (0..rows).step_by(TILE.0) {
                // The last tile repeats its last row and tap instead of being smaller.
                let at_row = |i: usize| (m + i).min(rows - 1);
                let left: [&[S::f32s]; TILE.0] = std::array::from_fn(|i| {
                    S::as_simd_f32s(&y[at_row(i) * stride + q..][..length]).0
                });
                for k in (0..bases.len()).step_by(TILE.1) {
                    let at_tap = |j: usize| bases[(k + j).min(bases.len() - 1)];
                    let right: [&[S::f32s]; TILE.1] =
                        std::array::from_fn(|j| S::as_simd_f32s(&x[at_tap(j) + q..][..length]).0);
                    let mut sums = [[simd.splat_f32s(0.0); TILE.1]; TILE.0];
                    let vectors = length / S::F32_LANES;
                    let left = left.map(|row| &row[..vectors]);
                    let right = right.map(|row| &row[..vectors]);
                    for v in 0..vectors {
                        for i in 0..TILE.0 {
                            for j in 0..TILE.1 {
                                sums[i][j] = simd.mul_add_f32s(left[i][v], right[j][v], sums[i][j]);
                            }
                        }
                    }
                    for (i, sums) in sums.into_iter().enumerate().take(rows - m) {
                        let row = &mut out[(m + i) * bases.len()..][..bases.len()];
                        for (cell, sum) in row[k..].iter_mut().zip(sums) {
                            *cell += simd.reduce_sum_f32s(sum);
                        }
                    }
                }
            }
        }
    }
}
