//! Square convolutions as matrix products: forward, transposed and weight gradient.
//!
//! A matrix product needs the columns of one of the two tensors that a [`Geometry`] relates, or
//! gives what has to be folded into one of them: of either there is a choice, and the one with
//! fewer values is taken. So the 7x7 convolution to three channels, whose input's columns would
//! take gigabytes, is a product with the columns of its output.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::nn::kernels::geometry::Geometry;
use crate::nn::kernels::gpu::columns::Columns;
use crate::nn::kernels::gpu::fold::Fold;
use crate::nn::kernels::gpu::kernel::Launch;
use crate::nn::kernels::gpu::product::Product;
use crate::nn::kernels::gpu::switches::Switch;
use crate::nn::kernels::gpu::window::{Side, Window};
use crate::nn::kernels::primitive::{primitive, tensor};

/// The most values of columns of several images at a time, 512 MiB of float32; more images are done
/// in parts.
pub(super) const MOST_VALUES: usize = 1 << 27;

/// Where an image has fewer places than this, the images' columns are laid side by side: one matrix
/// product that reads the weight once. Where it has more, there is one product per image, so that a
/// sum over images and places, the weight's gradient, is split among many processors.
const FEW_PLACES: usize = 512;

/// The products of one geometry.
struct Products<'a> {
    geometry: &'a Geometry,
    /// Of columns of several images at a time.
    most_values: usize,
    /// The side whose pixels the taps are laid out at.
    at: Side,
}

impl<'a> Products<'a> {
    /// Those with the columns that have fewer values: of the large tensor at small places, or of
    /// the small one at large places.
    fn smallest(geometry: &'a Geometry, most_values: usize) -> Self {
        let &Geometry { small_channels, large_channels, stride, .. } = geometry;
        let at = match small_channels * stride * stride < large_channels {
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

    fn gathered(&self) -> bool {
        self.places() < FEW_PLACES
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
        let at_a_time = (self.most_values / (self.taps() * self.places())).clamp(1, images);
        (0..images).step_by(at_a_time).map(move |first| first..images.min(first + at_a_time))
    }

    /// The columns of a tensor of the other side: `[C k k, N h w]` where they are gathered,
    /// otherwise `[N, C k k, h w]`; as `[1 or N, C k k, ..]`.
    fn columns<B: Launch>(&self, source: Tensor<B, 4>) -> Tensor<B, 3> {
        let kernel = Columns {
            side: self.at,
            window: self.window(),
            places: self.pixels(self.at),
            gathered: self.gathered(),
        };
        let columns = B::run(kernel, vec![primitive(&source)]).remove(0);
        match self.gathered() {
            true => tensor::<B, 2>(columns).unsqueeze(),
            false => tensor(columns),
        }
    }

    /// What is given at the taps, laid out as [`columns`](Self::columns), to the other side's
    /// pixels.
    fn fold<B: Launch>(&self, given: Tensor<B, 3>, images: usize) -> Tensor<B, 4> {
        let to = if self.at == Side::Small { Side::Large } else { Side::Small };
        let kernel = Fold {
            side: to,
            window: self.window(),
            places: self.pixels(self.at),
            pixels: self.pixels(to),
            images,
            gathered: self.gathered(),
        };
        let given = match self.gathered() {
            true => primitive(&given.squeeze_dim::<2>(0)),
            false => primitive(&given),
        };
        tensor(B::run(kernel, vec![given]).remove(0))
    }

    /// A tensor of this side, `[N, C, h, w]`, as the columns are laid out: `[1, C, N h w]` or
    /// `[N, C, h w]`.
    fn flat<B: Launch>(&self, x: Tensor<B, 4>) -> Tensor<B, 3> {
        let [n, c, h, w] = x.dims();
        match self.gathered() {
            true => x.swap_dims(0, 1).reshape([1, c, n * h * w]),
            false => x.reshape([n, c, h * w]),
        }
    }

    /// The inverse of [`flat`](Self::flat).
    fn unflat<B: Launch>(&self, x: Tensor<B, 3>, images: usize) -> Tensor<B, 4> {
        let [_, c, _] = x.dims();
        let [h, w] = self.pixels(self.at);
        match self.gathered() {
            true => x.reshape([c, images, h, w]).swap_dims(0, 1),
            false => x.reshape([images, c, h, w]),
        }
    }

    /// The weight `[A, B, k, k]` as a matrix `[1, M, C k k]` from the taps of one side's channels
    /// to the other side's.
    fn matrix<B: Launch>(&self, weight: Tensor<B, 4>) -> Tensor<B, 3> {
        let [a, b, k, _] = weight.dims();
        match self.at {
            Side::Small => weight.reshape([1, a, b * k * k]),
            Side::Large => weight.swap_dims(0, 1).reshape([1, b, a * k * k]),
        }
    }

    /// The inverse of [`matrix`](Self::matrix).
    fn weight<B: Launch>(&self, matrix: Tensor<B, 3>) -> Tensor<B, 4> {
        let [a, b, k, _] = self.geometry.weight_shape();
        match self.at {
            Side::Small => matrix.reshape([a, b, k, k]),
            Side::Large => matrix.reshape([b, a, k, k]).swap_dims(0, 1),
        }
    }

    /// From the side of the columns' pixels to that of the places.
    fn gather<B: Launch>(&self, source: Tensor<B, 4>, weight: Tensor<B, 4>) -> Tensor<B, 4> {
        let matrix = self.matrix(weight);
        self.by_parts(source, |source| {
            let [images, ..] = source.dims();
            self.unflat(product(matrix.clone(), self.columns(source)), images)
        })
    }

    /// From the side of the places to that of the columns' pixels.
    fn scatter<B: Launch>(&self, source: Tensor<B, 4>, weight: Tensor<B, 4>) -> Tensor<B, 4> {
        let matrix = self.matrix(weight).transpose();
        self.by_parts(source, |source| {
            let [images, ..] = source.dims();
            self.fold(product(matrix.clone(), self.flat(source)), images)
        })
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
        columns: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        let gradient = product(self.flat(places), columns.transpose());
        if gradient.dims()[0] == 1 { gradient } else { gradient.sum_dim(0) }
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
            of_x.push(self.unflat(product(matrix.clone(), columns), images.len()));
        }
        let of_weight = of_weight.expect("a convolution of at least one image");
        [joined(of_x), self.weight(of_weight)]
    }
}

fn joined<B: Launch>(mut parts: Vec<Tensor<B, 4>>) -> Tensor<B, 4> {
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 0) }
}

/// The matrix product, by a kernel that burn has tuned for it or, where that is switched off, a
/// plain one.
fn product<B: Launch>(left: Tensor<B, 3>, right: Tensor<B, 3>) -> Tensor<B, 3> {
    if Switch::Tuning.is_on() {
        return left.matmul(right);
    }
    tensor(B::run(Product, vec![primitive(&left), primitive(&right)]).remove(0))
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
