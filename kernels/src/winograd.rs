//! 3x3 convolutions by Winograd's minimal filtering, `F(2x2, 3x3)` (Lavin and Gray, 2015,
//! arXiv:1509.09308): 16 products for every 2x2 pixels instead of 36.
//!
//! Images are cut into tiles of 4x4 pixels that overlap by two. With tiles `d`, filters `g` and
//! output gradients `dy`, a convolution is `A' [(G g G') * (B' d B)] A`, where `*` is by element,
//! so that the sum over channels is sixteen matrix products. The weight gradient is
//! `G' [(A dy A') * (B' d B)] G`.

mod filters;
mod tiles;

use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::groups::{each_group, with_scratch};
use crate::product::{inner_products, multiply};
use crate::winograd::filters::{Filters, filter, square, unfilter};
use crate::winograd::tiles::{GAP, PLACES, Tiles};

/// Tiles that are worked on together, so that their sixteen products' operands stay in the caches.
const GROUP_TILES: usize = 128;

/// The same for weight gradients, which sum over tiles and so want many.
const GRADIENT_TILES: usize = 512;

/// Rows of a weight gradient that one task makes.
const ROWS: usize = 64;

/// Fewer channels than this do not repay the transforms.
const LEAST_CHANNELS: usize = 16;

/// Whether a convolution is one of these.
pub(crate) fn suits(geometry: &Geometry) -> bool {
    let &Geometry { kernel, stride, padding, small, small_channels, large_channels, .. } = geometry;
    [kernel, stride, padding] == [3, 1, 1]
        && small.iter().all(|side| side.is_multiple_of(2))
        && small_channels.min(large_channels) >= LEAST_CHANNELS
}

/// Convolution: large `[N, B, h, w]` to small `[N, A, h, w]`.
pub(crate) fn convolve(geometry: &Geometry, large: &[f32], weight: &[f32]) -> Vec<f32> {
    let &Geometry { small_channels, large_channels, .. } = geometry;
    let filters = Filters::new(large_channels, small_channels, |input, output| {
        filter(square(weight, output * large_channels + input))
    });
    filtered(geometry, large, &filters)
}

/// Its input gradient: small `[N, A, h, w]` to large `[N, B, h, w]`.
pub(crate) fn convolve_transposed(geometry: &Geometry, small: &[f32], weight: &[f32]) -> Vec<f32> {
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
pub(crate) fn weight_gradient(geometry: &Geometry, small: &[f32], large: &[f32]) -> Vec<f32> {
    let &Geometry { small_channels, large_channels, .. } = geometry;
    // The groups are summed in order, so their sizes must not depend on the number of threads.
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
            // Places that hold no tile of this group must be zero.
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
