//! StarGAN v2's mapping network (paper, table 6): noise to a style code of every domain.

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};
use rand::Rng;

use crate::error::Result;
use crate::nn::architecture::{Architecture, Sequence};
use crate::nn::style::config::StyleConfig;
use crate::nn::style::layers::{Linear, of_domain};

/// StarGAN v2's mapping network, `F_y(z)`. Its sizes are a [`StyleConfig`]'s.
#[derive(Module, Debug)]
pub struct MappingNetwork<B: Backend> {
    shared: Vec<Linear<B>>,
    unshared: Vec<Vec<Linear<B>>>,
}

impl StyleConfig {
    /// A mapping network with fresh weights drawn from `rng` in a fixed order, the same on every
    /// backend.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init_mapping<B: Backend>(
        &self,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Result<MappingNetwork<B>> {
        self.check()?;
        let Architecture { trunk, heads } = self.mapping();
        let mut branch = |layers: &Sequence| {
            let count = layers.with_parameters().count();
            let layers = &mut layers.with_parameters();
            (0..count).map(|_| Linear::init(layers, rng, device)).collect()
        };
        Ok(MappingNetwork { shared: branch(&trunk), unshared: heads.iter().map(branch).collect() })
    }
}

impl<B: Backend> MappingNetwork<B> {
    /// The styles `[N, style_width]` that `latents` `[N, latent_width]`, standard normal numbers,
    /// have in the domains of which `domain` `[N, domains]` has a 1 and else 0.
    ///
    /// # Panics
    /// When the shapes do not fit the configuration.
    pub fn forward(&self, latents: Tensor<B, 2>, domain: Tensor<B, 2>) -> Tensor<B, 2> {
        of_domain(self.forward_all(latents), domain)
    }

    /// The styles of every domain: `[N, domains, style_width]`.
    ///
    /// # Panics
    /// When the latents have another width.
    pub fn forward_all(&self, latents: Tensor<B, 2>) -> Tensor<B, 3> {
        let relu = |x, layer: &Linear<B>| activation::relu(layer.forward(x));
        let shared = self.shared.iter().fold(latents, relu);
        let style = |layers: &Vec<Linear<B>>| {
            let (last, before) = layers.split_last().expect("a domain has layers");
            last.forward(before.iter().fold(shared.clone(), relu))
        };
        Tensor::stack(self.unshared.iter().map(style).collect(), 1)
    }
}
