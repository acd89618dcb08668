//! The explicit input-gradient chain against second-order autodiff and finite differences.

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{DType, FloatDType, Tensor, TensorData};

use crate::nn::discriminator::Discriminator;
use crate::nn::weights::Weights;
use crate::recipes::penalty::{Penalty, PenaltyDraw, image_norm};
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::gradients;
use crate::tests::gradients::assert_module_slopes;
use crate::tests::{largest_error, one_at_a_time, relative_error};

/// Tensors are float64 here, because the penalty jumps where an activation crosses LeakyReLU's
/// kink: the steps have to be so small that none does, and in float32 rounding would drown the
/// difference. It is also what keeps this from comparing the fast paths, which are float32, with
/// themselves.
type Plain = Flex;
type First = Autodiff<Plain>;
type Second = Autodiff<First>;

/// Both are exact up to the rounding of float64 in sums of some thousand products.
const NESTED_TOLERANCE: f64 = 1e-12;
/// Half the step of a central difference.
const STEP: f64 = 1e-6;
/// Of the largest entry. The truncation error is of order `STEP` squared, that of rounding `1e-16 /
/// STEP`.
const DIFFERENCE_TOLERANCE: f64 = 1e-7;

/// A discriminator with gradient norms on both sides of 1, real images, translations, mixing
/// factors.
struct Case {
    discriminator: Discriminator<First>,
    real: Tensor<Plain, 4>,
    fake: Tensor<Plain, 4>,
    mixing: Tensor<Plain, 4>,
    noise: Tensor<Plain, 4>,
}

/// All that compute something.
const PENALTIES: [Penalty; 4] = [Penalty::WganGp, Penalty::WganLp, Penalty::Dragan, Penalty::R1];

impl Case {
    fn new() -> Self {
        let (networks, mut fixture) = Fixture::open::<Networks>("step_attributes");
        let discriminator = fixture.discriminator(&networks).map(&mut Double);
        let generator = fixture.generator::<Plain>(&networks);
        let real: Tensor<Plain, 4> = fixture.tensor("real");
        let fake = generator.forward(real.clone(), fixture.tensor("target"));
        let mixing = fixture.tensor::<Plain, 1>("alpha").reshape([4, 1, 1, 1]);
        let noise =
            (0..real.shape().num_elements()).map(|i| (i as f32 * 0.7).sin() / 2.0 + 0.5).collect();
        let noise =
            Tensor::from_data(TensorData::new::<f32, _>(noise, real.dims()), &Default::default());
        let [real, fake, mixing, noise] =
            [real, fake, mixing, noise].map(|x: Tensor<Plain, 4>| x.cast(FloatDType::F64));
        Self { discriminator, real, fake, mixing, noise }
    }

    /// Where the penalty looks at D, by its definition.
    fn points(&self, penalty: Penalty) -> Tensor<Plain, 4> {
        match penalty {
            Penalty::R1 => self.real.clone(),
            Penalty::Dragan => {
                let real: Vec<f64> = self.real.to_data().iter().collect();
                let n = real.len() as f64;
                let mean = real.iter().sum::<f64>() / n;
                let std = (real.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
                let a = self.mixing.clone() * 2.0 - 1.0;
                (self.real.clone() + a * (self.noise.clone() * (0.5 * std))).clamp(-1.0, 1.0)
            }
            _ => self.mixed(),
        }
    }

    fn mixed(&self) -> Tensor<Plain, 4> {
        self.real.clone() * self.mixing.clone()
            + self.fake.clone() * (self.mixing.clone().neg() + 1.0)
    }

    fn penalty(&self, penalty: Penalty, discriminator: &Discriminator<First>) -> Tensor<First, 1> {
        let noise = penalty.needs_noise().then(|| self.noise.clone());
        let draw = PenaltyDraw { mixing: self.mixing.clone(), noise };
        penalty
            .forward(discriminator, self.real.clone(), self.fake.clone(), draw)
            .expect("these have one")
    }
}

/// The only value of a tensor.
pub(super) fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> f64 {
    tensor.into_data().iter().next().expect("one value")
}

/// `values` in the shape of `like`, in float64.
pub(super) fn doubles<B: Backend, const D: usize>(
    values: Vec<f64>,
    like: &TensorData,
) -> Tensor<B, D> {
    let data = TensorData::new(values, like.shape.clone());
    Tensor::from_data(data, (&B::Device::default(), DType::F64))
}

/// Makes float64 of every parameter.
pub(super) struct Double;

impl ModuleMapper<First> for Double {
    fn map_float<const D: usize>(
        &mut self,
        param: Param<Tensor<First, D>>,
    ) -> Param<Tensor<First, D>> {
        param.map(|value| Tensor::from_inner(value.inner().cast(FloatDType::F64)).require_grad())
    }
}

/// Moves one element of one parameter.
pub(super) struct Move<'a> {
    pub path: &'a str,
    pub index: usize,
    pub step: f64,
    pub at: Vec<String>,
}

impl<B: Backend> ModuleMapper<B> for Move<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        if self.at.join(".") != self.path {
            return param;
        }
        param.map(|value| {
            let data = value.into_data();
            let mut values: Vec<f64> = data.iter().collect();
            values[self.index] += self.step;
            doubles(values, &data)
        })
    }

    fn enter_module(&mut self, name: &str, _container: &str) {
        self.at.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.at.pop();
    }
}

/// The penalty's value and its gradients by `d.` path, by the explicit chain.
fn explicit(case: &Case, penalty: Penalty) -> (f64, Weights) {
    let penalty = case.penalty(penalty, &case.discriminator);
    let found = gradients(&case.discriminator, &penalty.backward(), "d");
    (scalar(penalty), found)
}

