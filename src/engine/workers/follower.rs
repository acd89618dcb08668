//! How the workers of one run come together: what they must have in common, and what the first
//! gives to the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::backend::{AutodiffBackend, Backend};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::dataset::{Dataset, base_name};
use crate::data::datasets::Datasets;
use crate::engine::checkpoint::Checkpoint;
use crate::engine::config::TrainingConfig;
use crate::engine::recipe::Recipe;
use crate::engine::trainer::{Outcome, Trainer};
use crate::engine::workers::seam::{Collective, Workers};
use crate::error::{Error, Result};
use crate::files::model;
use crate::nn::weights::Weights;

/// The first thing that worker 0 says. The version comes first of all, whatever follows it.
#[derive(Serialize, Deserialize)]
struct Introduction {
    version: String,
    /// Another one rounds otherwise, so that the weights would drift apart.
    backend: String,
    config: Value,
}

/// Settings that may differ from worker to worker.
const OWN: [&str; 1] = ["loader_threads"];

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// Makes of this trainer the first of several workers, worker 0 of `link`; the others are
    /// [`Follower`]s of it. Each takes its share of every batch, so that together they compute what
    /// one worker computes, and only this one observes and writes.
    ///
    /// # Errors
    /// As [`TrainingConfig::check_workers`]; when a follower refuses or is gone.
    ///
    /// # Panics
    /// When `link` is another worker's.
    pub fn lead(mut self, link: Box<dyn Collective<B::InnerBackend>>) -> Result<Self> {
        assert_eq!(link.rank(), 0, "worker 0 leads");
        let workers = link.workers();
        self.workers = Workers::Linked(link, self.device().clone());
        let introduction = Introduction {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            backend: B::InnerBackend::name(self.device()),
            config: serde_json::to_value(&self.config).expect("a configuration is JSON"),
        };
        let introduction = serde_json::to_vec(&introduction).expect("JSON");
        self.workers.broadcast(introduction)?;
        let shareable = self.config.check_workers(workers);
        self.workers.agree(shareable)?;
        Ok(self)
    }
}

/// A worker that steps with a leading [`Trainer`]. It has no run folder, it observes nothing and it
/// writes nothing: configuration and state come from worker 0.
#[derive(Debug)]
pub struct Follower<B: AutodiffBackend, R: Recipe>(Trainer<B, R>);

impl<B: AutodiffBackend, R: Recipe> Follower<B, R> {
    /// Joins the run of worker 0 of `link`, which must have the configuration `expected`, the
    /// number of loader threads aside; `None` takes any.
    ///
    /// # Errors
    /// When worker 0 is of another version or has another configuration, or refuses or is gone.
    pub fn join(
        link: Box<dyn Collective<B::InnerBackend>>,
        expected: Option<&TrainingConfig<R>>,
        device: &B::Device,
    ) -> Result<Self> {
        let mut workers = Workers::Linked(link, device.clone());
        let introduction = workers.broadcast(Vec::new())?;
        let config =
            workers.agree(read(&introduction, &B::InnerBackend::name(device), expected))?;
        let mut trainer = Trainer::fresh(None, config, device)?;
        trainer.workers = workers;
        Ok(Self(trainer))
    }

    /// The configuration of the run.
    pub fn config(&self) -> &TrainingConfig<R> {
        self.0.config()
    }

    /// Raising it stops the run at every worker, as [`Trainer::stop_flag`] does.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.0.stop_flag()
    }

    /// Uses `flag` as the [stop flag](Self::stop_flag).
    pub fn set_stop_flag(&mut self, flag: Arc<AtomicBool>) {
        self.0.set_stop_flag(flag);
    }

    /// Trains for as long as worker 0 does, on the same `data`. The checkpoint that it ends with is
    /// worker 0's.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub fn run(&mut self, data: impl Into<Datasets>) -> Result<Outcome> {
        self.0.run(data, &mut ()).map_err(|error| match error {
            // Where it goes on from is worth more than what to do without a checkpoint.
            Error::NonFinite { iteration, term, value, .. } => Error::Workers(format!(
                "iteration {iteration}: {term} is {value}: training has diverged; worker 0 says \
                 what to do"
            )),
            other => other,
        })
    }

    /// The trainer within, whose networks are after [`run`](Self::run) those of worker 0, bit for
    /// bit.
    pub fn trainer(&self) -> &Trainer<B, R> {
        &self.0
    }
}

