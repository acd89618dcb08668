//! Every specialised operation and its gradients against the composed one, on all backends that
//! have one.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{DType, Tensor, TensorData, Tolerance};
use rand::Rng;

use crate::nn::ops::{self, composed};
use crate::random::{Purpose, stream};
use stargan_kernels::adam_step::AdamStep;

type Four<B> = Tensor<B, 4>;

fn random<B: AutodiffBackend, const D: usize>(shape: [usize; D], seed: u64) -> Tensor<B, D> {
    let mut rng = stream(seed, Purpose::Step, D as u64, 0);
    let values = (0..shape.iter().product()).map(|_| rng.random::<f32>() - 0.5).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), &B::Device::default())
        .require_grad()
}

/// The shapes and seeds of two tensors of four dimensions, and the length of one of one.
type Given = ([([usize; 4], u64); 2], Option<usize>);

/// The output of a function of what is given, and the gradients of a weighted sum of it.
fn run<B: AutodiffBackend>(
    (inputs, vector): Given,
    function: impl Fn([Four<B>; 2], Option<Tensor<B, 1>>) -> Four<B>,
) -> Vec<TensorData> {
    let inputs = inputs.map(|(shape, seed)| random::<B, 4>(shape, seed));
    let vector = vector.map(|length| random::<B, 1>([length], 4));
    let output = function(inputs.clone(), vector.clone());
    let weights = random::<B, 4>(output.dims(), 99).inner();
    let gradients = (output.clone() * Tensor::from_inner(weights)).sum().backward();
    let mut data = vec![output.into_data()];
    data.extend(inputs.iter().map(|input| input.grad(&gradients).unwrap().into_data()));
    data.extend(vector.iter().map(|input| input.grad(&gradients).unwrap().into_data()));
    data
}

fn assert_same(found: Vec<TensorData>, expected: Vec<TensorData>, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.into_iter().zip(expected).enumerate() {
        // Sums of up to 2,000 products of numbers below 1/2, in another order.
        let tolerance = Tolerance::<f32>::rel_abs(1e-4, 5e-5);
        assert_eq!(found.shape, expected.shape, "{what}, part {i}");
        found.assert_approx_eq(&expected, tolerance);
    }
}

/// `[images, small channels, large channels, height, width of the small tensor, kernel, stride]`.
const SHAPES: [[usize; 7]; 18] = [
    [1, 1, 1, 1, 1, 3, 1],
    [2, 3, 5, 4, 6, 3, 1],
    [3, 16, 8, 8, 8, 3, 1],
    // By Winograd's filtering: whole and short groups, panels and blocks that do not fit.
    [3, 16, 24, 8, 8, 3, 1],
    [5, 37, 20, 16, 24, 3, 1],
    [2, 16, 16, 2, 2, 3, 1],
    [3, 21, 18, 32, 36, 3, 1],
    [2, 8, 11, 16, 16, 7, 1],
    [2, 3, 16, 12, 20, 7, 1],
    [1, 70, 40, 9, 7, 3, 1],
    [4, 8, 3, 16, 16, 4, 2],
    [3, 16, 8, 5, 3, 4, 2],
    [5, 33, 32, 1, 1, 4, 2],
    [2, 9, 50, 2, 2, 4, 2],
    // By patches.
    [16, 64, 32, 2, 2, 4, 2],
    [3, 13, 6, 4, 6, 4, 2],
    [1, 12, 20, 32, 32, 4, 2],
    // Parts of several images, and a rest.
    [3, 2, 1, 24, 24, 3, 1],
];

/// Those of `B` against what burn composes on `R`.
fn convolutions_match<B: AutodiffBackend, R: AutodiffBackend>() {
    for shape @ [n, a, b, h, w, kernel, stride] in SHAPES {
        let padding = (kernel - stride) / 2;
        let what = format!("{shape:?}");
        let weight = ([a, b, kernel, kernel], 1);
        let small = ([n, a, h, w], 2);
        let large = ([n, b, h * stride, w * stride], 3);
        let given = ([large, weight], None);
        assert_same(
            run::<B>(given, |[x, w], _| ops::conv2d(x, w, stride, padding)),
            run::<R>(given, |[x, w], _| composed::conv2d(x, w, None, stride, padding)),
            &format!("convolution {what}"),
        );
        let given = ([large, weight], Some(a));
        let slides = [stride, padding];
        assert_same(
            run::<B>(given, |[x, w], b| ops::conv2d_leaky_relu(x, w, b.unwrap(), slides, 0.1)),
            run::<R>(given, |[x, w], b| composed::conv2d_leaky_relu(x, w, b.unwrap(), slides, 0.1)),
            &format!("leaky convolution {what}"),
        );
        let given = ([small, weight], None);
        assert_same(
            run::<B>(given, |[x, w], _| ops::conv_transpose2d(x, w, stride, padding)),
            run::<R>(given, |[x, w], _| composed::conv_transpose2d(x, w, stride, padding)),
            &format!("transposed convolution {what}"),
        );
    }
}

