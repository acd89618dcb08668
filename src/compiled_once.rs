//! What is compiled once for the tests, the examples and the program of this repository. At their
//! level of optimisation (up to 1) rustc lets what depends on a library use the generic code that
//! the library has compiled itself; without this, each would compile networks and loop again.

use std::hint::black_box;
use std::path::Path;

use burn::backend::{Autodiff, Flex};
use image::DynamicImage;

use crate::data::datasets::Datasets;
use crate::engine::observe::losses::CsvLog;
use crate::engine::observe::observer::Observer;
use crate::engine::observe::progress::Progress;
use crate::engine::observe::samples::SampleGrids;
use crate::engine::observe::tensorboard::TensorBoard;
use crate::engine::observe::timing::TimingLog;
use crate::engine::recipe::Recipe;
use crate::engine::trainer::Trainer;
use crate::metrics::counterfactual::Counterfactuals;
use crate::metrics::evaluator::Evaluator;
use crate::metrics::fid::FidReference;
use crate::metrics::inception::Inception;
use crate::metrics::judge::{Judge, JudgeConfig};
use crate::metrics::log::CounterfactualLog;
use crate::metrics::lpips::Lpips;
use crate::recipes::cyclegan::CycleGan;
use crate::recipes::pix2pix::Pix2Pix;
use crate::recipes::stargan::config::StarGan;
use crate::translate::translator::Translator;

type Cpu = Autodiff<Flex>;

/// Never called: what it names is compiled.
#[used]
static ALL: fn() = || {
    training::<StarGan>();
    training::<CycleGan>();
    training::<Pix2Pix>();
    translation();
    measuring();
};

fn training<R: Recipe>() {
    black_box(Trainer::<Cpu, R>::resume as fn(&'static Path, _) -> _);
    black_box(Trainer::<Cpu, R>::resume_from as fn(&'static Path, &'static Path, _) -> _);
    black_box(Trainer::<Cpu, R>::run as fn(_, Datasets, _) -> _);
    black_box(Trainer::<Cpu, R>::boxed_translator as fn(_) -> _);
    observe::<CsvLog>();
    observe::<TimingLog>();
    observe::<SampleGrids>();
    observe::<Progress>();
    observe::<TensorBoard>();
    observe::<CounterfactualLog>();
    observe::<Vec<Box<dyn Observer<Cpu>>>>();
}

fn observe<O: Observer<Cpu> + 'static>() {
    black_box((|observer| observer) as fn(&'static mut O) -> &'static mut dyn Observer<Cpu>);
}

fn translation() {
    black_box(Translator::<Flex>::open as fn(&'static Path, _) -> _);
    black_box(Translator::<Flex>::save as fn(_, &'static Path, _) -> _);
    black_box(Translator::<Flex>::translate_batch as fn(_, _, _) -> _);
    black_box(Translator::<Flex>::translate_from as fn(_, _, _, _) -> _);
    black_box(Translator::<Flex>::grid as fn(_, &[DynamicImage]) -> _);
    black_box(Translator::<Flex>::grid_of_edits as fn(_, _, _, &[&'static str]) -> _);
    black_box(Translator::<Flex>::predict as fn(_, _, _) -> _);
    black_box(Translator::<Flex>::import as fn(_, _, _, _) -> _);
}

fn measuring() {
    black_box(JudgeConfig::train::<Cpu> as fn(_, Datasets, _) -> _);
    black_box(Judge::<Flex>::open as fn(&'static Path, _) -> _);
    black_box(Judge::<Flex>::accuracy as fn(_, _) -> _);
    black_box(Judge::<Flex>::measure as fn(_, &Translator<Flex>, _, _) -> _);
    black_box(Counterfactuals::measure::<Flex> as fn(_, &Translator<Flex>) -> _);
    black_box(Evaluator::<Flex>::measure as fn(_) -> _);
    black_box(Inception::<Flex>::open as fn(&'static Path, _) -> _);
    black_box(Lpips::<Flex>::open as fn(&'static Path, &'static Path, _) -> _);
    black_box(FidReference::measure::<Flex> as fn(_, _, _, _, _) -> _);
}
