//! Keeps the best model of a run.

use std::fs;
use std::path::Path;

use burn::tensor::backend::AutodiffBackend;

use crate::data::whole::read_text;
use crate::engine::observe::criterion::{Best, Criterion, Followed, Verdict};
use crate::engine::observe::metric::Metric;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::error::{Error, Result};
use crate::files::replace::replace_file;

/// The checkpoint that is kept.
const CHECKPOINT: &str = "best.safetensors";

/// What it is the best of.
const VALUE: &str = "best.json";

/// Keeps the checkpoint with the best value so far as `best.safetensors` in the run folder, and
/// what that value is in `best.json`. A resumed run goes on with both; one that goes on from before
/// that iteration keeps them under other names, `best-ITERATION...`, and begins anew.
///
/// [`Translator::open`](crate::Translator::open) opens the file, and
/// [`Trainer::resume_from`](crate::Trainer::resume_from) goes on from it.
#[derive(Debug)]
pub struct KeepBest(Followed);

impl KeepBest {
    /// Keeps the best by `criterion`.
    pub fn new(criterion: Criterion) -> Self {
        Self(Followed::new(criterion))
    }

    /// The value of the checkpoint that is kept; none before the first.
    pub fn best(&self) -> Option<&Best> {
        self.0.best.as_ref()
    }

    fn heed<B: AutodiffBackend>(&self, run: &Run<'_, B>, verdict: Option<Verdict>) -> Result<()> {
        let (Some(Verdict::Better), Some(best)) = (verdict, &self.0.best) else { return Ok(()) };
        // In this order: where a crash comes between, the run goes on from before this iteration
        // and does both again.
        run.save(&run.folder().join(CHECKPOINT))?;
        let json = serde_json::to_vec_pretty(best).map_err(Error::other)?;
        replace_file(run.folder().join(VALUE), json)
    }
}

/// What an earlier part of the run in `folder` has kept.
fn read(folder: &Path, name: &str) -> Result<Option<Best>> {
    let path = folder.join(VALUE);
    if !path.exists() || !folder.join(CHECKPOINT).exists() {
        return Ok(None);
    }
    let remedy = format!("move it and {CHECKPOINT} away, and the run begins to keep its best anew");
    let best: Best = serde_json::from_str(&read_text(&path)?)
        .map_err(|error| Error::data(&path, error.line(), format!("{error}: {remedy}")))?;
    if best.name != name {
        let message =
            format!("expected the best {name:?}, found that of {:?}: {remedy}", best.name);
        return Err(Error::data(&path, None, message));
    }
    Ok(Some(best))
}

/// Gives both files names that are kept.
fn set_aside(folder: &Path, iteration: u64) -> Result<()> {
    for name in [CHECKPOINT, VALUE] {
        let path = folder.join(name);
        let aside = folder.join(name.replacen("best", &format!("best-{iteration:08}"), 1));
        fs::rename(&path, aside).map_err(|error| Error::io(&path, error))?;
    }
    Ok(())
}

impl<B: AutodiffBackend> Observer<B> for KeepBest {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        self.0.start();
        self.0.best = None;
        let best = read(run.folder(), self.0.criterion().name())?;
        // Of iterations that the run makes again, otherwise.
        if let Some(best) = best.as_ref().filter(|best| best.iteration > run.iteration()) {
            return set_aside(run.folder(), best.iteration);
        }
        self.0.best = best;
        Ok(())
    }

    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let verdict = self.0.iteration(run, iteration)?;
        self.heed(run, verdict)
    }

    fn metric(&mut self, run: &Run<'_, B>, metric: &Metric) -> Result<()> {
        let verdict = self.0.metric(metric, run.iteration());
        self.heed(run, verdict)
    }
}
