//! What StarGAN v2's style encoder and discriminator have alike: an image to a vector.

use burn::module::Module;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, activation};
use rand::Rng;

use crate::nn::architecture::Operation;
use crate::nn::ops;
use crate::nn::style::block::{Bends, HalvingBlock};
use crate::nn::style::config::{LAST, SLOPE};
use crate::nn::style::layers::BiasedConvolution;

/// Blocks that halve the size to 4x4, and a convolution of all that is left.
#[derive(Module, Debug)]
pub(super) struct Judging<B: Backend> {
    first: BiasedConvolution<B>,
    blocks: Vec<HalvingBlock<B>>,
    last: BiasedConvolution<B>,
}

/// Where [`Judging`] bends: what the input gradient needs of a forward pass.
#[derive(Clone, Debug)]
pub(super) struct Path<B: Backend> {
    blocks: Vec<Bends<B>>,
    features: Tensor<B, 4>,
    vector: Tensor<B, 2>,
}

impl<B: Backend> Judging<B> {
    /// Fresh parameters of the sizes that the next of `layers` have.
    pub fn init<'a>(
        layers: &mut (impl Iterator<Item = &'a Operation> + Clone),
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Self {
        let blocks = layers.clone().filter(|layer| layer.is_block()).count();
        Self {
            first: BiasedConvolution::init(layers, rng, device),
            blocks: (0..blocks).map(|_| HalvingBlock::init(layers, rng, device)).collect(),
            last: BiasedConvolution::init(layers, rng, device),
        }
    }

    /// `[N, C, H, W]` to `[N, F]`, after its LeakyReLU.
    ///
    /// # Panics
    /// When the images have another size.
    pub fn forward(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        let x = self.first.forward(images);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.vector(x)
    }

    /// [`forward`](Self::forward), and where it bends.
    pub fn forward_bending(&self, images: Tensor<B, 4>) -> (Tensor<B, 2>, Path<B>) {
        let mut blocks = Vec::with_capacity(self.blocks.len());
        let features = self.blocks.iter().fold(self.first.forward(images), |x, block| {
            let (x, bends) = block.forward_bending(x);
            blocks.push(bends);
            x
        });
        let vector = self.vector(features.clone());
        (vector.clone(), Path { blocks, features, vector })
    }

    fn vector(&self, features: Tensor<B, 4>) -> Tensor<B, 2> {
        let [_, _, h, w] = features.dims();
        assert_eq!([h, w], [LAST; 2], "the network was made for another image size");
        let vector = self.last.whole(ops::leaky_relu(features, SLOPE));
        activation::leaky_relu(vector, SLOPE)
    }
}

impl<B: AutodiffBackend> Judging<B> {
    /// The input gradient on `path`, given that of the vector, `[N, F]` to `[N, C, H, W]`; where
    /// the network bends is a constant.
    pub fn input_gradient(&self, gradient: Tensor<B, 2>, path: Path<B>) -> Tensor<B, 4> {
        let Path { blocks, features, vector } = path;
        let vector = vector.inner();
        let slopes = vector.ones_like().mask_fill(vector.lower_equal_elem(0.0), SLOPE);
        let gradient = self.last.whole_input_gradient(gradient * Tensor::from_inner(slopes));
        let features = Tensor::from_inner(features.inner());
        let gradient = ops::leaky_relu_gradient(gradient, features, SLOPE);
        let blocks = self.blocks.iter().zip(blocks).rev();
        let gradient = blocks.fold(gradient, |gradient, (block, bends)| {
            block.input_gradient(gradient, bends.inner())
        });
        self.first.input_gradient(gradient)
    }
}
