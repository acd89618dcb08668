//! StarGAN ([Choi et al., CVPR 2018](https://arxiv.org/abs/1711.09020)) on [burn]: one generator
//! translates images between many domains, and one loop trains it, on every backend of burn.
//!
//! ```no_run
//! use stargan::burn::backend::Flex;
//! use stargan::Translator;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let translator = Translator::<Flex>::open("runs/celeba", &Default::default())?;
//! translator.translate_file("face.jpg", "Blond_Hair,-Young=0.5")?.save("blond.png")?;
//! # Ok(())
//! # }
//! ```
//!
//! | to | take |
//! |---|---|
//! | say what labels mean | [`LabelSpace`], [`LabelSpaces`], [`Edit`] |
//! | open labelled images | [`CelebA`], [`Folder`], or your own [`Dataset`] |
//! | train | [`Trainer`], a recipe such as [`StarGan`], [`RunSettings`], an [`Observer`] |
//! | train something else in the same loop | [`engine::Recipe`] |
//! | open a photo as training does | [`load_image`], [`decode_image`] |
//! | translate | [`Translator`], and [`Translate`] for whatever a recipe has trained |
//! | translate on a backend that is chosen at run time | [`AnyTranslator`], [`any_backend!`] |
//! | measure | [`metrics`] |
//! | show a run | [`Report`] |
//! | use the public PyTorch code's weights | [`PublicModel`], [`Translator::import`] |
//! | use StarGAN v2's | [`PublicStyleModel`], [`StyleTranslator::import`] |
//! | run a model elsewhere | [`Translator::to_onnx`] |
//!
//! Everything is generic over burn's `Backend`. Images are `[N, C, H, W]` in `[-1, 1]` on the
//! device, and the image crate's `DynamicImage` elsewhere. The features `train`, `metrics` and
//! `report`, on by default, are what a program that only translates can leave out. `README.md` has
//! a run from data to a translated photo, and the command line; `examples/` has short programs.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
// A stream that nobody listens to must not end a run.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]
// Without the upper floors, what below serves only them is idle.
#![cfg_attr(not(feature = "report"), allow(dead_code))]
#![recursion_limit = "256"] // wgpu's types nest deeply

mod backend;
#[cfg(all(debug_assertions, not(test), feature = "compiled-once"))]
mod compiled_once;
pub mod data;
#[cfg(feature = "train")]
pub mod engine;
mod error;
mod files;
mod labels;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod nn;
mod optim;
mod random;
#[cfg(feature = "train")]
pub mod recipes;
#[cfg(feature = "report")]
mod report;
#[cfg(test)]
mod tests;
mod translate;

/// The burn that this crate is built on, so that versions can't diverge.
pub use burn;
/// The image crate whose types are in this crate's interface.
pub use image;
/// The rand whose traits are in this crate's interface.
pub use rand;

pub use backend::BackendKind;
#[doc(hidden)]
pub use backend::on as __on;
pub use data::animation::Animation;
pub use data::celeba::CelebA;
pub use data::celeba_files::{CelebAFiles, MissingPolicy};
pub use data::channels::Channels;
pub use data::crop::Crop;
pub use data::dataset::Dataset;
pub use data::datasets::Datasets;
pub use data::folder::Folder;
pub use data::image::{decode_image, load_image};
pub use data::size::ImageSize;
pub use data::subset::Subset;
pub use data::transform::Transform;
pub use data::unreadable::UnreadablePolicy;
pub use error::{Error, Result};
pub use files::describe::describe;
pub use files::model::ModelConfig;
pub use files::pytorch::model::PublicModel;
pub use files::replace::replace_file;
pub use files::run::resolve_model;
pub use labels::edit::Edit;
pub use labels::probability::LabelProbability;
pub use labels::space::{LabelKind, LabelSpace, Target};
pub use labels::spaces::{DomainEdit, LabelSpaces};
pub use nn::precision::Precision;
pub use translate::any::{AnyTranslator, Translating};
pub use translate::grid::{Grid, GridImage};
pub use translate::output::OutputSize;
pub use translate::relabel::{DomainLabel, Relabelling, Translate};
pub use translate::sequence::Sequence;
pub use translate::translator::{Parts, Translator};

#[cfg(feature = "train")]
pub use train::*;

/// What the feature `train` adds to the crate's root.
#[cfg(feature = "train")]
mod train {
    pub use crate::data::augment::Augmentation;
    pub use crate::data::balance::Sampling;
    pub use crate::engine::config::TrainingConfig;
    pub use crate::engine::observe::closure::{OnIteration, on_iteration};
    pub use crate::engine::observe::criterion::{Best, Criterion};
    pub use crate::engine::observe::early_stopping::EarlyStopping;
    pub use crate::engine::observe::keep_best::KeepBest;
    pub use crate::engine::observe::losses::CsvLog;
    pub use crate::engine::observe::metric::{Better, Metric};
    pub use crate::engine::observe::observer::{Iteration, Observer, Run};
    pub use crate::engine::observe::progress::Progress;
    pub use crate::engine::observe::samples::SampleGrids;
    pub use crate::engine::observe::tensorboard::TensorBoard;
    pub use crate::engine::observe::timing::TimingLog;
    pub use crate::engine::policy::NonFinitePolicy;
    pub use crate::engine::settings::RunSettings;
    pub use crate::engine::trainer::{Outcome, Trainer};
    pub use crate::files::pytorch::style_model::PublicStyleModel;
    pub use crate::optim::adam::AdamConfig;
    pub use crate::optim::schedule::Schedule;
    pub use crate::recipes::cyclegan::CycleGan;
    pub use crate::recipes::objective::Objective;
    pub use crate::recipes::open::{open_model, recipe_of};
    pub use crate::recipes::penalty::Penalty;
    pub use crate::recipes::pix2pix::Pix2Pix;
    pub use crate::recipes::stargan::begin::Taken;
    pub use crate::recipes::stargan::config::StarGan;
    pub use crate::recipes::stargan::preset::Preset;
    pub use crate::recipes::stargan::weights::{IdentityWarmup, LossWeights, ReconstructionRamp};
    pub use crate::recipes::stargan_v2::config::{StarGanV2, StyleLossWeights};
    pub use crate::recipes::stargan_v2::translator::StyleTranslator;
}

#[cfg(feature = "report")]
pub use report::Report;

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The code in the tutorial compiles.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
struct Guide;

/// The code on StarGAN v2 compiles.
#[cfg(doctest)]
#[doc = include_str!("../docs/stargan-v2.md")]
struct StarGanV2Page;
