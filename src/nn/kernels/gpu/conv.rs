//! Square convolutions as matrix products: forward, transposed and weight gradient.
//!
//! A matrix product needs the columns of one of the two tensors that a [`Geometry`] relates, or
//! gives what has to be folded into one of them: of either there is a choice, and the one with
//! fewer values is taken. So the 7x7 convolution to three channels, whose input's columns would
//! take gigabytes, is a product with the columns of its output.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::nn::kernels::gpu::columns::Columns;
use crate::nn::kernels::gpu::fold::Fold;
use crate::nn::kernels::gpu::kernel::Launch;
use crate::nn::kernels::gpu::product::Product;
use crate::nn::kernels::gpu::tensor_cores::TensorCoreProduct;
use crate::nn::kernels::gpu::window::{Side, Window};
use crate::nn::kernels::primitive::{primitive, tensor};
use stargan_kernels::geometry::Geometry;

/// The most values of columns of several images at a time, 512 MiB of float32; more images are done
/// in parts.
pub(super) const MOST_VALUES: usize = 1 << 27;

/// Where an image has at least so many places, the weight's gradient, a sum over images and places,
/// is one matrix product per image and their sum: work for many processors.
const MANY_PLACES: usize = 512;

/// The side of a tile of a matrix product's output, of which a processor computes one at a time.
const TILE: usize = 128;

/// The tiles that keep a GPU busy. Where an output has fewer, its sums are split.
const MANY_TILES: usize = 128;

/// The least terms of a part of a sum.
const LEAST_TERMS: usize = 512;

/// The products of one geometry.
///
/// Their rows are places of images, their columns channels, or taps and channels: what a tensor
/// `[N, C, h, w]` is in memory if its channels are last there, and a weight `[A, B, k, k]`
/// likewise. All that is made here is so; what is given otherwise is copied.
struct Products<'a> {
    geometry: &'a Geometry,
    /// Of columns of several images at a time.
    most_values: usize,
    /// The side whose pixels the taps are laid out at.
    at: Side,
}

impl<'a> Products<'a> {
    /// Those with the columns that have fewer values.
    fn smallest(geometry: &'a Geometry, most_values: usize) -> Self {
        let at = match few_small_channels(geometry) {
            true => Side::Large,
            false => Side::Small,
        };
        Self { geometry, most_values, at }
    }

    fn window(&self) -> Window {
        let &Geometry { kernel, stride, padding, .. } = self.geometry;
        let [kernel, stride, padding] = [kernel, stride, padding].map(|value| value as u32);
        Window { kernel, stride, padding }
    }

    /// `[h, w]` of a side.
    fn pixels(&self, side: Side) -> [usize; 2] {
        let Geometry { small, stride, .. } = self.geometry;
        match side {
            Side::Small => *small,
            Side::Large => small.map(|pixels| pixels * stride),
        }
    }

    fn places(&self) -> usize {
        self.pixels(self.at).iter().product()
    }

    /// The channels whose taps are laid out, times the taps.
    fn taps(&self) -> usize {
        let &Geometry { small_channels, large_channels, kernel, .. } = self.geometry;
        let channels = if self.at == Side::Small { large_channels } else { small_channels };
        channels * kernel * kernel
    }

    /// The images of every part that is done at a time.
    fn parts(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let images = self.geometry.images;
        let of_one = self.taps() * self.places();
        assert!(u32::try_from(of_one).is_ok(), "an image of {} places", self.places());
        let at_a_time = (self.most_values / of_one).clamp(1, images);
        (0..images).step_by(at_a_time).map(move |first| first..images.min(first + at_a_time))
    }

    /// The columns of a tensor of the other side, `[N h w, k k C]`.
    fn columns<B: Launch>(&self, source: Tensor<B, 4>) -> Tensor<B, 2> {
        let places = self.pixels(self.at);
        let kernel = Columns { side: self.at, window: self.window(), places };
        tensor(B::run(kernel, vec![primitive(&source)]).remove(0))
    }

    /// What is given at the taps, `[N h w, k k C]`, to the other side's pixels.
    fn fold<B: Launch>(&self, given: Tensor<B, 2>) -> Tensor<B, 4> {
        let side = if self.at == Side::Small { Side::Large } else { Side::Small };
        let (places, pixels) = (self.pixels(self.at), self.pixels(side));
        let kernel = Fold { side, window: self.window(), places, pixels };
        tensor(B::run(kernel, vec![primitive(&given)]).remove(0))
    }

