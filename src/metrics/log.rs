//! Measuring while training.

use std::fs;

use burn::tensor::backend::AutodiffBackend;

use crate::engine::observe::csv::CsvFile;
use crate::engine::observe::every::Every;
use crate::engine::observe::metric::Metric;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::error::{Error, Result};
use crate::files::replace::replace_file;
use crate::metrics::counterfactual::Counterfactuals;
use crate::metrics::dataset_scores::DatasetScores;
use crate::metrics::scores::{Score, Scores};

/// The scores at the end of the run.
pub(crate) const SCORES: &str = "metrics.json";

/// Measures [`Counterfactuals`] of one or more datasets every so many iterations and at the end of
/// the run, whatever its recipe, if it translates.
///
/// The scores go to `metrics.csv` in the run folder, which a resumed run continues where the
/// checkpoint left it, and those at the end of the run to `metrics.json`. Other observers are told
/// of them ([`Observer::metric`]) as `total/inside`, `hair/psnr` and so on, of several datasets as
/// `faces/total/inside`.
#[derive(Debug)]
pub struct CounterfactualLog {
    pairs: Vec<Counterfactuals>,
    every: Every,
    file: Option<CsvFile>,
    /// With the iteration that they are of.
    latest: Option<(u64, DatasetScores)>,
}

impl CounterfactualLog {
    /// Measures `pairs`, those of each dataset together, every `iterations`, or only at the end of
    /// the run when that is 0.
    ///
    /// # Errors
    /// [`Error::Config`] when there are none, or two of one dataset.
    pub fn new(pairs: Vec<Counterfactuals>, iterations: u64) -> Result<Self> {
        let repeated = |at: usize| pairs[..at].iter().any(|p| p.dataset() == pairs[at].dataset());
        if pairs.is_empty() || (0..pairs.len()).any(repeated) {
            let message = "expected the pairs of one dataset or more, and of each only once";
            return Err(Error::Config(message.to_owned()));
        }
        Ok(Self { pairs, every: Every::new(iterations), file: None, latest: None })
    }

    /// The scores that were measured last; none before the first.
    pub fn measured(&self) -> Option<&DatasetScores> {
        self.latest.as_ref().map(|(_, scores)| scores)
    }

    /// The scores of the run's networks as they are now.
    fn measure<B: AutodiffBackend>(&mut self, run: &Run<'_, B>) -> Result<&DatasetScores> {
        let scores = match self.latest.take() {
            Some((iteration, scores)) if iteration == run.iteration() => scores,
            _ => {
                let model = run.translator()?;
                match &self.pairs[..] {
                    [pairs] => DatasetScores::One(pairs.measure(&*model)?),
                    several => {
                        let named = |pairs: &Counterfactuals| {
                            let scores = pairs.measure(&*model)?;
                            Ok((model.spaces().name(pairs.dataset()).to_owned(), scores))
                        };
                        DatasetScores::Several(several.iter().map(named).collect::<Result<_>>()?)
                    }
                }
            }
        };
        Ok(&self.latest.insert((run.iteration(), scores)).1)
    }
}

impl<B: AutodiffBackend> Observer<B> for CounterfactualLog {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        // A recipe that does not translate is refused now, not after hours of training.
        run.translator()?;
        let path = run.folder().join("metrics.csv");
        self.file = Some(CsvFile::go_on(path, &header(), run.iteration())?);
        self.latest = None;
        let path = run.folder().join(SCORES);
        // Of an earlier end, when the run has gone on since.
        if run.iteration() < run.iterations() && path.is_file() {
            fs::remove_file(&path).map_err(|error| Error::io(path, error))?;
        }
        Ok(())
    }

    fn iteration(&mut self, run: &Run<'_, B>, _iteration: &Iteration<'_, B>) -> Result<()> {
        if !self.every.due(run) {
            return Ok(());
        }
        let scores = self.measure(run)?;
        metrics(scores).into_iter().for_each(|metric| run.record(metric));
        let rows = rows(run.iteration(), scores);
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write(&rows)
    }

    fn finished(&mut self, run: &Run<'_, B>) -> Result<()> {
        self.file = None;
        if run.iteration() < run.iterations() {
            return Ok(());
        }
        let json = serde_json::to_vec_pretty(self.measure(run)?).map_err(Error::other)?;
        replace_file(run.folder().join(SCORES), json)
    }
}

/// What other observers are told.
fn metrics(scores: &DatasetScores) -> Vec<Metric> {
    let metric = |change: &str, score: Score| {
        let name = format!("{change}/{}", score.metric.name);
        Some(Metric::new(name, score.translated?, score.metric.better))
    };
    let of_change = |(change, scores): (String, &Scores)| {
        scores.iter().filter_map(|score| metric(&change, score)).collect::<Vec<_>>()
    };
    scores.rows().into_iter().flat_map(of_change).collect()
}

/// The header of `metrics.csv`.
fn header() -> String {
    let names: String = Scores::names().map(|name| format!(",{name}")).collect();
    format!("iteration,change,n{names}")
}

/// The rows of one iteration in `metrics.csv`.
fn rows(iteration: u64, scores: &DatasetScores) -> String {
    let cell = |value: Option<f64>| value.map_or(",".to_owned(), |value| format!(",{value:.5}"));
    let row = |(change, scores): (String, &Scores)| {
        let cells: String = scores.values().map(cell).collect();
        format!("{iteration},{change},{}{cells}\n", scores.n)
    };
    scores.rows().into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Word for word what versions before this one wrote, but that measures may have been added.
    #[test]
    fn a_row_has_a_cell_per_measure_and_an_empty_one_where_there_is_none() {
        let expected = "iteration,change,n,inside,inside_nothing,outside,outside_nothing,psnr,\
                        psnr_nothing,ssim,ssim_nothing";
        assert!(header().starts_with(expected), "{}", header());
        let hair =
            r#"{"n":2,"inside":0.1,"inside_nothing":0.2999999,"psnr":20,"psnr_nothing":9.5}"#;
        let scores = format!(r#"{{"hair":{hair},"total":{{"n":3,"ssim":1.0}}}}"#);
        let rows = rows(40, &serde_json::from_str(&scores).unwrap());
        let expected =
            ["40,hair,2,0.10000,0.30000,,,20.00000,9.50000,,", "40,total,3,,,,,,,1.00000,"];
        assert_eq!(rows.lines().count(), expected.len());
        for (row, expected) in rows.lines().zip(expected) {
            assert!(row.starts_with(expected), "{row}");
            assert_eq!(row.split(',').count(), header().split(',').count());
        }
    }

    #[test]
    fn every_dataset_is_measured_once() {
        let error = CounterfactualLog::new(Vec::new(), 0).unwrap_err().to_string();
        assert!(error.contains("of one dataset or more"), "{error}");
    }
}
