//! How the run went, in a few sentences.

use crate::report::contents::Contents;
use crate::report::scores;
use crate::report::text::{grouped, short, time};

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
    let cycle = run.losses.iter().find(|series| series.name.ends_with("g/reconstruction"))?;
    let mut finite = cycle.points.iter().map(|point| point.1).filter(|value| value.is_finite());
    let (first, last) = (finite.next()?, finite.next_back()?);
    let moved = if last < first { "fallen" } else { "not fallen" };
    Some(format!(
        "The reconstruction error has {moved}: from {} to {}. Pairs with the truth, which would \
         tell more, are not given.",
        short(first),
        short(last)
    ))
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
