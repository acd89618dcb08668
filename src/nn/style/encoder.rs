//! StarGAN v2's style encoder (paper, table 7): an image to the style code that it has as one of
//! every domain.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use rand::Rng;

use crate::error::Result;
use crate::nn::architecture::Architecture;
use crate::nn::precision::Precision;
use crate::nn::style::config::StyleConfig;
use crate::nn::style::judging::Judging;
use crate::nn::style::layers::{Linear, of_domain};

/// StarGAN v2's style encoder, `E_y(x)`. Its sizes are a [`StyleConfig`]'s.
#[derive(Module, Debug)]
pub struct StyleEncoder<B: Backend> {
    shared: Judging<B>,
    unshared: Vec<Linear<B>>,
}

impl StyleConfig {
    /// A style encoder with fresh weights drawn from `rng` in a fixed order, the same on every
    /// backend.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init_encoder<B: Backend>(
        &self,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Result<StyleEncoder<B>> {
        self.check()?;
        let Architecture { trunk, heads } = self.encoder();
        Ok(StyleEncoder {
            shared: Judging::init(&mut trunk.with_parameters(), rng, device),
            unshared: heads
                .iter()
                .map(|head| Linear::init(&mut head.with_parameters(), rng, device))
                .collect(),
        })
    }
}

impl<B: Backend> StyleEncoder<B> {
    /// Sets what it computes in, but for the last layers; its input and output keep their type.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.shared = self.shared.with_precision(precision);
        self
    }

    /// The styles `[N, style_width]` of `images` `[N, C, H, W]` in `[-1, 1]` as images of the
    /// domains of which `domain` `[N, domains]` has a 1 and else 0.
    ///
    /// # Panics
    /// When the shapes do not fit the configuration.
    pub fn forward(&self, images: Tensor<B, 4>, domain: Tensor<B, 2>) -> Tensor<B, 2> {
        of_domain(self.forward_all(images), domain)
    }

    /// The styles as images of every domain: `[N, domains, style_width]`.
    ///
    /// # Panics
    /// When the images have another shape than the configuration's.
    pub fn forward_all(&self, images: Tensor<B, 4>) -> Tensor<B, 3> {
        let features = self.shared.forward(images);
        let styles = self.unshared.iter().map(|layer| layer.forward(features.clone()));
        Tensor::stack(styles.collect(), 1)
    }
}
