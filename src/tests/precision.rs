//! Networks whose weights and images are float16, against float32, where the backend computes in
//! it.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{DType, Tensor, TensorData};

use crate::nn::ops;
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::{backend_name, on_every_backend, relative_error};

on_every_backend!(half_precision_norms_keep_their_range, half_precision_translations_are_close);

/// Of each plane's largest value: a few roundings to float16's eleven bits.
const NORM_TOLERANCE: f64 = 2e-3;

/// Of the images' range [-1, 1], largest and mean: roundings of float16, 5e-4 each, through nine
/// layers whose norms bring differences to the size of the values.
const LARGEST_TOLERANCE: f64 = 2e-2;
const MEAN_TOLERANCE: f64 = 2e-3;

fn supported<B: Backend>() -> bool {
    let supported = B::supports_dtype(&B::Device::default(), DType::F16);
    if !supported {
        println!("{} does not compute in float16: nothing compared", backend_name::<B>());
    }
    supported
}

fn half_precision_norms_keep_their_range<A: AutodiffBackend>() {
    type B<A> = <A as AutodiffBackend>::InnerBackend;
    if !supported::<B<A>>() {
        return;
    }
    let device = Default::default();
    let area = 256;
    // Squares beyond float16, a variance below it, and none at all.
    let planes: [fn(usize) -> f32; 3] =
        [|i| if i % 3 == 0 { 600.0 } else { -300.0 }, |i| 1.0 / 1024.0 * (i % 2) as f32, |_| 7.0];
    let values = planes.iter().flat_map(|plane| (0..area).map(plane)).collect();
    let x: Tensor<B<A>, 4> =
        Tensor::from_data(TensorData::new::<f32, _>(values, [1, 3, 16, 16]), &device);
    let gamma: Tensor<B<A>, 1> = Tensor::from_data([1.5, -0.5, 1.0], &device);
    let beta: Tensor<B<A>, 1> = Tensor::from_data([0.25, 0.5, -0.125], &device);
    for relu in [false, true] {
        let expected = ops::instance_norm(x.clone(), gamma.clone(), beta.clone(), relu);
        let [gamma, beta] = [&gamma, &beta].map(|affine| affine.clone().cast(DType::F16));
        let found = ops::instance_norm(x.clone().cast(DType::F16), gamma, beta, relu);
        assert_eq!(found.dtype(), DType::F16);
        for channel in 0..3 {
            let plane =
                |y: &Tensor<B<A>, 4>| y.clone().slice([0..1, channel..channel + 1]).into_data();
            let error = relative_error(&plane(&found), &plane(&expected));
            assert!(error <= NORM_TOLERANCE, "plane {channel}, relu {relu}: {error:e}");
        }
    }
}

fn half_precision_translations_are_close<A: AutodiffBackend>() {
    struct Halve;
    impl<B: Backend> ModuleMapper<B> for Halve {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            param.map(|value| value.cast(DType::F16))
        }
    }
    if !supported::<A::InnerBackend>() {
        return;
    }
    let (networks, mut fixture) = Fixture::open::<Networks>("networks");
    let generator = fixture.generator::<A::InnerBackend>(&networks);
    let (images, labels) = (fixture.tensor("images"), fixture.tensor("labels"));
    let expected = generator.forward(images.clone(), labels.clone());
    let found = generator.map(&mut Halve).forward(images.cast(DType::F16), labels.cast(DType::F16));
    assert_eq!(found.dtype(), DType::F16);
    let differences: Vec<f64> = found
        .into_data()
        .iter::<f64>()
        .zip(expected.into_data().iter::<f64>())
        .map(|(found, expected)| (found - expected).abs())
        .collect();
    let largest = differences.iter().copied().fold(0.0, f64::max);
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    println!("float16 {}: {largest:.1e}, mean {mean:.1e}", backend_name::<A::InnerBackend>());
    // A sum passes NaN on, `f64::max` does not.
    assert!(mean <= MEAN_TOLERANCE && largest <= LARGEST_TOLERANCE, "{largest:e}, {mean:e}");
}