#[test]
fn the_explicit_chain_is_second_order_autodiff() {
    let _turn = one_at_a_time();
    let case = Case::new();
    let discriminator = tracked_inside();
    for penalty in PENALTIES {
        // The outer level differentiates with respect to the images, the inner one what came of it
        // with respect to the weights.
        let points = case.points(penalty);
        let images: Tensor<Second, 4> =
            Tensor::from_inner(Tensor::<First, 4>::from_inner(points.clone())).require_grad();
        let realness = discriminator.forward(images.clone()).realness;
        let input_gradient = images.grad(&realness.sum().backward()).expect("images are tracked");
        let chain = case.discriminator.input_gradient(points);
        let error = relative_error(&chain.into_data(), &input_gradient.to_data());
        println!("{penalty:?}, input gradient against nested autodiff: {error:.1e}");
        assert!(error <= NESTED_TOLERANCE, "{penalty:?} input gradient: {error:e}");

        let norms = image_norm(input_gradient);
        let host: Vec<f64> = norms.to_data().iter().collect();
        let sides = host.iter().any(|&norm| norm < 1.0) && host.iter().any(|&norm| norm > 1.0);
        assert!(sides || penalty == Penalty::R1, "{penalty:?}: {host:?}");
        let expected = match penalty {
            Penalty::R1 => norms.square().mean() * 0.5,
            Penalty::WganLp => (norms - 1.0).clamp_min(0.0).square().mean(),
            _ => (norms - 1.0).square().mean(),
        };
        let nested = inner_gradients(&discriminator, &expected.backward());
        let value = scalar(expected);

        let (explicit_value, mut explicit) = explicit(&case, penalty);
        let error = (explicit_value - value).abs() / value;
        println!("{penalty:?}, value against nested autodiff: {error:.1e}");
        assert!(error <= NESTED_TOLERANCE, "{penalty:?}: {explicit_value} and {value}");

        // Biases move kinks only, and the domain head has no part in it: neither has a gradient.
        let zeros = |data: &TensorData| data.iter::<f64>().all(|value| value == 0.0);
        explicit.retain(|_, data| !zeros(data));
        let nested: Weights = nested.into_iter().filter(|(_, data)| !zeros(data)).collect();
        assert_eq!(explicit.len(), 5, "four trunk kernels and the realness head's");
        let (error, name) = largest_error(&explicit, &nested);
        println!("{penalty:?}, gradients against nested autodiff: {error:.1e} ({name})");
        assert!(error <= NESTED_TOLERANCE, "{penalty:?} {name}: {error:e}");
    }
}

#[test]
fn the_chain_is_the_slope_of_the_realness() {
    let _turn = one_at_a_time();
    let case = Case::new();
    let gradient = case.discriminator.input_gradient(case.mixed()).into_data();
    let gradient: Vec<f64> = gradient.iter().collect();
    let largest = gradient.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let mixed = case.mixed().into_data();
    let discriminator = case.discriminator.valid();
    let values: Vec<f64> = mixed.iter().collect();
    let at = |index: usize, step: f64| {
        let mut moved = values.clone();
        moved[index] += step;
        scalar(discriminator.forward(doubles(moved, &mixed)).realness.sum())
    };
    // Every channel, corner, border and inside, of several images.
    let size = values.len();
    for index in [0, 31, 1023, 1024 + 500, 2048 + 77, size / 2 + 333, size - 1] {
        let slope = (at(index, STEP) - at(index, -STEP)) / (2.0 * STEP);
        let error = (slope - gradient[index]).abs() / largest;
        assert!(error <= DIFFERENCE_TOLERANCE, "pixel {index}: {slope} and {}", gradient[index]);
    }
}

#[test]
fn penalty_gradients_are_its_slopes() {
    let _turn = one_at_a_time();
    let case = Case::new();
    // The others are compared with nested autodiff.
    let paths = ["trunk.0.weight", "realness.weight"];
    for penalty in PENALTIES {
        let what = format!("{penalty:?}, gradients against finite differences");
        let tolerance = DIFFERENCE_TOLERANCE;
        assert_module_slopes(&what, &case.discriminator, &paths, tolerance, |discriminator| {
            case.penalty(penalty, discriminator)
        });
    }
}

/// The same discriminator one autodiff level up, its weights tracked on the inner level only.
fn tracked_inside() -> Discriminator<Second> {
    struct Track;
    impl ModuleMapper<Second> for Track {
        fn map_float<const D: usize>(
            &mut self,
            param: Param<Tensor<Second, D>>,
        ) -> Param<Tensor<Second, D>> {
            let (id, tensor, mapper) = param.consume();
            let plain = tensor.inner().inner().cast(FloatDType::F64);
            let inner = Tensor::<First, D>::from_inner(plain).require_grad();
            Param::from_mapped_value(id, Tensor::from_inner(inner), mapper)
        }
    }
    let (networks, mut fixture) = Fixture::open::<Networks>("step_attributes");
    fixture.discriminator(&networks).map(&mut Track)
}

/// The gradients of weights that are tracked on the inner level.
fn inner_gradients(
    discriminator: &Discriminator<Second>,
    gradients: &<First as AutodiffBackend>::Gradients,
) -> Weights {
    struct Collector<'a> {
        path: Vec<String>,
        gradients: &'a <First as AutodiffBackend>::Gradients,
        found: Weights,
    }
    impl ModuleVisitor<Second> for Collector<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Second, D>>) {
            if let Some(gradient) = param.val().inner().grad(self.gradients) {
                self.found.insert(self.path.join("."), gradient.into_data());
            }
        }
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
    }
    let mut collector = Collector { path: vec!["d".to_owned()], gradients, found: Weights::new() };
    discriminator.visit(&mut collector);
    collector.found
}
