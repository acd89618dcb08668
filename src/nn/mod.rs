//! The networks: generator, discriminator, the layers they are made of and the operations beneath.

pub(crate) mod architecture;
pub(crate) mod discriminator;
pub(crate) mod flat;
pub(crate) mod generator;
pub(crate) mod head;
// Without a backend there is no path to take.
#[cfg_attr(
    not(any(feature = "flex", feature = "ndarray", feature = "gpu")),
    allow(dead_code, unused_imports, unused_mut, unused_variables)
)]
pub(crate) mod kernels;
pub(crate) mod layers;
pub(crate) mod limits;
pub(crate) mod ops;
pub(crate) mod precision;
#[cfg(feature = "metrics")]
pub(crate) mod resnet;
pub(crate) mod spectral;
pub(crate) mod style;
pub(crate) mod upsampling;
pub(crate) mod weights;

pub use self::discriminator::{Discriminator, DiscriminatorConfig, Prediction};
pub use self::generator::{Generator, GeneratorConfig};
pub use self::head::Head;
pub use self::style::config::StyleConfig;
pub use self::style::discriminator::StyleDiscriminator;
pub use self::style::encoder::StyleEncoder;
pub use self::style::generator::StyleGenerator;
pub use self::style::mapping::MappingNetwork;
pub use self::upsampling::Upsampling;
pub use self::weights::Weights;
