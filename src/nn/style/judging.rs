//! What StarGAN v2's style encoder and discriminator have alike: an image to a vector.

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, activation};
use rand::Rng;

use crate::nn::architecture::Operation;
use crate::nn::ops;
use crate::nn::precision::Precision;
use crate::nn::style::block::{Bends, HalvingBlock};
use crate::nn::style::config::{LAST, SLOPE};
use crate::nn::style::layers::BiasedConvolution;

/// Blocks that halve the size to 4x4, and a convolution of all that is left.
#[derive(Module, Debug)]
pub(super) struct Judging<B: Backend> {
    first: BiasedConvolution<B>,
    blocks: Vec<HalvingBlock<B>>,
    last: BiasedConvolution<B>,
    #[module(skip)]
    precision: Precision,
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
            precision: Precision::Float32,
        }
    }

    /// Sets what it computes in, but for where it bends; its input and output keep their type.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// `[N, C, H, W]` to `[N, F]`, after its LeakyReLU.
    ///
    /// # Panics
    /// When the images have another size.
    pub fn forward(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        let dtype = images.dtype();
        let x = self.first.forward(self.precision.cast(images));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.vector(x).cast(dtype)
    }

    /// [`forward`](Self::forward) in the images' own type, and where it bends.
    fn bending(&self, images: Tensor<B, 4>) -> (Tensor<B, 2>, Path<B>) {
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

impl<B: AutodiffBackend> Path<B> {
    /// The same without a graph.
    fn inner(self) -> Path<B::InnerBackend> {
        Path {
            blocks: self.blocks.into_iter().map(Bends::inner).collect(),
            features: self.features.inner(),
            vector: self.vector.inner(),
        }
    }
}

impl<B: AutodiffBackend> Judging<B> {
    /// [`forward`](Self::forward), and where it bends in the images' own type, whatever the network
    /// computes in.
    pub fn forward_bending(&self, images: Tensor<B, 4>) -> (Tensor<B, 2>, Path<B::InnerBackend>) {
        if self.precision == Precision::Float32 {
            let (vector, path) = self.bending(images);
            return (vector, path.inner());
        }
        let (_, path) = self.valid().bending(images.clone().inner());
        (self.forward(images), path)
    }

    /// The input gradient on `path`, given that of the vector, `[N, F]` to `[N, C, H, W]`; where
    /// the network bends is a constant.
    pub fn input_gradient(
        &self,
        gradient: Tensor<B, 2>,
        path: Path<B::InnerBackend>,
    ) -> Tensor<B, 4> {
        let Path { blocks, features, vector } = path;
        let slopes = vector.ones_like().mask_fill(vector.lower_equal_elem(0.0), SLOPE);
        let gradient = self.last.whole_input_gradient(gradient * Tensor::from_inner(slopes));
        let features = Tensor::from_inner(features);
        let gradient = ops::leaky_relu_gradient(gradient, features, SLOPE);
        let blocks = self.blocks.iter().zip(blocks).rev();
        let gradient =
            blocks.fold(gradient, |gradient, (block, bends)| block.input_gradient(gradient, bends));
        self.first.input_gradient(gradient)
    }
}
