//! What is public can be moved to other threads and shared between them; the compiler says so.

use stargan::burn::backend::Flex;
use stargan::data::{
    Batch, ImageFiles, Loader, LoaderConfig, Readable, References, Region, SameImage, Share,
    Summary, Survey, UnreadableImage,
};
#[cfg(feature = "collective")]
use stargan::engine::Worker;
use stargan::engine::{Backward, Follower, Learner, Moment, State, StepLosses};
#[cfg(feature = "mpi")]
use stargan::engine::{MpiJob, MpiLink};
use stargan::metrics::{
    Agreement, CounterfactualLog, CounterfactualScores, Counterfactuals, DatasetScores,
    DiversityScores, DomainDistance, DomainSamples, Evaluation, Evaluator, FidReference, Inception,
    Judge, JudgeConfig, JudgeErrors, JudgeNetwork, Lpips, LpipsScores, Measured, Measures,
    PairDistance, PairScores, Readings, SampleScores, Scores, TargetScores,
};
use stargan::nn::{
    Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Head, MappingNetwork,
    Prediction, StyleConfig, StyleDiscriminator, StyleEncoder, StyleGenerator, Upsampling,
};
use stargan::recipes::{
    Adversaries, CriticLosses, CycleNetworks, Direction, DirectionLosses, DiscriminatorLosses,
    GeneratorLosses, Label, OptionalTerm, PairModel, Pairwise, PenaltyDraw, Reference,
    ReferenceTranslator, StepBatch, StyleBatch, StyleCriticLosses, StyleGeneratorLosses,
    StyleModel, StyleNetworks, StyleSource,
};
use stargan::{
    AdamConfig, Animation, AnyTranslator, Augmentation, BackendKind, Best, Better, CelebA,
    CelebAFiles, Channels, Criterion, Crop, CsvLog, CycleGan, Datasets, DomainEdit, DomainLabel,
    EarlyStopping, Edit, Error, Folder, Grid, GridImage, IdentityWarmup, ImageSize, Iteration,
    KeepBest, LabelKind, LabelProbability, LabelSpace, LabelSpaces, LossWeights, Metric,
    MissingPolicy, ModelConfig, NonFinitePolicy, Objective, OnIteration, Outcome, OutputSize,
    Parts, Penalty, Pix2Pix, Precision, Preset, Progress, PublicModel, PublicStyleModel,
    ReconstructionRamp, Relabelling, Report, RunSettings, SampleGrids, Sampling, Schedule,
    Sequence, StarGan, StarGanV2, StyleLossWeights, StyleTranslator, Subset, Taken, Target,
    TensorBoard, TimingLog, Trainer, TrainingConfig, Transform, Translate, Translator,
    UnreadablePolicy,
};

use super::crate_source::{Source, name};
use crate::training::setup::Cpu;

macro_rules! all {
    ($check:ident: $($of:ty),+ $(,)?) => { $($check::<$of>();)+ };
}

/// Holds by compiling.
#[test]
fn what_is_public_is_send_and_sync() {
    fn both<T: Send + Sync>() {}
    fn send<T: Send>() {}
    all!(both: Animation, AnyTranslator, Augmentation, BackendKind, Best, Better, Criterion,
        EarlyStopping, KeepBest, LabelProbability, Metric, OnIteration<fn()>, OutputSize, Taken);
    all!(both: AdamConfig, CelebA, CelebAFiles, Channels, Crop, CsvLog, CycleGan, Datasets,
        DomainEdit, DomainLabel, Edit, Error, Folder, Grid, GridImage, IdentityWarmup, ImageSize,
        LabelKind, LabelSpace, LabelSpaces, LossWeights, MissingPolicy, ModelConfig,
        NonFinitePolicy, Objective, Outcome, Parts, Penalty, Pix2Pix, Precision, Preset, Progress,
        PublicModel, PublicStyleModel, ReconstructionRamp, Relabelling<'_>, Report, RunSettings,
        SampleGrids, Sampling, Schedule, Sequence<'_, Flex>, StarGan, StarGanV2, StyleLossWeights,
        StyleTranslator<Flex>, Subset, Target, TensorBoard, TimingLog, TrainingConfig<StarGan>,
        Transform, Translator<Flex>, Box<dyn Translate<Flex>>, UnreadablePolicy);
    all!(both: Batch, ImageFiles, Loader, LoaderConfig, Readable<'_>, References, Region,
        SameImage<'_>, Share, State, StepLosses<Flex>, Summary, Survey, UnreadableImage);
    all!(both: Agreement, CounterfactualLog, CounterfactualScores, Counterfactuals, DatasetScores,
        DiversityScores, DomainDistance, DomainSamples, Evaluation, Evaluator<'_, Flex>,
        FidReference, Inception<Flex>, Judge<Flex>, JudgeConfig, JudgeErrors, JudgeNetwork,
        Lpips<Flex>, LpipsScores, Measured, Measures, PairDistance, PairScores, Readings,
        SampleScores, Scores, TargetScores);
    all!(both: Discriminator<Flex>, DiscriminatorConfig, Generator<Flex>, GeneratorConfig,
        Head, MappingNetwork<Flex>, Prediction<Flex>, StyleConfig, StyleDiscriminator<Flex>,
        StyleEncoder<Flex>, StyleGenerator<Flex>, Upsampling);
    all!(both: Adversaries<Cpu>, CriticLosses<Flex>, CycleNetworks<Cpu>, Direction<Flex>,
        DirectionLosses<Flex>, DiscriminatorLosses<Flex>, GeneratorLosses<Flex>, OptionalTerm,
        Label<Flex>, PairModel, Pairwise<Flex>, PenaltyDraw<Flex>, Reference,
        ReferenceTranslator<Flex>, StepBatch<Flex>,
        StyleBatch<Flex>, StyleCriticLosses<Flex>, StyleGeneratorLosses<Flex>, StyleModel,
        StyleNetworks<Cpu>, StyleSource);
    all!(both: Learner<Cpu, Generator<Cpu>>);
    // Observers ask for things through them in the one thread that trains, and a link to other
    // workers is one thread's at a time.
    all!(send: Trainer<Cpu, StarGan>, Follower<Cpu, StarGan>, Moment<'_, Cpu>, Backward<Cpu>);
    // Losses are read from the device when they are first asked for.
    all!(send: Iteration<'_, Cpu>);
    // One thread's at a time.
    #[cfg(feature = "collective")]
    all!(send: Worker<Flex>);
    #[cfg(feature = "mpi")]
    all!(both: MpiJob, MpiLink);
}

/// A view of a trainer, which isn't `Sync`: only for the observer that is told of it.
const NEITHER: [&str; 1] = ["Run"];

#[test]
fn every_public_type_is_among_them() {
    let source = Source::read();
    let listed = include_str!("threads.rs");
    let listed = &listed[listed.find("fn both").expect("the lists")..];
    let words: Vec<&str> = listed.split(|c: char| !c.is_alphanumeric()).collect();
    let types = source.public_items().into_iter().filter_map(|public| match public.item {
        syn::Item::Struct(_) | syn::Item::Enum(_) => name(public.item).map(|(name, _)| name),
        _ => None,
    });
    let missing: Vec<_> = types.filter(|of| !words.contains(&&of[..])).collect();
    assert!(missing.is_empty(), "say whether they can be moved and shared: {missing:?}");
    assert!(NEITHER.iter().all(|of| words.contains(of)));
}
