//! The network's layers with their weights: batch norms are a part of the convolutions before them.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData, module};

use crate::metrics::inception::table::{Step, Window};
use crate::nn::ops;
use crate::nn::weights::Weights;

/// Of the network's batch norms.
const EPSILON: f64 = 1e-3;

/// A layer, or branches that are put together.
#[derive(Clone)]
pub(super) enum Layer<B: Backend> {
    Convolution { weight: Tensor<B, 4>, bias: Tensor<B, 1>, window: Window },
    HalvingMaximum,
    Maximum,
    Mean,
    Branches(Vec<Vec<Layer<B>>>),
}

impl<B: Backend> Layer<B> {
    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        match self {
            Self::Convolution { weight, bias, window } => {
                let Window { stride, padding, .. } = *window;
                ops::conv2d_relu(x, weight.clone(), bias.clone(), stride, padding)
            }
            Self::HalvingMaximum => module::max_pool2d(x, [3; 2], [2; 2], [0; 2], [1; 2], false),
            Self::Maximum => module::max_pool2d(x, [3; 2], [1; 2], [1; 2], [1; 2], false),
            Self::Mean => module::avg_pool2d(x, [3; 2], [1; 2], [1; 2], false, false),
            Self::Branches(branches) => {
                let branch = |layers: &Vec<Self>| forward(layers, x.clone());
                Tensor::cat(branches.iter().map(branch).collect(), 1)
            }
        }
    }
}

/// Layers one after the other.
pub(super) fn forward<B: Backend>(layers: &[Layer<B>], x: Tensor<B, 4>) -> Tensor<B, 4> {
    layers.iter().fold(x, |x, layer| layer.forward(x))
}

/// Takes layers' weights from those of a file.
pub(super) struct Loader<'a, B: Backend> {
    pub weights: &'a mut Weights,
    pub device: &'a B::Device,
    /// What is missing or has another shape.
    pub problems: Vec<String>,
}

impl<B: Backend> Loader<'_, B> {
    /// The layers of `steps`, whose input has so many channels, and how many their output has.
    pub fn layers(&mut self, steps: &[Step], channels: usize) -> (Vec<Layer<B>>, usize) {
        let mut channels = channels;
        let layer = |step: &Step| match step {
            Step::HalvingMaximum => Layer::HalvingMaximum,
            Step::Maximum => Layer::Maximum,
            Step::Mean => Layer::Mean,
            Step::Convolution { name, outputs, window } => {
                let layer = self.convolution(name, [*outputs, channels], *window);
                channels = *outputs;
                layer
            }
            Step::Branches(branches) => {
                let branches = branches.iter().map(|steps| self.layers(steps, channels));
                let (branches, outputs): (Vec<_>, Vec<usize>) = branches.unzip();
                channels = outputs.iter().sum();
                Layer::Branches(branches)
            }
        };
        (steps.iter().map(layer).collect(), channels)
    }

    fn convolution(&mut self, name: &str, sides: [usize; 2], window: Window) -> Layer<B> {
        let [outputs, inputs] = sides;
        let Window { kernel: [height, width], .. } = window;
        let shape = [outputs, inputs, height, width];
        let mut weight = self.take(&format!("{name}.conv.weight"), &shape);
        let [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
            .map(|of| self.take(&format!("{name}.bn.{of}"), &[outputs]));
        let mut bias = vec![0.0; outputs];
        let taps = inputs * height * width;
        for (channel, weights) in weight.chunks_exact_mut(taps).enumerate() {
            let of = |values: &[f32]| f64::from(values[channel]);
            let scale = of(&scale) / (of(&variance) + EPSILON).sqrt();
            weights.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
            bias[channel] = (of(&shift) - of(&mean) * scale) as f32;
        }
        let weight = Tensor::from_data(TensorData::new(weight, shape), self.device);
        let bias = Tensor::from_data(TensorData::new(bias, [outputs]), self.device);
        Layer::Convolution { weight, bias, window }
    }

    /// The array of this name, or one of zeros and a problem.
    fn take(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        let problem = match self.weights.remove(name) {
            Some(data) if data.shape.as_slice() == shape => return data.iter::<f32>().collect(),
            Some(data) => {
                format!("{name}: expected shape {shape:?}, found {:?}", data.shape.as_slice())
            }
            None => format!("{name} {shape:?} is missing"),
        };
        self.problems.push(problem);
        vec![0.0; shape.iter().product()]
    }
}
