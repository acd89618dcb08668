#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![recursion_limit = "256"] // wgpu's types nest deeply

mod adam;
pub mod baselines;
#[cfg(feature = "collective")]
pub mod collective;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu;
pub mod data;
mod discriminator;
mod domains;
mod edit;
mod error;
mod generator;
mod labels;
mod layers;
mod losses;
pub mod metrics;
mod model;
mod ops;
mod penalty;
pub mod pytorch;
mod random;
mod report;
mod spectral;
#[cfg(test)]
mod tests;
pub mod train;
mod translator;
mod weights;

pub use adam::AdamConfig;
/// The burn this crate is built on, so that versions can't diverge.
pub use burn;
pub use data::{CelebA, Crop, Dataset, Datasets, Folder, Transform, UnreadablePolicy};
pub use discriminator::{Discriminator, DiscriminatorConfig, Prediction};
pub use domains::{DomainEdit, Domains};
pub use edit::Edit;
pub use error::{Error, Result};
pub use generator::{Generator, GeneratorConfig};
pub use labels::{LabelKind, LabelSpace, Target};
pub use losses::{
    DiscriminatorLosses, GeneratorLosses, IdentityWarmup, LossWeights, NamedLosses, Objective,
    domain_loss, reconstruction_loss,
};
pub use model::ModelConfig;
pub use penalty::{Penalty, PenaltyDraw};
pub use pytorch::PublicModel;
pub use report::Report;
pub use train::{
    CsvLog, NonFinitePolicy, Observer, Outcome, Progress, SampleGrids, TensorBoard, TimingLog,
    Trainer, TrainingConfig,
};
pub use translator::{DomainLabel, Grid, Translator};

/// The code in the tutorial compiles.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
struct Guide;
