//! How the run went, in a few sentences.

use crate::report::contents::Contents;
use crate::report::read::Series;
use crate::report::scores;
use crate::report::text::{grouped, short, time};
use crate::translate::caption::words;

/// What the page says first.
pub(super) fn verdict(run: &Contents) -> String {
    [Some(progress(run)), quality(run), lost(run)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

fn progress(run: &Contents) -> String {
    let done = run.iteration();
    let time = run.seconds.map_or(String::new(), |seconds| format!(" in {}", time(seconds)));
    match done {
        0 => {
            format!("The run has {} iterations ahead; none is logged yet.", grouped(run.iterations))
        }
        _ if done >= run.iterations => {
            format!("The run is complete: {} iterations{time}.", grouped(done))
        }
        _ => {
            let share = 100.0 * done as f64 / run.iterations as f64;
            let (done, total) = (grouped(done), grouped(run.iterations));
            format!("The run has come to iteration {done} of {total} ({} %){time}.", short(share))
        }
    }
}

/// Of the translations, or where nothing is measured of the reconstructions.
fn quality(run: &Contents) -> Option<String> {
    if let Some(scores) = &run.scores {
        return Some(scores::sentences(scores)).filter(|text| !text.is_empty());
    }
    let cycles = run.losses.iter().filter(|series| series.name.ends_with("g/reconstruction"));
    let moved: Vec<String> = cycles.filter_map(moved).collect();
    (!moved.is_empty()).then(|| {
        format!(
            "The reconstruction error is {}. Pairs with the truth, which would tell more, are not \
             given.",
            moved.join("; ")
        )
    })
}

/// Means over the first and the last tenth of a curve, since single values are noisy.
fn moved(series: &Series) -> Option<String> {
    let finite = series.points.iter().map(|point| point.1).filter(|value| value.is_finite());
    let values: Vec<f64> = finite.collect();
    let tenth = values.len().div_ceil(10);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let first = mean(values.get(..tenth).filter(|first| !first.is_empty())?);
    let last = mean(&values[values.len() - tenth..]);
    let part = series.name.split('/').next().unwrap_or_default();
    let of = if part == "data" { String::new() } else { format!(" of {}", words(part)) };
    Some(format!("{}{of} at the end, {} at the beginning", short(last), short(first)))
}

/// Logged values that are no numbers.
fn lost(run: &Contents) -> Option<String> {
    let values = run.losses.iter().flat_map(|series| &series.points);
    let lost = values.filter(|point| !point.1.is_finite()).count();
    (lost > 0).then(|| {
        let values = if lost == 1 { "value" } else { "values" };
        format!(
            "Something went wrong on the way: {} logged {values} are not finite.",
            grouped(lost as u64)
        )
    })
}
