//! Every loss against its slopes: central differences in float64, of its terms alone and through
//! both networks.

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module};
use burn::tensor::{FloatDType, Tensor, TensorData};

use crate::labels::space::LabelKind;
use crate::nn::discriminator::Discriminator;
use crate::nn::generator::Generator;
use crate::recipes::losses::OptionalTerm;
use crate::recipes::losses::{domain_loss, reconstruction_loss};
use crate::recipes::objective::Objective;
use crate::recipes::penalty::{Penalty, PenaltyDraw};
use crate::recipes::stargan::batch::Label;
use crate::recipes::stargan::batch::StepBatch;
use crate::recipes::stargan::step::{discriminator_losses, generator_losses};
use crate::recipes::stargan::weights::{IdentityWarmup, LossWeights};
use crate::tests::fixture::{Fixture, Networks};
use crate::tests::gradients;
use crate::tests::one_at_a_time;
use crate::tests::penalty::{Double, Move, doubles, scalar};

/// Compiled with optimisation, as NdArray's loops are not. Tensors are made float64 one by one.
type Plain = Flex;
type Checked = Autodiff<Plain>;

/// Half the distance of the points of a difference.
const STEP: f64 = 1e-6;
/// Of the largest slope: the truncation error is of order `STEP` squared, that of rounding 1e-16 /
/// `STEP` times the value over the slope.
const TOLERANCE: f64 = 1e-7;
/// The same through both networks, whose sums of thousands of products round a hundred times as
/// much.
const NETWORK_TOLERANCE: f64 = 1e-5;

/// Differences of 1.1 and more between neighbours, none near a kink of any loss (0 and 1 in
/// magnitude).
fn values(count: usize) -> Vec<f64> {
    (0..count).map(|i| 2.3 * (1.7 * i as f64 + 0.4).sin() + 0.013).collect()
}

/// Compares the gradient of `loss` at `at` with differences in every coordinate.
fn assert_slopes<const D: usize>(
    what: &str,
    at: &[f64],
    shape: [usize; D],
    loss: impl Fn(Tensor<Checked, D>) -> Tensor<Checked, 1>,
) {
    let like = TensorData::new(at.to_vec(), shape);
    let x = doubles::<Checked, D>(at.to_vec(), &like).require_grad();
    let found: Vec<f64> = x.grad(&loss(x.clone()).backward()).unwrap().to_data().iter().collect();
    let slopes: Vec<f64> = (0..at.len())
        .map(|index| {
            let value = |step: f64| {
                let mut moved = at.to_vec();
                moved[index] += step;
                scalar(loss(doubles(moved, &like)))
            };
            (value(STEP) - value(-STEP)) / (2.0 * STEP)
        })
        .collect();
    let largest = slopes.iter().fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
    assert!(largest > 0.0, "{what}: no slope anywhere");
    for (found, slope) in found.iter().zip(&slopes) {
        assert!((found - slope).abs() <= TOLERANCE * largest, "{what}: {found} and {slope}");
    }
}

#[test]
fn objectives_have_their_slopes() {
    let _turn = one_at_a_time();
    let realness = values(12);
    for objective in Objective::ALL {
        let shape = [3, 1, 2, 2];
        assert_slopes(&format!("{objective:?} real"), &realness, shape, |x| objective.real(x));
        assert_slopes(&format!("{objective:?} fake"), &realness, shape, |x| objective.fake(x));
        assert_slopes(&format!("{objective:?} G"), &realness, shape, |x| objective.generator(x));
    }
}

#[test]
fn domain_and_reconstruction_losses_have_their_slopes() {
    let _turn = one_at_a_time();
    let logits = values(12);
    let attributes: Vec<f64> = (0..12).map(|i| f64::from(i % 3 == 1)).collect();
    let classes: Vec<f64> = (0..12).map(|i| f64::from(i % 4 == i / 4)).collect();
    for (kind, labels) in [(LabelKind::Attributes, attributes), (LabelKind::Classes, classes)] {
        let like = TensorData::new(labels.clone(), [3, 4]);
        assert_slopes(&format!("{kind:?}"), &logits, [3, 4], |x| {
            domain_loss(kind, x, doubles(labels.clone(), &like))
        });
    }
    let images: Vec<f64> = values(24).iter().map(|value| value / 3.0).collect();
    let other = TensorData::new(values(48).split_off(24), [2, 3, 2, 2]);
    assert_slopes("reconstruction", &images, [2, 3, 2, 2], |x| {
        reconstruction_loss(doubles(other.iter().collect(), &other), x)
    });
}

/// Both networks and an image of the fixture, in float64: a difference takes two forward passes for
/// every value, in burn's own operations.
struct Case {
    generator: Generator<Checked>,
    discriminator: Discriminator<Checked>,
    sample: StepBatch<Plain>,
}