fn threads_change_nothing<B: AutodiffBackend>() {
    for [n, a, b, h, w, kernel, stride] in SHAPES {
        let padding = (kernel - stride) / 2;
        let run = || {
            let weight = random::<B, 4>([a, b, kernel, kernel], 1);
            let large = random::<B, 4>([n, b, h * stride, w * stride], 3);
            let output = ops::conv2d(large.clone(), weight.clone(), stride, padding);
            let weights = random::<B, 4>(output.dims(), 99).inner();
            let gradients = (output.clone() * Tensor::from_inner(weights)).sum().backward();
            [output.into_data(), large.grad(&gradients).unwrap().into_data()]
                .into_iter()
                .chain([weight.grad(&gradients).unwrap().into_data()])
                .collect::<Vec<_>>()
        };
        let [one, three] = [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(run)
        });
        assert_eq!(one, three, "{:?}", [n, a, b, h, w, kernel, stride]);
    }
}

/// `[N, C, H, W]`, with sides of 1 among them.
const IMAGES: [[usize; 4]; 6] =
    [[1, 1, 1, 1], [2, 3, 5, 7], [3, 16, 8, 8], [2, 8, 6, 1], [2, 16, 1, 9], [1, 2, 40, 33]];

/// As [`random`], larger and not around 0, with the channels last in memory where `last`, as burn's
/// convolutions leave them on some devices.
fn random_images<B: AutodiffBackend>([n, c, h, w]: [usize; 4], seed: u64, last: bool) -> Four<B> {
    let values = |shape| random::<B, 4>(shape, seed).inner() * 3.0 + 1.0;
    let images = match last {
        true => values([n, h, w, c]).permute([0, 3, 1, 2]),
        false => values([n, c, h, w]),
    };
    Tensor::from_inner(images).require_grad()
}

fn norms_match<B: AutodiffBackend>() {
    for shape in IMAGES {
        // Of one pixel every gradient is 0.
        if shape[2] * shape[3] == 1 {
            continue;
        }
        for [relu, last] in [[false, false], [true, false], [false, true], [true, true]] {
            let x = random_images::<B>(shape, 1, last);
            let gamma = random::<B, 1>([shape[1]], 2);
            let beta = random::<B, 1>([shape[1]], 3);
            let run = |norm: &dyn Fn(Four<B>, Tensor<B, 1>, Tensor<B, 1>) -> Four<B>| {
                let y = norm(x.clone(), gamma.clone(), beta.clone());
                let weights = random_images::<B>(shape, 9, last).inner();
                let gradients = (y.clone() * Tensor::from_inner(weights)).sum().backward();
                [
                    y.into_data(),
                    x.grad(&gradients).unwrap().into_data(),
                    gamma.grad(&gradients).unwrap().into_data(),
                    beta.grad(&gradients).unwrap().into_data(),
                ]
            };
            let skip = random_images::<B>(shape, 5, last);
            let found = [
                run(&|x, gamma, beta| ops::instance_norm(x, gamma, beta, relu)),
                run(&|x, gamma, beta| {
                    ops::instance_norm_onto(skip.clone() + x.clone(), x, gamma, beta)
                }),
            ];
            let expected = [
                run(&|x, gamma, beta| composed::instance_norm(x, gamma, beta, relu)),
                run(&|x, gamma, beta| {
                    skip.clone() + x.clone() + composed::instance_norm(x, gamma, beta, false)
                }),
            ];
            for (found, expected) in found.into_iter().flatten().zip(expected.into_iter().flatten())
            {
                // Means over up to 1,320 values of order 1, in another order.
                found.assert_approx_eq(&expected, Tolerance::<f32>::rel_abs(1e-4, 2e-5));
            }
        }
    }
}

