//! Operations that change sizes, and LeakyReLU: specialised paths against burn's own operations,
//! and kernels that do the work of two operations against both.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};

use crate::nn::ops::{
    composed, conv_transpose2d, conv2d, leaky_relu, mean_pool, nearest_up, pool_kernel,
    resize_kernel,
};
use crate::tests::{backend_name, on_every_backend, relative_error};

on_every_backend!(
    resizing_and_leaky_relu_are_the_composed_ones,
    kernels_of_four_places_are_two_operations,
);

/// Of the largest value: sums of a hundred products in another order.
const TOLERANCE: f64 = 1e-5;

type Unary<B> = fn(Tensor<B, 4>) -> Tensor<B, 4>;

/// What two forms of a function make of an image, and its gradient of a weighted sum.
fn same<B: AutodiffBackend>([found, expected]: [Unary<B>; 2], shape: [usize; 4], what: &str) {
    let values = |factor: f32| {
        move |count: usize| (0..count).map(|i| (i as f32 * factor + 0.3).sin()).collect()
    };
    let [found, expected] = [found, expected].map(|function| {
        let count = shape.iter().product();
        let x = TensorData::new::<f32, _>(values(0.7)(count), shape);
        let x = Tensor::<B, 4>::from_data(x, &Default::default()).require_grad();
        let y = function(x.clone());
        let weights: Vec<f32> = values(1.3)(y.shape().num_elements());
        let weights = Tensor::from_data(TensorData::new(weights, y.dims()), &y.device());
        let gradients = (y.clone() * weights).sum().backward();
        [y.into_data(), x.grad(&gradients).unwrap().into_data()]
    });
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.shape, expected.shape, "{what}");
        let error = relative_error(found, expected);
        assert!(error <= TOLERANCE, "{} {what} {shape:?}: {error:e}", backend_name::<B>());
    }
}

fn resizing_and_leaky_relu_are_the_composed_ones<B: AutodiffBackend>() {
    // burn's pool on wgpu can't make a single value, which no network has.
    for shape in [[2, 3, 4, 6], [1, 2, 2, 2], [3, 2, 16, 10]] {
        same::<B>([mean_pool, composed::mean_pool], shape, "mean pool");
        same::<B>([nearest_up, composed::nearest_up], shape, "nearest up");
        let leaky: [Unary<B>; 2] = [|x| leaky_relu(x, 0.2), |x| composed::leaky_relu(x, 0.2)];
        same::<B>(leaky, shape, "LeakyReLU");
    }
}

fn kernels_of_four_places_are_two_operations<B: AutodiffBackend>() {
    fn weight<B: AutodiffBackend>(x: &Tensor<B, 4>) -> Tensor<B, 4> {
        let shape = [5, x.dims()[1], 3, 3];
        let values = (0..shape.iter().product()).map(|i| (i as f32 * 0.9).cos()).collect();
        Tensor::from_data(TensorData::new::<f32, _>(values, shape), &x.device())
    }
    for shape in [[2, 3, 4, 6], [1, 4, 16, 16]] {
        let pooled: [Unary<B>; 2] = [
            |x| conv2d(x.clone(), pool_kernel(weight(&x)), 2, 1),
            |x| composed::mean_pool(composed::conv2d(x.clone(), weight(&x), None, 1, 1)),
        ];
        same::<B>(pooled, shape, "convolution and mean pool");
        let enlarged: [Unary<B>; 2] = [
            |x| conv_transpose2d(x.clone(), resize_kernel(weight(&x)), 2, 1),
            |x| composed::conv2d(composed::nearest_up(x.clone()), weight(&x), None, 1, 1),
        ];
        same::<B>(enlarged, shape, "nearest up and convolution");
    }
}
