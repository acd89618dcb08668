//! The results of an evaluation: every number with how many it is of, as JSON and as a table.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::unreadable::left_out;
use crate::metrics::domain::{DomainDistance, DomainSamples, SampleScores};
use crate::metrics::mean::Mean;
use crate::metrics::measured::Measured;
use crate::metrics::pairs::{PairDistance, PairScores};
use crate::metrics::readings::{Agreement, Readings};

/// What an [`Evaluator`](super::Evaluator) found. Errors of pixels are L1 distances in `[0, 1]`,
/// averaged over all pixels, channels and images; classification errors are shares in `[0, 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Of `G(x, c')` from `x`: images under their own label, which should stay as they are.
    pub identity_l1: Measured,
    /// Of `G(G(x, c), c')` from `x`: images translated and back.
    pub reconstruction_l1: Measured,
    /// By what was asked for, in label order: a class, an attribute that is set or toggled.
    pub targets: Vec<TargetScores>,
    /// The judge's classification error over all names, where there is a judge.
    pub judge_error: Option<JudgeErrors>,
    /// The Frechet distance (judge features) of every domain; none without a judge.
    pub frechet_judge_features: Vec<DomainDistance>,
    /// The FID of every domain, where Inception was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fid: Vec<DomainDistance>,
    /// The FID of every ordered pair of domains, of a model with several styles whose domains
    /// exclude each other, where Inception was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fid_pairs: Option<PairScores>,
    /// How alike the images of every domain and real ones are, one by one, where Inception was
    /// asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inception_samples: Vec<DomainSamples>,
    /// What translations keep by LPIPS, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lpips: Option<LpipsScores>,
    /// How unlike the styles of one translation are, of a model that has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity: Option<DiversityScores>,
    /// The images that can't be read and were left out of all of this, by name, each with the
    /// reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, String>,
}

/// The scores of one class or attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TargetScores {
    /// The class or attribute.
    pub name: String,
    /// [`Evaluation::reconstruction_l1`] of the translations to it.
    pub reconstruction_l1: Measured,
    /// The judge's error about it, where there is a judge.
    pub judge_error: Option<JudgeErrors>,
}

/// How often a judge reads labels otherwise than they are, or than they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JudgeErrors {
    /// Of translations, which should have the label asked for (paper, Table 3).
    pub translated: Measured,
    /// Of their sources, untranslated, held against the same label: what doing nothing scores.
    pub nothing: Measured,
    /// Of the data's real images and their own labels: how far the judge is to be trusted.
    pub real: Measured,
}

/// [`Lpips`](super::Lpips) of images that should be the same; without values where images have less
/// than 31 pixels a side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LpipsScores {
    /// Of `G(x, c')` from `x`: images under their own label.
    pub identity: Measured,
    /// Of `G(G(x, c), c')` from `x`: images translated and back.
    pub reconstruction: Measured,
}

/// How unlike the translations of one image to one label are in two styles, over all pairs of
/// styles (StarGAN v2, section 4.1); `n` are the pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DiversityScores {
    /// How many styles there were of each.
    pub styles: u64,
    /// The L1 distance in `[0, 1]`.
    pub l1: Measured,
    /// [`Lpips`](super::Lpips), where it was asked for.
    pub lpips: Option<Measured>,
}

/// What a judge found.
pub(super) struct Judged {
    /// Of real images and their own labels.
    pub real: Readings,
    /// Of translations and the label asked for.
    pub translated: Readings,
    /// Of the translations' sources and the label asked for.
    pub nothing: Readings,
    /// By domain.
    pub frechet: Vec<DomainDistance>,
}

impl Evaluation {
    pub(super) fn new(
        names: &[String],
        identity: Mean,
        reconstruction: &[Mean],
        judged: Option<Judged>,
    ) -> Self {
        let errors = |part: &dyn Fn(&Readings) -> Agreement| {
            judged.as_ref().map(|judged| JudgeErrors {
                translated: part(&judged.translated).into(),
                nothing: part(&judged.nothing).into(),
                real: part(&judged.real).into(),
            })
        };
        let mut all = Mean::default();
        reconstruction.iter().for_each(|mean| all.merge(*mean));
        let target = |(at, name): (usize, &String)| TargetScores {
            name: name.clone(),
            reconstruction_l1: reconstruction[at].into(),
            judge_error: errors(&|readings| readings.by_name[at].1),
        };
        Self {
            identity_l1: identity.into(),
            reconstruction_l1: all.into(),
            targets: names.iter().enumerate().map(target).collect(),
            judge_error: errors(&Readings::total),
            frechet_judge_features: judged.map(|judged| judged.frechet).unwrap_or_default(),
            fid: Vec::new(),
            fid_pairs: None,
            inception_samples: Vec::new(),
            lpips: None,
            diversity: None,
            unreadable: BTreeMap::new(),
        }
    }
}