fn adam_matches<B: AutodiffBackend>() {
    // More than one task, and a rest.
    let length = (1 << 14) + 37;
    let [value, gradient, first] = [1, 2, 3].map(|seed| random::<B, 1>([length], seed).inner());
    let second = first.clone().square();
    let step = AdamStep { decays: [0.5, 0.999], root: 0.03, epsilon: 1e-8, rate: 2e-4 };
    let tensors = [value, gradient, first, second];
    let kept = tensors.clone().map(|tensor| tensor.into_data());
    let [found @ .., finite_of] =
        ops::adam(tensors.clone(), None, step).map(|tensor| tensor.into_data());
    assert_eq!(tensors.clone().map(|tensor| tensor.into_data()), kept, "shared memory is copied");
    for (found, expected) in found.into_iter().zip(composed::adam(tensors.clone(), None, step)) {
        found.assert_approx_eq(&expected.into_data(), Tolerance::<f32>::rel_abs(1e-6, 1e-9));
    }
    let finite = |data: TensorData| data.iter::<f32>().all(f32::is_finite);
    assert!(finite(finite_of));
    // What was finite before is asked of the update too, and nobody else's is written to.
    let before = Tensor::<B::InnerBackend, 1>::zeros([1], &Default::default());
    let mut bad = tensors.clone();
    bad[1] = bad[1].clone() * f32::INFINITY;
    for adam in [ops::adam, composed::adam] {
        let [.., told] = adam(bad.clone(), Some(before.clone()), step);
        assert!(!finite(told.clone().into_data()));
        let [.., told] = adam(tensors.clone(), Some(told), step);
        assert!(!finite(told.into_data()));
        assert!(finite(before.clone().into_data()));
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in [0, length - 1] {
            let mut values: Vec<f32> = kept[1].iter().collect();
            values[at] = bad;
            let mut tensors = tensors.clone();
            tensors[1] = Tensor::from_data(TensorData::new(values, [length]), &Default::default());
            for adam in [ops::adam, composed::adam] {
                let [.., told] = adam(tensors.clone(), None, step);
                assert!(!finite(told.into_data()), "{bad} at {at}");
            }
        }
    }
}

fn leaky_gradients_match<B: AutodiffBackend>() {
    for (shape, last) in IMAGES.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let run = |function: fn(Four<B>, Four<B>, f64) -> Four<B>| {
            let gradient = random::<B, 4>(shape, 1);
            let y = Tensor::from_inner(random_images::<B>(shape, 2, last).inner());
            let before = function(gradient.clone(), y, 0.1);
            let weights = Tensor::from_inner(random::<B, 4>(shape, 9).inner());
            let gradients = (before.clone() * weights).sum().backward();
            [before.into_data(), gradient.grad(&gradients).unwrap().into_data()]
        };
        let (found, expected) = (run(ops::leaky_relu_gradient), run(composed::leaky_relu_gradient));
        for (found, expected) in found.into_iter().zip(expected) {
            found.assert_approx_eq(&expected, Tolerance::<f32>::rel_abs(1e-6, 1e-9));
        }
    }
}

/// Of the largest value: roundings of inputs, output and gradients to 11 and to 8 bits, and of what
/// is between two kernels of one operation.
const HALF_TOLERANCE: [(DType, f64); 2] = [(DType::F16, 4e-3), (DType::BF16, 3.2e-2)];

fn half_precision_is_close<B: AutodiffBackend>() {
    for (half, tolerance) in HALF_TOLERANCE {
        if B::supports_dtype(&Default::default(), half) {
            half_is_close::<B>(half, tolerance);
        }
    }
}

