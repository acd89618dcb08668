//! StarGAN v2's generator (paper, table 5): an image and a style code to the image in that style.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use rand::Rng;

use crate::error::Result;
use crate::nn::layers::InstanceNorm;
use crate::nn::ops;
use crate::nn::precision::Precision;
use crate::nn::style::block::{NormedBlock, StyledBlock};
use crate::nn::style::config::{SLOPE, StyleConfig};
use crate::nn::style::layers::BiasedConvolution;

/// StarGAN v2's generator, `G(x, s)`. Its sizes are a [`StyleConfig`]'s.
///
/// All that its convolutions make goes through instance norms, which take constants away, but for
/// the last: the other biases are parameters as in the public files, and have no effect.
#[derive(Module, Debug)]
pub struct StyleGenerator<B: Backend> {
    from_rgb: BiasedConvolution<B>,
    encode: Vec<NormedBlock<B>>,
    decode: Vec<StyledBlock<B>>,
    to_rgb: ToRgb<B>,
    #[module(skip)]
    precision: Precision,
}

/// Norm, LeakyReLU and a 1x1 convolution.
#[derive(Module, Debug)]
struct ToRgb<B: Backend> {
    norm: InstanceNorm<B>,
    conv: BiasedConvolution<B>,
}

impl StyleConfig {
    /// A generator with fresh weights drawn from `rng` in a fixed order, the same on every backend.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init_generator<B: Backend>(
        &self,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Result<StyleGenerator<B>> {
        self.check()?;
        let architecture = self.generator();
        let blocks = architecture.trunk.with_parameters().filter(|layer| layer.is_block()).count();
        let layers = &mut architecture.trunk.with_parameters();
        Ok(StyleGenerator {
            from_rgb: BiasedConvolution::init(layers, rng, device),
            encode: (0..blocks / 2).map(|_| NormedBlock::init(layers, rng, device)).collect(),
            decode: (0..blocks / 2).map(|_| StyledBlock::init(layers, rng, device)).collect(),
            to_rgb: ToRgb {
                norm: InstanceNorm::init(layers, device),
                conv: BiasedConvolution::init(layers, rng, device),
            },
            precision: Precision::Float32,
        })
    }
}

impl<B: Backend> StyleGenerator<B> {
    /// Sets what it computes in; its input and output keep their type, and styles are float32.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// `images` `[N, C, H, W]` in `[-1, 1]` in the styles `[N, style_width]`; the result has the
    /// images' shape and is not bounded, but trained to be in their range.
    ///
    /// # Panics
    /// When the shapes do not fit the configuration.
    pub fn forward(&self, images: Tensor<B, 4>, style: Tensor<B, 2>) -> Tensor<B, 4> {
        assert_eq!(images.dims()[0], style.dims()[0], "a style of every image");
        let dtype = images.dtype();
        let x = self.from_rgb.forward_unbiased(self.precision.cast(images));
        let x = self.encode.iter().fold(x, |x, block| block.forward(x));
        let x = self.decode.iter().fold(x, |x, block| block.forward(x, style.clone()));
        let ToRgb { norm, conv } = &self.to_rgb;
        conv.forward(ops::leaky_relu(norm.forward(x), SLOPE)).cast(dtype)
    }
}
