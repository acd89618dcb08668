//! StarGAN v2's discriminator (paper, table 8): how real an image is, of every domain.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use rand::Rng;

use crate::error::Result;
use crate::nn::precision::Precision;
use crate::nn::style::config::StyleConfig;
use crate::nn::style::judging::Judging;
use crate::nn::style::layers::BiasedConvolution;

/// StarGAN v2's discriminator, `D_y(x)`. Its sizes are a [`StyleConfig`]'s.
#[derive(Module, Debug)]
pub struct StyleDiscriminator<B: Backend> {
    trunk: Judging<B>,
    logits: BiasedConvolution<B>,
}

impl StyleConfig {
    /// A discriminator with fresh weights drawn from `rng` in a fixed order, the same on every
    /// backend.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init_discriminator<B: Backend>(
        &self,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Result<StyleDiscriminator<B>> {
        self.check()?;
        let architecture = self.discriminator();
        let mut layers = architecture.trunk.with_parameters();
        Ok(StyleDiscriminator {
            trunk: Judging::init(&mut layers, rng, device),
            logits: BiasedConvolution::init(&mut layers, rng, device),
        })
    }
}

impl<B: Backend> StyleDiscriminator<B> {
    /// Sets what it computes in, but for its last layer and the gradient of
    /// [`forward_with_gradient`](Self::forward_with_gradient); its input and output keep their
    /// type.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.trunk = self.trunk.with_precision(precision);
        self
    }

    /// How real `images` `[N, C, H, W]` in `[-1, 1]` are as images of the domains of which `domain`
    /// `[N, domains]` has a 1 and else 0: logits `[N, 1]`.
    ///
    /// # Panics
    /// When the shapes do not fit the configuration.
    pub fn forward(&self, images: Tensor<B, 4>, domain: Tensor<B, 2>) -> Tensor<B, 2> {
        (self.forward_all(images) * domain).sum_dim(1)
    }

    /// How real they are as images of every domain: logits `[N, domains]`.
    ///
    /// # Panics
    /// When the images have another shape than the configuration's.
    pub fn forward_all(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        self.logits(self.trunk.forward(images))
    }

    /// Of what the trunk makes of images, `[N, F]`.
    fn logits(&self, vector: Tensor<B, 2>) -> Tensor<B, 2> {
        let [n, width] = vector.dims();
        self.logits.whole(vector.reshape([n, width, 1, 1]))
    }
}

impl<B: AutodiffBackend> StyleDiscriminator<B> {
    /// [`forward`](Self::forward), and the gradient of the summed logits with respect to `images`,
    /// of their shape, itself differentiable with respect to the weights.
    ///
    /// The network is convolutions, means, sums and LeakyReLU, hence piecewise linear, so that its
    /// input gradient is a chain of ordinary operations with the same weights, as
    /// [`Discriminator`](crate::nn::Discriminator)'s is.
    ///
    /// # Panics
    /// When the shapes do not fit the configuration.
    pub fn forward_with_gradient(
        &self,
        images: Tensor<B, 4>,
        domain: Tensor<B, 2>,
    ) -> (Tensor<B, 2>, Tensor<B, 4>) {
        let (vector, path) = self.trunk.forward_bending(images);
        let [n, width] = vector.dims();
        let to_vector = self.logits.whole_input_gradient(domain.clone()).reshape([n, width]);
        let realness = (self.logits(vector) * domain).sum_dim(1);
        (realness, self.trunk.input_gradient(to_vector, path))
    }
}
