//! The residual blocks of StarGAN v2's networks: activations come first, and a sum has the variance
//! of its parts.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use rand::Rng;

use crate::nn::architecture::{Operation, Sequence};
use crate::nn::layers::InstanceNorm;
use crate::nn::ops;
use crate::nn::style::config::SLOPE;
use crate::nn::style::layers::{AdaptiveNorm, BiasedConvolution, Point};

/// The next of `layers`, a block.
fn next<'a>(layers: &mut impl Iterator<Item = &'a Operation>) -> (&'a Sequence, &'a Sequence) {
    match layers.next() {
        Some(Operation::Block { layers, shortcut }) => (layers, shortcut),
        _ => panic!("the table has no block here"),
    }
}

fn has(layers: &Sequence, operation: &Operation) -> bool {
    layers.layers().iter().any(|layer| layer.operation == *operation)
}

/// What a block adds to its shortcut, and the shortcut, together.
fn sum<B: Backend>(shortcut: Tensor<B, 4>, change: Tensor<B, 4>) -> Tensor<B, 4> {
    (shortcut + change) * FRAC_1_SQRT_2
}

/// A block that keeps or halves the size, with instance norms. Its output too goes to norms only,
/// which take constants away, so that the biases have no effect and are not added.
#[derive(Module, Debug)]
pub(super) struct NormedBlock<B: Backend> {
    norm1: InstanceNorm<B>,
    conv1: BiasedConvolution<B>,
    norm2: InstanceNorm<B>,
    conv2: BiasedConvolution<B>,
    conv1x1: Option<Point<B>>,
    #[module(skip)]
    halves: bool,
}

impl<B: Backend> NormedBlock<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let (block, shortcut) = next(layers);
        let layers = &mut block.with_parameters();
        Self {
            norm1: InstanceNorm::init(layers, device),
            conv1: BiasedConvolution::init(layers, rng, device),
            norm2: InstanceNorm::init(layers, device),
            conv2: BiasedConvolution::init(layers, rng, device),
            conv1x1: Point::init(&mut shortcut.with_parameters(), rng, device),
            halves: has(block, &Operation::MeanPool),
        }
    }

    /// `[N, I, H, W]` to `[N, O, H, W]`, or half of both sides.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let active = |norm: &InstanceNorm<B>, x| ops::leaky_relu(norm.forward(x), SLOPE);
        let inner = active(&self.norm1, x.clone());
        let inner = match self.halves {
            true => self.conv1.pooled_unbiased(inner),
            false => self.conv1.forward_unbiased(inner),
        };
        let change = self.conv2.forward_unbiased(active(&self.norm2, inner));
        // Means and sums over channels may change places.
        let short = if self.halves { ops::mean_pool(x) } else { x };
        sum(short_of(&self.conv1x1, short), change)
    }
}

fn short_of<B: Backend>(point: &Option<Point<B>>, x: Tensor<B, 4>) -> Tensor<B, 4> {
    match point {
        Some(point) => point.forward(x),
        None => x,
    }
}

/// A block that halves the size, without norms: piecewise linear.
#[derive(Module, Debug)]
pub(super) struct HalvingBlock<B: Backend> {
    conv1: BiasedConvolution<B>,
    conv2: BiasedConvolution<B>,
    conv1x1: Option<Point<B>>,
}

/// Where a [`HalvingBlock`] bends: the values before its first LeakyReLU and after its second,
/// whose signs are what counts.
#[derive(Clone, Debug)]
pub(super) struct Bends<B: Backend> {
    first: Tensor<B, 4>,
    second: Tensor<B, 4>,
}

impl<B: Backend> HalvingBlock<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let (block, shortcut) = next(layers);
        let layers = &mut block.with_parameters();
        Self {
            conv1: BiasedConvolution::init(layers, rng, device),
            conv2: BiasedConvolution::init(layers, rng, device),
            conv1x1: Point::init(&mut shortcut.with_parameters(), rng, device),
        }
    }

    /// `[N, I, 2 H, 2 W]` to `[N, O, H, W]`.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        self.forward_bending(x).0
    }

    /// [`forward`](Self::forward), and where it bends.
    pub fn forward_bending(&self, x: Tensor<B, 4>) -> (Tensor<B, 4>, Bends<B>) {
        let inner = self.conv1.pooled_leaky(ops::leaky_relu(x.clone(), SLOPE), SLOPE);
        let change = self.conv2.forward(inner.clone());
        let short = short_of(&self.conv1x1, ops::mean_pool(x.clone()));
        (sum(short, change), Bends { first: x, second: inner })
    }
}

impl<B: AutodiffBackend> Bends<B> {
    /// The same without a graph.
    pub fn inner(self) -> Bends<B::InnerBackend> {
        Bends { first: self.first.inner(), second: self.second.inner() }
    }
}

impl<B: AutodiffBackend> HalvingBlock<B> {
    /// The input gradient, given the output's and where the block bends.
    pub fn input_gradient(
        &self,
        gradient: Tensor<B, 4>,
        bends: Bends<B::InnerBackend>,
    ) -> Tensor<B, 4> {
        let Bends { first, second } = bends;
        let gradient = gradient * FRAC_1_SQRT_2;
        let before = |gradient, y| ops::leaky_relu_gradient(gradient, Tensor::from_inner(y), SLOPE);
        let inner = before(self.conv2.input_gradient(gradient.clone()), second);
        let through = before(self.conv1.pooled_input_gradient(inner), first);
        let short = match &self.conv1x1 {
            Some(point) => point.input_gradient(gradient),
            None => gradient,
        };
        through + ops::nearest_up(short) * 0.25
    }
}

/// A block that keeps or doubles the size, whose norms the style scales and shifts. The biases have
/// no effect, as a [`NormedBlock`]'s.
#[derive(Module, Debug)]
pub(super) struct StyledBlock<B: Backend> {
    norm1: AdaptiveNorm<B>,
    conv1: BiasedConvolution<B>,
    norm2: AdaptiveNorm<B>,
    conv2: BiasedConvolution<B>,
    conv1x1: Option<Point<B>>,
    #[module(skip)]
    doubles: bool,
}

impl<B: Backend> StyledBlock<B> {
    /// Fresh parameters of the sizes that the next of `layers` has.
    pub fn init<'a>(
        layers: &mut impl Iterator<Item = &'a Operation>,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let (block, shortcut) = next(layers);
        let layers = &mut block.with_parameters();
        Self {
            norm1: AdaptiveNorm::init(layers, rng, device),
            conv1: BiasedConvolution::init(layers, rng, device),
            norm2: AdaptiveNorm::init(layers, rng, device),
            conv2: BiasedConvolution::init(layers, rng, device),
            conv1x1: Point::init(&mut shortcut.with_parameters(), rng, device),
            doubles: has(block, &Operation::NearestUp),
        }
    }

    /// `[N, I, H, W]` in the style `[N, S]` to `[N, O, H, W]`, or twice of both sides.
    pub fn forward(&self, x: Tensor<B, 4>, style: Tensor<B, 2>) -> Tensor<B, 4> {
        let active =
            |norm: &AdaptiveNorm<B>, x| ops::leaky_relu(norm.forward(x, style.clone()), SLOPE);
        let inner = active(&self.norm1, x.clone());
        let inner = match self.doubles {
            true => self.conv1.doubled_unbiased(inner),
            false => self.conv1.forward_unbiased(inner),
        };
        let change = self.conv2.forward_unbiased(active(&self.norm2, inner));
        let short = short_of(&self.conv1x1, x);
        sum(if self.doubles { ops::nearest_up(short) } else { short }, change)
    }
}
