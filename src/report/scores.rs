//! Scores against the truth: a table, and in a sentence.

use crate::engine::observe::metric::Better;
use crate::metrics::dataset_scores::DatasetScores;
use crate::metrics::pixel::PIXEL_METRICS;
use crate::metrics::scores::{Score, Scores};
use crate::report::contents::Contents;
use crate::report::parts::section;
use crate::report::text::{escape, grouped};
use crate::translate::caption::words;

const NOTE: &str = "Against the same images, really changed: L1 error in [0, 1] inside the changed \
                    region and outside it, and the likeness of whole images. In brackets what \
                    doing nothing scores, which outside is hard to beat; an arrow says whether \
                    the translations are better or worse.";

/// Whether a score is better than doing nothing; none where they are the same, or nothing could
/// be better.
fn is_better(score: &Score) -> Option<bool> {
    let (translated, nothing) = (score.translated?, score.nothing?);
    let lower = score.metric.better == Better::Lower;
    let perfect = lower && nothing == 0.0;
    (translated != nothing && !perfect).then_some((translated < nothing) == lower)
}

/// `▼` where a number has fallen and `▲` where it has risen, in the colour of better or worse.
fn arrow(score: &Score) -> String {
    let Some(better) = is_better(score) else { return String::new() };
    let word = if better { "better" } else { "worse" };
    let sign = if score.translated < score.nothing { "▼" } else { "▲" };
    format!("<span class=\"{word}\" title=\"{word} than doing nothing\">{sign}</span> ")
}

/// A change's name as a page shows it: `faces: hair`.
fn change(name: &str) -> String {
    words(&name.replace('/', ": "))
}

/// The section with the scores of every change.
pub(super) fn table(run: &Contents) -> String {
    let Some(scores) = &run.scores else { return String::new() };
    let cell = |score: Score| {
        let Score { metric, translated, nothing } = score;
        let (arrow, text) = (arrow(&score), metric.text(translated));
        format!("<td>{arrow}{text} <small>({})</small></td>", metric.text(nothing))
    };
    let row = |(name, scores): (String, &Scores)| {
        let cells: String = scores.iter().map(cell).collect();
        format!("<tr><td>{}</td><td>{}</td>{cells}</tr>\n", escape(&change(&name)), scores.n)
    };
    let rows: String = scores.rows().into_iter().map(row).collect();
    let titles = PIXEL_METRICS.iter().map(|metric| format!("<th>{}</th>", escape(metric.title)));
    let titles: String = titles.collect();
    let at = run.measured_at.map(|at| format!(" Measured at iteration {}.", grouped(at)));
    let body = format!(
        "<div class=\"scroll\"><table>\n<tr><th>change</th><th>pairs</th>{titles}</tr>\n\
         {rows}</table></div>\n<p class=\"note\">{NOTE}{}</p>",
        at.unwrap_or_default()
    );
    section("Against the truth", &body)
}

/// How near the translations have come, over all changes of each dataset.
pub(super) fn sentences(scores: &DatasetScores) -> String {
    let totals = match scores {
        DatasetScores::One(scores) => vec![(String::new(), &scores.total)],
        DatasetScores::Several(all) => {
            all.iter().map(|(name, scores)| (format!("{}: ", words(name)), &scores.total)).collect()
        }
    };
    let sentence = |(name, total): (String, &Scores)| {
        let inside = total.translated.get("inside")?;
        let nothing = total.nothing.get("inside").filter(|nothing| *nothing > 0.0)?;
        let numbers = format!("error {inside:.3}, doing nothing {nothing:.3}");
        let share = (1.0 - inside / nothing) * 100.0;
        let nearer = match inside < nothing {
            true => format!("{share:.0} % nearer"),
            false => "no nearer".to_owned(),
        };
        let outside = total.translated.get("outside").map_or(String::new(), |outside| {
            format!("; elsewhere they differ from it by {outside:.3}")
        });
        let text = format!(
            "{name}where something should change, translations are {nearer} to the truth than \
             doing nothing ({numbers}){outside}."
        );
        let mut letters = text.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        Some(first + letters.as_str())
    };
    totals.into_iter().filter_map(sentence).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(json: &str) -> DatasetScores {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn arrows_say_what_is_better_and_what_is_worse() {
        let scores: Scores = serde_json::from_str(
            r#"{"n":2,"inside":0.1,"inside_nothing":0.2,"outside":0.05,"outside_nothing":0.0,
                "psnr":9.0,"psnr_nothing":10.0,"ssim":0.5,"ssim_nothing":0.5}"#,
        )
        .unwrap();
        let found: Vec<_> = scores.iter().map(|score| is_better(&score)).collect();
        assert_eq!(found, [Some(true), None, Some(false), None]);
        let arrows: Vec<_> = scores.iter().map(|score| arrow(&score)).collect();
        assert!(arrows[0].contains("better") && arrows[0].contains('▼'));
        assert!(arrows[2].contains("worse") && arrows[2].contains('▼'));
    }

    #[test]
    fn a_sentence_says_how_near_the_translations_are() {
        let total = |inside| {
            let values =
                format!(r#"{{"n":1,"inside":{inside},"inside_nothing":0.2,"outside":0.05}}"#);
            format!(r#"{{"total":{values}}}"#)
        };
        assert_eq!(
            sentences(&scores(&total(0.05))),
            "Where something should change, translations are 75 % nearer to the truth than doing \
             nothing (error 0.050, doing nothing 0.200); elsewhere they differ from it by 0.050."
        );
        assert!(sentences(&scores(&total(0.25))).contains("no nearer"));
        let two = format!(r#"{{"faces":{},"émotions":{}}}"#, total(0.05), total(0.3));
        let both = sentences(&scores(&two));
        assert!(both.starts_with("Faces: where") && both.contains(". Émotions: where"), "{both}");
        assert_eq!(sentences(&scores(r#"{"total":{"n":0}}"#)), "");
    }
}