/// `0.0123 (446)`.
fn cell(measured: Measured) -> String {
    match measured.value {
        Some(value) => format!("{value:.4} ({})", measured.n),
        None => format!("- ({})", measured.n),
    }
}

/// `0.0123 +- 0.0004 (446)`.
fn kid_cell(scores: SampleScores) -> String {
    match (scores.kid, scores.kid_deviation) {
        (Some(kid), Some(deviation)) => format!("{kid:.4} +- {deviation:.4} ({})", scores.n),
        _ => format!("- ({})", scores.n),
    }
}

/// `0.912 / 0.403 (446)`.
fn shares_cell(scores: SampleScores) -> String {
    match (scores.precision, scores.recall) {
        (Some(precision), Some(recall)) => {
            format!("{precision:.3} / {recall:.3} ({})", scores.n)
        }
        _ => format!("- ({})", scores.n),
    }
}

/// A table of domains under a title: its rows have a name, three cells of a width, and the size of
/// the reference.
fn by_domain<T>(
    (title, width): (&str, usize),
    rows: &[T],
    cells: impl Fn(&T) -> (&str, [String; 3], usize),
) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let row = |name: &str, [a, b, c]: [String; 3], reference: &str| {
        format!("{name:<24} {a:>width$}  {b:>width$}  {c:>width$}  {reference:>9}")
    };
    let titles = ["translated (n)", "nothing (n)", "real (n)"].map(String::from);
    let mut lines = vec![String::new(), title.to_owned(), row("domain", titles, "reference")];
    lines.extend(rows.iter().map(|of| {
        let (name, cells, reference) = cells(of);
        row(name, cells, &reference.to_string())
    }));
    lines
}

/// Tables of everything, each number with how many it is of in brackets.
impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![
            format!("{:<24} {:>16}", "L1 (images)", ""),
            format!("{:<24} {:>16}", "identity", cell(self.identity_l1)),
            format!("{:<24} {:>16}", "reconstruction", cell(self.reconstruction_l1)),
        ];
        for target in &self.targets {
            let name = format!("  {}", target.name);
            lines.push(format!("{name:<24} {:>16}", cell(target.reconstruction_l1)));
        }
        if let Some(LpipsScores { identity, reconstruction }) = self.lpips {
            lines.extend([String::new(), "LPIPS (AlexNet, v0.1; images)".to_owned()]);
            for (name, measured) in [("identity", identity), ("reconstruction", reconstruction)] {
                lines.push(format!("{name:<24} {:>16}", cell(measured)));
            }
        }
        if let Some(DiversityScores { styles, l1, lpips }) = self.diversity {
            lines.extend([String::new(), format!("between {styles} styles (pairs)")]);
            for (name, measured) in [("L1", Some(l1)), ("LPIPS (AlexNet, v0.1)", lpips)] {
                lines.extend(measured.map(|value| format!("{name:<24} {:>16}", cell(value))));
            }
        }
        if let Some(total) = &self.judge_error {
            let row = |name: &str, [a, b, c]: [String; 3]| {
                format!("{name:<24} {a:>16}  {b:>16}  {c:>16}")
            };
            let cells =
                |errors: &JudgeErrors| [errors.translated, errors.nothing, errors.real].map(cell);
            let titles = ["translated (n)", "nothing (n)", "real (n)"].map(String::from);
            lines.extend([String::new(), row("judge's error", titles)]);
            let each = self.targets.iter().filter_map(|t| Some((&t.name[..], t.judge_error?)));
            for (name, errors) in each.chain([("all", *total)]) {
                lines.push(row(name, cells(&errors)));
            }
        }
        for (title, distances) in [
            ("Frechet distance (judge features)", &self.frechet_judge_features),
            ("FID (Inception-v3, 2015)", &self.fid),
        ] {
            lines.extend(by_domain((title, 16), distances, |of| {
                (&of.domain, [of.translated, of.nothing, of.real].map(cell), of.reference)
            }));
        }
        if let Some(PairScores { mean, pairs }) = &self.fid_pairs {
            lines.extend([String::new(), "FID by pair of domains (Inception-v3, 2015)".to_owned()]);
            for PairDistance { source, target, reference, translated } in pairs {
                let pair = format!("{source} to {target}");
                lines.push(format!("{pair:<42} {:>16}  {reference:>9}", cell(*translated)));
            }
            lines.push(format!("{:<42} {:>16}", "mean of the pairs", cell(*mean)));
        }
        type Cell = fn(SampleScores) -> String;
        for (title, cell) in [
            ("KID (Inception-v3, 2015; mean +- deviation)", kid_cell as Cell),
            ("precision / recall (Inception-v3, 2015)", shares_cell),
        ] {
            lines.extend(by_domain((title, 24), &self.inception_samples, |of| {
                (&of.domain, [of.translated, of.nothing, of.real].map(cell), of.reference)
            }));
        }
        lines.extend(left_out(&self.unreadable));
        f.write_str(&lines.join("\n"))
    }
}