impl Case {
    fn new() -> Self {
        let (networks, mut fixture) = Fixture::open::<Networks>("step_attributes");
        // The second image, since the first keeps its label.
        let label = |x: Tensor<Plain, 2>| {
            let x = x.narrow(0, 1, 1).cast(FloatDType::F64);
            Label { label: x.clone(), condition: x }
        };
        let (source, target) = (fixture.tensor("source"), fixture.tensor("target"));
        let [_, width] = target.dims();
        let real: Tensor<Plain, 4> = fixture.tensor("real");
        let mixing: Tensor<Plain, 1> = fixture.tensor("alpha");
        Self {
            generator: fixture.generator::<Checked>(&networks).map(&mut Double),
            discriminator: fixture.discriminator::<Checked>(&networks).map(&mut Double),
            sample: StepBatch {
                kind: LabelKind::Attributes,
                logits: 0..width,
                real: real.narrow(0, 1, 1).cast(FloatDType::F64),
                source: label(source),
                target: label(target),
                draw: PenaltyDraw {
                    mixing: mixing.narrow(0, 1, 1).reshape([1; 4]).cast(FloatDType::F64),
                    noise: None,
                },
            },
        }
    }

    /// `L_D` of a discriminator.
    fn critic(
        &self,
        discriminator: &Discriminator<Checked>,
        objective: Objective,
    ) -> Tensor<Checked, 1> {
        let fake = self.sample.fake(&self.generator.valid());
        let (sample, penalty) = (&self.sample, Penalty::WganGp);
        let weights = LossWeights { fake_domain: 0.3, ..LossWeights::default() };
        let term = OptionalTerm::Computed;
        discriminator_losses(discriminator, fake, sample, objective, penalty, term).total(&weights)
    }

    /// `L_G` of a generator, with the identity term.
    fn translator(
        &self,
        generator: &Generator<Checked>,
        objective: Objective,
    ) -> Tensor<Checked, 1> {
        let fake = self.sample.tracked_fake(generator);
        generator_losses(
            &self.discriminator,
            generator,
            fake,
            &self.sample,
            objective,
            OptionalTerm::Computed,
        )
        .total(&with_identity())
    }
}

/// The paper's, with an identity term of weight 10.
fn with_identity() -> LossWeights {
    LossWeights { identity: Some(IdentityWarmup::default()), ..LossWeights::default() }
}

/// Compares gradients of `loss` with respect to some values of the parameters `paths` with
/// differences: of the largest of a parameter, they are off by no more than `tolerance`.
pub(super) fn assert_module_slopes<M: Module<Checked> + Clone>(
    what: &str,
    module: &M,
    paths: &[&str],
    tolerance: f64,
    loss: impl Fn(&M) -> Tensor<Checked, 1>,
) {
    let found = gradients(module, &loss(module).backward(), "m");
    let mut worst = 0.0_f64;
    for path in paths {
        let gradient: Vec<f64> = found[&format!("m.{path}")].iter().collect();
        let largest = gradient.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        assert!(largest > 0.0, "{what} {path}");
        let last = gradient.len() - 1;
        for index in [0, last.min(gradient.len() / 2 + 3), last] {
            let value = |step| {
                let moved = module.clone().map(&mut Move { path, index, step, at: Vec::new() });
                scalar(loss(&moved))
            };
            let slope = (value(STEP) - value(-STEP)) / (2.0 * STEP);
            let error = (slope - gradient[index]).abs() / largest;
            worst = worst.max(error);
            assert!(error <= tolerance, "{what} {path} {index}: {} and {slope}", gradient[index]);
        }
    }
    println!("{what}: {worst:.1e}");
}

#[test]
fn whole_objectives_have_their_slopes_in_every_kind_of_layer() {
    let _turn = one_at_a_time();
    let case = Case::new();
    for objective in Objective::ALL {
        // Where gradients go in a network does not depend on the objective.
        let all = objective == Objective::default();
        let paths = ["realness.weight", "trunk.0.weight", "trunk.1.bias", "domain.weight"];
        let paths = if all { &paths[..] } else { &paths[..1] };
        let (what, tolerance) = (format!("{objective:?} D"), NETWORK_TOLERANCE);
        assert_module_slopes(&what, &case.discriminator, paths, tolerance, |module| {
            case.critic(module, objective)
        });
        let paths = [
            "head.weight",
            "stem.conv.weight",
            "stem.norm.weight",
            "down.0.conv.weight",
            "blocks.0.first.conv.weight",
            "blocks.0.second.norm.bias",
            "up.0.norm.weight",
        ];
        let paths = if all { &paths[..] } else { &paths[..1] };
        let what = format!("{objective:?} G");
        assert_module_slopes(&what, &case.generator, paths, tolerance, |module| {
            case.translator(module, objective)
        });
    }
}