/// Every operation on 16-bit floats against itself on float32.
fn half_is_close<B: AutodiffBackend>(half: DType, tolerance: f64) {
    type Run<'a, B> = &'a dyn Fn([Four<B>; 2], [Tensor<B, 1>; 2]) -> Four<B>;
    let check = |shapes: [[usize; 4]; 2], channels: usize, what: &str, operation: Run<'_, B>| {
        let vectors = [random::<B, 1>([channels], 4), random::<B, 1>([channels], 5)];
        let images =
            [(shapes[0], 1), (shapes[1], 2)].map(|(shape, seed)| random::<B, 4>(shape, seed));
        let run = |dtype: DType| {
            let output = operation(images.clone().map(|of| of.cast(dtype)), vectors.clone());
            assert_eq!(output.dtype(), dtype, "{what}");
            let weights = Tensor::from_inner(random::<B, 4>(output.dims(), 99).inner());
            let gradients = (output.clone().cast(DType::F32) * weights).sum().backward();
            let mut found = vec![output.cast(DType::F32).into_data()];
            found.extend(images.iter().filter_map(|of| Some(of.grad(&gradients)?.into_data())));
            found.extend(vectors.iter().filter_map(|of| Some(of.grad(&gradients)?.into_data())));
            found
        };
        for (found, expected) in run(half).iter().zip(&run(DType::F32)) {
            let error = crate::tests::relative_error(found, expected);
            assert!(error <= tolerance, "{what}, {half:?}: {error:e}");
            assert!(error > 0.0, "{what} is not computed in {half:?}");
        }
    };
    for [n, a, b, h, w, kernel, stride] in [SHAPES[3], SHAPES[8], SHAPES[10], SHAPES[16]] {
        let padding = (kernel - stride) / 2;
        let [small, large] = [[n, a, h, w], [n, b, h * stride, w * stride]];
        let weight = [a, b, kernel, kernel];
        check([large, weight], a, "convolution", &|[x, w], _| ops::conv2d(x, w, stride, padding));
        // Far from where LeakyReLUs and ReLUs turn.
        check([large, weight], a, "leaky convolution", &|[x, w], [bias, _]| {
            ops::conv2d_leaky_relu(x, w, bias + 9.0, [stride, padding], 0.1)
        });
        check([small, weight], a, "transposed convolution", &|[x, w], _| {
            ops::conv_transpose2d(x, w, stride, padding)
        });
    }
    for shape in [IMAGES[2], IMAGES[5]] {
        check([shape, shape], shape[1], "norm onto", &|[x, skip], [gamma, beta]| {
            ops::instance_norm_onto(skip, x, gamma, beta)
        });
        check([shape, shape], shape[1], "norm", &|[x, _], [gamma, beta]| {
            ops::instance_norm(x, gamma, beta + 9.0, true)
        });
        check([shape, shape], shape[1], "norm in a style", &|[x, _], [gamma, beta]| {
            let of_images =
                |affine: Tensor<B, 1>| affine.unsqueeze::<2>().expand([shape[0], shape[1]]);
            ops::adaptive_norm(x, of_images(gamma), of_images(beta))
        });
        let even = [shape[0], shape[1], 2 * shape[2], 2 * shape[3]];
        check([even, shape], shape[1], "mean of four", &|[x, _], _| ops::mean_pool(x));
        check([shape, shape], shape[1], "each four times", &|[x, _], _| ops::nearest_up(x));
        check([shape, shape], shape[1], "leaky", &|[x, _], _| ops::leaky_relu(x, 0.2));
        check([shape, shape], shape[1], "leaky gradient", &|[gradient, y], _| {
            ops::leaky_relu_gradient(gradient, Tensor::from_inner(y.inner()), 0.1)
        });
    }
}

macro_rules! on_backend {
    ($feature:literal, $module:ident, $backend:ty, $reference:ty) => {
        #[cfg(feature = $feature)]
        mod $module {
            type B = burn::backend::Autodiff<$backend>;

            #[test]
            fn convolutions_match_the_composed_ones() {
                let _turn = crate::tests::one_at_a_time();
                super::convolutions_match::<B, burn::backend::Autodiff<$reference>>();
            }

            #[test]
            fn adam_matches_the_composed_one() {
                super::adam_matches::<B>();
            }

            #[test]
            fn norms_match_the_composed_ones() {
                let _turn = crate::tests::one_at_a_time();
                super::norms_match::<B>();
            }

            #[test]
            fn half_precision_is_close_to_float32() {
                let _turn = crate::tests::one_at_a_time();
                super::half_precision_is_close::<B>();
            }

            #[test]
            fn leaky_gradients_match_the_composed_ones() {
                let _turn = crate::tests::one_at_a_time();
                super::leaky_gradients_match::<B>();
            }
        }
    };
}
/// Whose composed convolutions NdArray's are compared with: its own are loops that this crate
/// compiles, without optimisation for tests, and took a minute.
#[cfg(all(feature = "ndarray", feature = "flex"))]
type OfNdArray = burn::backend::Flex;
#[cfg(all(feature = "ndarray", not(feature = "flex")))]
type OfNdArray = burn::backend::NdArray;

