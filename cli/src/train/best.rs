//! `--keep-best` and `--stop-after-worse`: what a run's models are compared by.

use clap::Args;
use stargan::metrics::Measures;
use stargan::{Criterion, EarlyStopping, KeepBest};

use super::Inputs;
use crate::failure::{Failure, usage};

/// What is kept of a run that is measured, and when it ends early.
#[derive(Args)]
pub struct BestArgs {
    /// Keep the best checkpoint as best.safetensors in the run folder: by this measure of the
    /// --pairs (inside, outside, psnr or ssim) over all changes, of several datasets by that of
    /// NAME
    #[arg(long, value_name = "[NAME/]MEASURE")]
    keep_best: Option<String>,
    /// End the run after N measurements in a row that were not better than the best, by the
    /// measure of --keep-best
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stop_after_worse: Option<u64>,
}

impl BestArgs {
    /// Changes `inputs` as the command line says.
    pub fn set(&self, inputs: &mut Inputs) {
        inputs.keep_best = self.keep_best.clone().or(inputs.keep_best.take());
        inputs.stop_after_worse = self.stop_after_worse.or(inputs.stop_after_worse);
    }
}

/// The observers that compare a run's models.
#[derive(Default)]
pub struct Comparison {
    pub best: Option<KeepBest>,
    pub stopping: Option<EarlyStopping>,
}

impl Comparison {
    /// As `inputs` say, where there are pairs of the datasets `measured`.
    pub fn new(inputs: &Inputs, measured: &[&str]) -> Result<Self, Failure> {
        let Some(by) = &inputs.keep_best else {
            return match inputs.stop_after_worse {
                Some(_) => usage("--stop-after-worse needs --keep-best, which says by what"),
                None => Ok(Self::default()),
            };
        };
        if inputs.evaluate_every == 0 {
            return usage(
                "--keep-best compares what is measured every --evaluate-every N iterations, and N \
                 is 0",
            );
        }
        let criterion = Criterion::metric(metric(by, measured)?);
        let stopping = |patience| EarlyStopping::new(criterion.clone(), patience);
        let stopping = inputs.stop_after_worse.map(stopping);
        Ok(Self { best: Some(KeepBest::new(criterion)), stopping })
    }
}

/// What the library calls the measure `[NAME/]MEASURE` over all changes.
fn metric(by: &str, measured: &[&str]) -> Result<String, Failure> {
    let (dataset, measure) = match by.rsplit_once('/') {
        Some((dataset, measure)) => (Some(dataset), measure),
        None => (None, by),
    };
    let known: Vec<_> = Measures::default().iter().map(|(name, _)| name).collect();
    if !known.contains(&measure) {
        let known = known.join(", ");
        return usage(format!("--keep-best: expected one of {known}, found {measure:?}"));
    }
    match (measured, dataset) {
        ([], _) => usage("--keep-best needs --pairs, which are what is measured"),
        ([_], None) => Ok(format!("total/{measure}")),
        ([only], Some(name)) if *only == name => Ok(format!("total/{measure}")),
        ([_, _, ..], Some(name)) if measured.contains(&name) => {
            Ok(format!("{name}/total/{measure}"))
        }
        (measured, _) => {
            let names: Vec<_> = measured.iter().map(|name| format!("{name}/{measure}")).collect();
            usage(format!("--keep-best: expected {}, found {by:?}", names.join(" or ")))
        }
    }
}