    /// `[N h w, C]` to a tensor of this side.
    fn image<B: Launch>(&self, rows: Tensor<B, 2>) -> Tensor<B, 4> {
        let [places, c] = rows.dims();
        let [h, w] = self.pixels(self.at);
        rows.reshape([places / (h * w), h, w, c]).permute([0, 3, 1, 2])
    }

    /// The weight `[A, B, k, k]` as a matrix `[M, k k C]` to the taps of one side's channels from
    /// the other side's.
    fn matrix<B: Launch>(&self, weight: Tensor<B, 4>) -> Tensor<B, 2> {
        let [a, b, k, _] = weight.dims();
        match self.at {
            Side::Small => weight.permute([0, 2, 3, 1]).reshape([a, k * k * b]),
            Side::Large => weight.permute([1, 2, 3, 0]).reshape([b, k * k * a]),
        }
    }

    /// The inverse of [`matrix`](Self::matrix).
    fn weight<B: Launch>(&self, matrix: Tensor<B, 2>) -> Tensor<B, 4> {
        let [a, b, k, _] = self.geometry.weight_shape();
        match self.at {
            Side::Small => matrix.reshape([a, k, k, b]).permute([0, 3, 1, 2]),
            Side::Large => matrix.reshape([b, k, k, a]).permute([3, 0, 1, 2]),
        }
    }

    /// From the side of the columns' pixels to that of the places.
    fn gather<B: Launch>(&self, source: Tensor<B, 4>, weight: Tensor<B, 4>) -> Tensor<B, 4> {
        let matrix = self.matrix(weight);
        self.by_parts(source, |source| self.image(of_rows(self.columns(source), matrix.clone())))
    }

    /// From the side of the places to that of the columns' pixels.
    fn scatter<B: Launch>(&self, source: Tensor<B, 4>, weight: Tensor<B, 4>) -> Tensor<B, 4> {
        let matrix = self.matrix(weight);
        self.by_parts(source, |source| self.fold(product(rows(source), matrix.clone())))
    }

    fn by_parts<B: Launch>(
        &self,
        source: Tensor<B, 4>,
        convolve: impl Fn(Tensor<B, 4>) -> Tensor<B, 4>,
    ) -> Tensor<B, 4> {
        let parts = self.parts().map(|images| convolve(part(self.geometry, &source, &images)));
        joined(parts.collect())
    }

    /// What images `places` of the side of the places and the columns of the other side give to the
    /// weight's gradient, as a [`matrix`](Self::matrix).
    fn weight_gradient<B: Launch>(
        &self,
        places: Tensor<B, 4>,
        columns: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let [images, ..] = places.dims();
        let places = rows(places);
        if images == 1 || self.places() < MANY_PLACES {
            return product(places.transpose(), columns);
        }
        let [places, columns] = [places, columns].map(|of| {
            let [rows, values] = of.dims();
            of.reshape([images, rows / images, values])
        });
        products(places.transpose(), columns).sum_dim(0).squeeze_dim(0)
    }

    /// Of what [`gather`](Self::gather)ing with `gradient`'s columns is the input gradient of: the
    /// gradients of `x`, which has the side of the places, and of the weight. The columns are taken
    /// once for both.
    fn gather_gradients<B: Launch>(
        &self,
        gradient: Tensor<B, 4>,
        x: Tensor<B, 4>,
        weight: Tensor<B, 4>,
    ) -> [Tensor<B, 4>; 2] {
        let matrix = self.matrix(weight);
        let (mut of_x, mut of_weight) = (Vec::new(), None);
        for images in self.parts() {
            let columns = self.columns(part(self.geometry, &gradient, &images));
            let more = self.weight_gradient(part(self.geometry, &x, &images), columns.clone());
            of_weight = Some(match of_weight {
                Some(sum) => sum + more,
                None => more,
            });
            of_x.push(self.image(of_rows(columns, matrix.clone())));
        }
        let of_weight = of_weight.expect("a convolution of at least one image");
        [joined(of_x), self.weight(of_weight)]
    }
}