/// The configuration in an introduction.
fn read<R: Recipe>(
    introduction: &[u8],
    own_backend: &str,
    expected: Option<&TrainingConfig<R>>,
) -> Result<TrainingConfig<R>> {
    let unreadable = |error: serde_json::Error| {
        Error::Workers(format!("worker 0 introduces itself in another way: {error}"))
    };
    let Introduction { version, backend, config } =
        serde_json::from_slice(introduction).map_err(unreadable)?;
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        return Err(Error::Workers(format!(
            "worker 0 runs version {version} of this crate, this worker {own}: use one program \
             everywhere"
        )));
    }
    if backend != own_backend {
        return Err(Error::Workers(format!(
            "worker 0 computes by the backend {backend}, this worker by {own_backend}: use one \
             everywhere"
        )));
    }
    if let Some(expected) = expected {
        let expected = serde_json::to_value(expected).expect("a configuration is JSON");
        if let Some(difference) = difference("", &expected, &config) {
            return Err(Error::Workers(format!(
                "the configurations differ: {difference} at worker 0; start all workers with the \
                 same settings"
            )));
        }
    }
    let mut config: TrainingConfig<R> = serde_json::from_value(config).map_err(unreadable)?;
    if let Some(expected) = expected {
        config.run.loader_threads = expected.run.loader_threads;
    }
    Ok(config)
}

/// The first thing in which two configurations differ.
fn difference(name: &str, here: &Value, there: &Value) -> Option<String> {
    match (here, there) {
        (Value::Object(here), Value::Object(there)) => {
            let names = here.keys().chain(there.keys()).filter(|key| !OWN.contains(&&key[..]));
            names.into_iter().find_map(|key| {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                let side = |side: &serde_json::Map<String, Value>| side.get(key).cloned();
                let [here, there] = [side(here), side(there)].map(Option::unwrap_or_default);
                difference(&name, &here, &there)
            })
        }
        (here, there) if here == there => None,
        (here, there) => Some(format!("{name} is {here} here and {there}")),
    }
}

/// What is compared of a dataset: its length, and the CRC-32 of every image's name and label, in
/// order.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    images: usize,
    checksum: u32,
}

impl Fingerprint {
    fn new(dataset: &dyn Dataset) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        for image in 0..dataset.len() {
            hasher.update(base_name(&dataset.name(image)).as_bytes());
            dataset.label(image).iter().for_each(|value| hasher.update(&value.to_le_bytes()));
        }
        Self { images: dataset.len(), checksum: hasher.finalize() }
    }
}

impl<B: AutodiffBackend, R: Recipe> Trainer<B, R> {
    /// Refuses data that are not those of worker 0.
    pub(crate) fn check_same_data(&mut self, data: &Datasets) -> Result<()> {
        if !self.workers.several() {
            return Ok(());
        }
        let own: Vec<_> = data.iter().map(Fingerprint::new).collect();
        let first = self.workers.broadcast(serde_json::to_vec(&own).expect("JSON"))?;
        let same = match serde_json::from_slice::<Vec<Fingerprint>>(&first) {
            Ok(first) if first == own => Ok(()),
            Ok(first) => Err(Error::Workers(format!(
                "the data differ: {own:?} here and {first:?} at worker 0 (images, and the \
                 checksum of their names and \
                 labels in order); give all workers the same images and lists"
            ))),
            Err(error) => Err(Error::Workers(format!("worker 0 describes its data so: {error}"))),
        };
        self.workers.agree(same)
    }

    /// Takes over the state of worker 0, at every other worker.
    pub(crate) fn follow(&mut self) -> Result<()> {
        if !self.workers.several() {
            return Ok(());
        }
        let leads = self.workers.share().rank == 0;
        let state = if leads {
            let (checkpoint, weights) = self.checkpoint();
            model::encode(&checkpoint, &weights)
        } else {
            Ok(Vec::new())
        };
        let path = Path::new("the state of worker 0");
        let state = state.map_err(|problem| Error::checkpoint(path, problem));
        let state = self.workers.agree(state)?;
        let state = self.workers.broadcast(state)?;
        if leads {
            return Ok(());
        }
        let (checkpoint, weights) = model::decode::<Checkpoint<R>>(&state)
            .map_err(|problem| Error::checkpoint(path, problem))?;
        let mut first = Self::at(None, path, checkpoint, weights, self.device())?;
        first.config.run.loader_threads = self.config.run.loader_threads;
        self.config = first.config.clone();
        self.go_on_as(first);
        Ok(())
    }

    /// Refuses to go on with weights that are not those of worker 0, bit for bit.
    pub(crate) fn check_same_weights(&mut self, weights: &Weights) -> Result<()> {
        if !self.workers.several() {
            return Ok(());
        }
        let own = model::checksum("", weights).into_bytes();
        let first = self.workers.broadcast(own.clone())?;
        let same = (own == first).then_some(()).ok_or_else(|| {
            Error::Workers(format!(
                "iteration {}: the weights are not those of worker 0 any more: use devices and \
                 programs that round alike",
                self.iteration()
            ))
        });
        self.workers.agree(same)
    }

    /// Where worker 0 has `written` a checkpoint, at every worker; the others have written none.
    pub(crate) fn say_where(&mut self, written: Option<Result<PathBuf>>) -> Result<PathBuf> {
        let own = self.workers.agree(written.transpose())?;
        let path = own.as_deref().unwrap_or(Path::new("")).as_os_str().as_encoded_bytes().to_vec();
        let first = self.workers.broadcast(path)?;
        // Another machine's path is a message, not a place.
        Ok(own.unwrap_or_else(|| String::from_utf8_lossy(&first).into_owned().into()))
    }
}
