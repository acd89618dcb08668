//! The networks: generator, discriminator, the layers they are made of and the operations beneath.

pub(crate) mod architecture;
pub(crate) mod discriminator;
pub(crate) mod generator;
pub(crate) mod kernels;
pub(crate) mod layers;
pub(crate) mod limits;
pub(crate) mod ops;
pub(crate) mod spectral;
pub(crate) mod weights;

pub use self::discriminator::{Discriminator, DiscriminatorConfig, Prediction};
pub use self::generator::{Generator, GeneratorConfig};
pub use self::weights::Weights;