on_backend!("flex", flex, burn::backend::Flex, burn::backend::Flex);
on_backend!("ndarray", ndarray, burn::backend::NdArray, super::OfNdArray);
on_backend!("wgpu", wgpu, burn::backend::Wgpu, burn::backend::Wgpu);
on_backend!(
    "wgpu",
    wgpu_fused,
    burn_fusion::Fusion<burn::backend::Wgpu>,
    burn_fusion::Fusion<burn::backend::Wgpu>
);

/// What CUDA takes: burn's convolutions and their input gradients.
#[cfg(feature = "wgpu")]
#[test]
fn convolutions_by_burn_are_those_by_products() {
    use burn::backend::{Autodiff, Wgpu};

    use super::gpu::Gpu;
    use super::operations::Operations;
    use super::primitive::{primitive, tensor};
    use stargan_kernels::geometry::Geometry;

    type B = Wgpu;

    let random = |shape, seed| primitive(&random::<Autodiff<B>, 4>(shape, seed).inner());
    for [n, a, b, h, w, kernel, stride] in [SHAPES[1], SHAPES[11]] {
        let padding = (kernel - stride) / 2;
        let [small, large] = [[n, a, h, w], [n, b, h * stride, w * stride]];
        let weight = [a, b, kernel, kernel];
        let geometry = Geometry::of_convolution(large, weight, stride, padding).unwrap();
        let [small, large, weight] =
            [(small, 1), (large, 2), (weight, 3)].map(|(s, n)| random(s, n));
        let both = [
            [
                Gpu::<B>::convolve_by_burn(&geometry, large.clone(), weight.clone()),
                Gpu::<B>::convolve(&geometry, large, weight.clone()),
            ],
            [
                Gpu::<B>::convolve_transposed_by_burn(&geometry, small.clone(), weight.clone()),
                Gpu::<B>::convolve_transposed(&geometry, small, weight),
            ],
        ];
        for [found, expected] in both.map(|both| both.map(|of| tensor::<B, 4>(of).into_data())) {
            found.assert_approx_eq(&expected, Tolerance::<f32>::rel_abs(1e-4, 5e-5));
        }
    }
}

/// burn's own weight gradient fails on CUDA where an image is this wide (its issue 4445); here no
/// kernel of burn's takes part in it but a matrix product.
#[cfg(all(feature = "wgpu", feature = "flex"))]
#[test]
fn wide_images_have_the_weight_gradients_that_flex_computes() {
    use burn::backend::{Autodiff, Flex, Wgpu};

    fn gradients<B: AutodiffBackend>([a, b, side, kernel, stride]: [usize; 5]) -> [TensorData; 2] {
        let weight = random::<B, 4>([a, b, kernel, kernel], 1);
        let large = random::<B, 4>([1, b, side, side], 3);
        let small = ops::conv2d(large.clone(), weight.clone(), stride, (kernel - stride) / 2);
        let weights = Tensor::from_inner(random::<B, 4>(small.dims(), 99).inner());
        let gradients = (small * weights).sum().backward();
        [&weight, &large].map(|input| input.grad(&gradients).unwrap().into_data())
    }

    let _turn = crate::tests::one_at_a_time();
    // The first layer, the last one, and one that halves.
    for shape in [[6, 3, 256, 7, 1], [3, 6, 256, 7, 1], [4, 3, 256, 4, 2]] {
        let expected = gradients::<Autodiff<Flex>>(shape);
        let found = gradients::<Autodiff<Wgpu>>(shape);
        for (found, expected) in found.iter().zip(&expected) {
            // Sums over 65,536 pixels in another order.
            let error = crate::tests::relative_error(found, expected);
            assert!(error <= 1e-5, "{shape:?}: {error:e}");
        }
    }
}

macro_rules! on_host {
    ($feature:literal, $module:ident, $backend:ty) => {
        #[cfg(feature = $feature)]
        #[test]
        fn $module() {
            let _turn = crate::tests::one_at_a_time();
            threads_change_nothing::<burn::backend::Autodiff<$backend>>();
        }
    };
}
on_host!("flex", flex_does_not_depend_on_the_number_of_threads, burn::backend::Flex);
on_host!("ndarray", ndarray_does_not_depend_on_the_number_of_threads, burn::backend::NdArray);
