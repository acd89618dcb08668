//! The networks that a judge can have.

use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::data::size::ImageSize;
use crate::error::Result;
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::nn::resnet::{self, ResNet18, ResNet18Config};
use crate::nn::weights::{self, Weights};
use crate::optim::adam::{self, Adam};

/// What the names of its parameters in a file begin with.
const PREFIX: &str = "judge";

/// A network's shape, as a file has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Architecture {
    ResNet18 { resnet18: ResNet18Config },
    Trunk(DiscriminatorConfig),
}

/// What tells labels from images.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a program has one, or two
pub(super) enum Network<B: Backend> {
    Trunk(Discriminator<B>),
    ResNet18(ResNet18<B>),
}

/// `$body` with `$network` as either of the two.
macro_rules! either {
    ($self:expr, $network:ident => $body:expr) => {
        match $self {
            Network::Trunk($network) => $body,
            Network::ResNet18($network) => $body,
        }
    };
}

impl Architecture {
    pub fn image_size(&self) -> ImageSize {
        match self {
            Self::Trunk(config) => config.image_size,
            Self::ResNet18 { resnet18 } => resnet18.image_size,
        }
    }

    pub fn image_channels(&self) -> usize {
        match self {
            Self::Trunk(config) => config.image_channels,
            Self::ResNet18 { resnet18 } => resnet18.image_channels,
        }
    }

    pub fn label_width(&self) -> usize {
        match self {
            Self::Trunk(config) => config.label_width,
            Self::ResNet18 { resnet18 } => resnet18.label_width,
        }
    }

    /// The channels of the last feature maps.
    pub fn feature_width(&self) -> usize {
        match self {
            Self::Trunk(config) => config.base_channels << (config.downsamplings - 1),
            Self::ResNet18 { .. } => resnet::FEATURES,
        }
    }

    fn num_params(&self) -> u64 {
        match self {
            Self::Trunk(config) => config.num_params(),
            Self::ResNet18 { resnet18 } => resnet18.num_params(),
        }
    }

    /// The network with its first weights.
    ///
    /// # Errors
    /// When no network has this shape.
    pub fn init<B: Backend>(&self, rng: &mut impl Rng, device: &B::Device) -> Result<Network<B>> {
        Ok(match self {
            Self::Trunk(config) => Network::Trunk(config.init(rng, device)?),
            Self::ResNet18 { resnet18 } => Network::ResNet18(resnet18.init(rng, device)?),
        })
    }

    /// The network with the weights that [`Network::weights`] gave.
    ///
    /// # Errors
    /// When no network has this shape, or the weights are another's.
    pub fn load<B: Backend>(
        &self,
        mut weights: Weights,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> std::result::Result<Network<B>, String> {
        weights::check_enough(&weights, self.num_params())?;
        let network = self.init(rng, device).map_err(|error| error.to_string())?;
        let network = match network {
            Network::Trunk(network) => {
                Network::Trunk(weights::apply(network, PREFIX, &mut weights)?)
            }
            Network::ResNet18(network) => {
                Network::ResNet18(weights::apply(network, PREFIX, &mut weights)?)
            }
        };
        weights::check_empty(&weights)?;
        Ok(network)
    }
}

impl<B: Backend> Network<B> {
    /// Its parameters, as a file holds them.
    pub fn weights(&self) -> Weights {
        either!(self, network => weights::collect(network, PREFIX))
    }

    /// The last feature maps of images `[N, C, H, W]`: `[N, F, h, w]`.
    pub fn features(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        either!(self, network => network.features(images))
    }

    /// The logits `[N, L]` of [`features`](Self::features).
    pub fn logits(&self, features: Tensor<B, 4>) -> Tensor<B, 2> {
        match self {
            Self::Trunk(network) => network.heads(features).domain_logits,
            Self::ResNet18(network) => network.logits(features),
        }
    }
}

impl<B: AutodiffBackend> Network<B> {
    /// Updated by the gradients of `loss`.
    pub fn step(self, adam: &mut Adam<B::InnerBackend>, loss: Tensor<B, 1>, rate: f64) -> Self {
        let mut found = loss.backward();
        match self {
            Self::Trunk(network) => {
                let gradients = adam::gradients(&network, &mut found);
                Self::Trunk(adam.step(network, gradients, rate))
            }
            Self::ResNet18(network) => {
                let gradients = adam::gradients(&network, &mut found);
                Self::ResNet18(adam.step(network, gradients, rate))
            }
        }
    }

    /// Without what gradients need.
    pub fn valid(&self) -> Network<B::InnerBackend> {
        match self {
            Self::Trunk(network) => Network::Trunk(network.valid()),
            Self::ResNet18(network) => Network::ResNet18(network.valid()),
        }
    }
}
