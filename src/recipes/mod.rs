//! What a run trains: networks, losses and the step of each method.

pub(crate) mod adversaries;
pub(crate) mod channels;
pub(crate) mod cyclegan;
pub(crate) mod losses;
pub(crate) mod objective;
pub(crate) mod open;
pub(crate) mod pairwise;
pub(crate) mod penalty;
pub(crate) mod pix2pix;
pub(crate) mod stargan;
pub(crate) mod stargan_v2;

pub use self::adversaries::Adversaries;
pub use self::cyclegan::{CycleNetworks, cycle_losses};
pub use self::losses::{NamedLosses, OptionalTerm, domain_loss, reconstruction_loss};
pub use self::pairwise::direction::{Direction, Pairwise};
pub use self::pairwise::losses::{CriticLosses, DirectionLosses};
pub use self::pairwise::settings::PairModel;
pub use self::penalty::PenaltyDraw;
pub use self::pix2pix::{paired_losses, under_condition};
pub use self::stargan::batch::{Label, StepBatch};
pub use self::stargan::losses::{DiscriminatorLosses, GeneratorLosses};
pub use self::stargan::step::{discriminator_losses, generator_losses};
pub use self::stargan_v2::batch::{StyleBatch, StyleSource};
pub use self::stargan_v2::grids::Reference;
pub use self::stargan_v2::losses::{StyleCriticLosses, StyleGeneratorLosses};
pub use self::stargan_v2::model::StyleModel;
pub use self::stargan_v2::networks::StyleNetworks;
pub use self::stargan_v2::reference::ReferenceTranslator;
pub use self::stargan_v2::step::{style_critic_losses, style_generator_losses};