fn joined<B: Launch>(mut parts: Vec<Tensor<B, 4>>) -> Tensor<B, 4> {
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 0) }
}

/// `[N h w, C]` of `[N, C, h, w]`.
fn rows<B: Launch>(x: Tensor<B, 4>) -> Tensor<B, 2> {
    let [n, c, h, w] = x.dims();
    x.permute([0, 2, 3, 1]).reshape([n * h * w, c])
}

/// The products of the rows of one matrix `[R, K]` and of another `[M, K]`, `[R, M]`. Where these
/// are few, every one is a sum of sums, which are computed at the same time.
fn of_rows<B: Launch>(left: Tensor<B, 2>, right: Tensor<B, 2>) -> Tensor<B, 2> {
    let [[rows, terms], [columns, _]] = [left.dims(), right.dims()];
    let parts = (MANY_TILES / tiles(rows, columns)).min(terms / LEAST_TERMS).max(1);
    let parts = 1 << parts.ilog2();
    if parts == 1 || !terms.is_multiple_of(parts) {
        return product(left, right.transpose());
    }
    let [left, right] = [left, right].map(|matrix| {
        let [rows, _] = matrix.dims();
        matrix.reshape([rows, parts, terms / parts]).swap_dims(0, 1)
    });
    products(left, right.transpose()).sum_dim(0).squeeze_dim(0)
}

fn tiles(rows: usize, columns: usize) -> usize {
    rows.div_ceil(TILE) * columns.div_ceil(TILE)
}

/// Whether a convolution has so few outputs that it had better be computed in parts of its sums.
pub(super) fn few_outputs(geometry: &Geometry) -> bool {
    let places = geometry.images * geometry.small.iter().product::<usize>();
    2 * tiles(places, geometry.small_channels) <= MANY_TILES
}

/// The matrix product.
fn product<B: Launch>(left: Tensor<B, 2>, right: Tensor<B, 2>) -> Tensor<B, 2> {
    products(left.unsqueeze(), right.unsqueeze()).squeeze_dim(0)
}

/// Matrix products.
fn products<B: Launch>(left: Tensor<B, 3>, right: Tensor<B, 3>) -> Tensor<B, 3> {
    let factors = vec![primitive(&left), primitive(&right)];
    let products = match B::has_tensor_cores() {
        true => B::run(TensorCoreProduct, factors),
        false => B::run(Product, factors),
    };
    let [products] = <[_; 1]>::try_from(products).expect("one output");
    tensor(products)
}

/// Whether the taps of the small tensor's channels at the large pixels are fewer than those of the
/// large one's at the small pixels: so it is where an image comes out of many channels.
pub(super) fn few_small_channels(geometry: &Geometry) -> bool {
    let &Geometry { small_channels, large_channels, stride, .. } = geometry;
    small_channels * stride * stride < large_channels
}

/// Convolution: large `[N, B, s h, s w]` to small `[N, A, h, w]`.
pub(super) fn convolve<B: Launch>(
    geometry: &Geometry,
    most_values: usize,
    large: Tensor<B, 4>,
    weight: Tensor<B, 4>,
) -> Tensor<B, 4> {
    let products = Products::smallest(geometry, most_values);
    match products.at {
        Side::Small => products.gather(large, weight),
        Side::Large => products.scatter(large, weight),
    }
}

/// Transposed convolution: small `[N, A, h, w]` to large `[N, B, s h, s w]`.
pub(super) fn convolve_transposed<B: Launch>(
    geometry: &Geometry,
    most_values: usize,
    small: Tensor<B, 4>,
    weight: Tensor<B, 4>,
) -> Tensor<B, 4> {
    let products = Products::smallest(geometry, most_values);
    match products.at {
        Side::Small => products.scatter(small, weight),
        Side::Large => products.gather(small, weight),
    }
}

/// Weight gradient: the small and the large tensor to `[A, B, k, k]`.
pub(super) fn weight_gradient<B: Launch>(
    geometry: &Geometry,
    most_values: usize,
    small: Tensor<B, 4>,
    large: Tensor<B, 4>,
) -> Tensor<B, 4> {
    let products = Products::smallest(geometry, most_values);
    let (places, source) = match products.at {
        Side::Small => (small, large),
        Side::Large => (large, small),
    };
    let of_part = |images: Range<usize>| {
        let columns = products.columns(part(geometry, &source, &images));
        products.weight_gradient(part(geometry, &places, &images), columns)
    };
    let gradient = products.parts().map(of_part).reduce(Tensor::add);
    products.weight(gradient.expect("a convolution of at least one image"))
}

/// The gradients of the large tensor and of the weight, given that of the small tensor.
pub(super) fn convolve_gradients<B: Launch>(
    geometry: &Geometry,
    most_values: usize,
    small: Tensor<B, 4>,
    large: Tensor<B, 4>,
    weight: Tensor<B, 4>,
) -> [Tensor<B, 4>; 2] {
    let products = Products::smallest(geometry, most_values);
    match products.at {
        Side::Small => {
            let dw = weight_gradient(geometry, most_values, small.clone(), large);
            [products.scatter(small, weight), dw]
        }
        Side::Large => products.gather_gradients(small, large, weight),
    }
}

/// The gradients of the small tensor and of the weight, given that of the large tensor.
pub(super) fn convolve_transposed_gradients<B: Launch>(
    geometry: &Geometry,
    most_values: usize,
    small: Tensor<B, 4>,
    large: Tensor<B, 4>,
    weight: Tensor<B, 4>,
) -> [Tensor<B, 4>; 2] {
    let products = Products::smallest(geometry, most_values);
    match products.at {
        Side::Small => products.gather_gradients(large, small, weight),
        Side::Large => {
            let dw = weight_gradient(geometry, most_values, small, large.clone());
            [products.scatter(large, weight), dw]
        }
    }
}

/// The part of a tensor that has these images.
fn part<B: Launch>(geometry: &Geometry, of: &Tensor<B, 4>, images: &Range<usize>) -> Tensor<B, 4> {
    match images.len() == geometry.images {
        true => of.clone(),
        false => of.clone().slice([images.clone()]),
    }
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use burn::backend::Wgpu as B;
    use burn::tensor::{TensorData, Tolerance};

    use super::*;

    fn waves(shape: [usize; 4], step: f32) -> Tensor<B, 4> {
        let values = (0..shape.iter().product()).map(|i: usize| (i as f32 * step).sin()).collect();
        Tensor::from_data(TensorData::new::<f32, _>(values, shape), &Default::default())
    }

    #[test]
    fn images_in_parts_are_convolved_as_together() {
        // Columns of the large tensor, of the small one, and gathered ones.
        for [n, a, b, side, kernel, stride] in
            [[3, 4, 2, 24, 3, 1], [3, 1, 8, 24, 7, 1], [5, 6, 8, 4, 4, 2]]
        {
            let (small, large) = ([n, a, side, side], [n, b, side * stride, side * stride]);
            let weight = [a, b, kernel, kernel];
            let padding = (kernel - stride) / 2;
            let geometry = Geometry::of_convolution(large, weight, stride, padding).unwrap();
            let (small, large, weight) =
                (waves(small, 0.37), waves(large, 0.73), waves(weight, 0.91));
            let run = |most| {
                let given = || (small.clone(), large.clone(), weight.clone());
                let of_two = |of: fn(&Geometry, usize, _, _, _) -> [Tensor<B, 4>; 2]| {
                    let (small, large, weight) = given();
                    of(&geometry, most, small, large, weight)
                };
                let (small, large, weight) = given();
                let mut all = vec![
                    convolve(&geometry, most, large.clone(), weight.clone()),
                    convolve_transposed(&geometry, most, small.clone(), weight),
                    weight_gradient(&geometry, most, small, large),
                ];
                all.extend(of_two(convolve_gradients));
                all.extend(of_two(convolve_transposed_gradients));
                all.into_iter().map(Tensor::into_data).collect::<Vec<_>>()
            };
            let per_image = Products::smallest(&geometry, MOST_VALUES);
            let per_image = per_image.taps() * per_image.places();
            for (found, expected) in run(2 * per_image).into_iter().zip(run(MOST_VALUES)) {
                // Sums of up to 1,728 terms in another order.
                found.assert_approx_eq(&expected, Tolerance::<f32>::rel_abs(1e-4, 1e-4));
            }
        }
    }
}
