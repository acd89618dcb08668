//! Scores of translations against the truth: sums over pairs, and their table.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The key of the scores over all pairs.
pub(super) const TOTAL: &str = "total";

/// How far translations are from the truth, by change and over all pairs.
///
/// Every error is the L1 distance in `[0, 1]`, averaged over the channels of all pixels of the region
/// in all pairs together, so that a pair counts by how many such pixels it has.
///
/// As JSON: a map from every change, and `total`, to its [`Scores`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualScores {
    /// By change: the part of the pair's `change` before the first `_`.
    #[serde(flatten)]
    pub changes: BTreeMap<String, Scores>,
    /// Over all pairs.
    pub total: Scores,
    /// How many pairs of a change were left out because source and target have the same label in the
    /// model's label space: it never learnt that change.
    #[serde(skip)]
    pub left_out: BTreeMap<String, usize>,
}

/// How far translations are from the truth. `nothing` is the same measure of the untranslated source:
/// what doing nothing scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Pairs.
    pub n: usize,
    /// L1 distance, in `[0, 1]`, over the pixels that the change changes; none where no pair has any.
    pub inside: Option<f64>,
    /// [`inside`](Self::inside) of the untranslated source.
    pub inside_nothing: Option<f64>,
    /// L1 distance, in `[0, 1]`, over the other pixels; none where no pair has any.
    pub outside: Option<f64>,
    /// [`outside`](Self::outside) of the untranslated source.
    pub outside_nothing: Option<f64>,
    /// Peak signal-to-noise ratio of the whole image in dB, at most 100, averaged over the pairs.
    pub psnr: Option<f64>,
    /// [`psnr`](Self::psnr) of the untranslated source.
    pub psnr_nothing: Option<f64>,
    /// [Structural similarity](super::ssim) of the whole image, at most 1, averaged over the pairs; none of
    /// images below 11 pixels.
    #[serde(default)]
    pub ssim: Option<f64>,
    /// [`ssim`](Self::ssim) of the untranslated source.
    #[serde(default)]
    pub ssim_nothing: Option<f64>,
}

/// One pair's errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errors {
    pub inside: Mean,
    pub outside: Mean,
    pub psnr: f64,
    pub ssim: Option<f64>,
}

/// A mean in the making.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    pub sum: f64,
    pub count: usize,
}

impl Mean {
    pub fn add(&mut self, value: f64) {
        self.merge(Self { sum: value, count: 1 });
    }

    pub fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    pub fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// Sums over pairs, of the translation and of the source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    n: usize,
    inside: [Mean; 2],
    outside: [Mean; 2],
    psnr: [Mean; 2],
    ssim: [Mean; 2],
}

impl Sums {
    pub fn add(&mut self, errors: [Errors; 2]) {
        self.n += 1;
        for (i, errors) in errors.into_iter().enumerate() {
            self.inside[i].merge(errors.inside);
            self.outside[i].merge(errors.outside);
            self.psnr[i].add(errors.psnr);
            errors.ssim.into_iter().for_each(|ssim| self.ssim[i].add(ssim));
        }
    }

    pub fn scores(self) -> Scores {
        let [inside, inside_nothing] = self.inside.map(Mean::value);
        let [outside, outside_nothing] = self.outside.map(Mean::value);
        let [psnr, psnr_nothing] = self.psnr.map(Mean::value);
        let [ssim, ssim_nothing] = self.ssim.map(Mean::value);
        Scores {
            n: self.n,
            inside,
            inside_nothing,
            outside,
            outside_nothing,
            psnr,
            psnr_nothing,
            ssim,
            ssim_nothing,
        }
    }
}

impl CounterfactualScores {
    /// Every change with its scores, then the total: the rows of a table.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &Scores)> {
        let changes = self.changes.iter().map(|(change, scores)| (change.as_str(), scores));
        changes.chain([(TOTAL, &self.total)])
    }
}

/// A table with do-nothing's scores in brackets, and a line on what was left out.
impl fmt::Display for CounterfactualScores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |value: Option<f64>, nothing: Option<f64>, digits: usize| {
            let text = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.digits$}"));
            format!("{} ({})", text(value), text(nothing))
        };
        let row = |name: &str, n: &str, [inside, outside, psnr, ssim]: [String; 4]| {
            format!("{name:<12} {n:>5}  {inside:>18}  {outside:>18}  {psnr:>18}  {ssim:>18}\n")
        };
        let titles =
            ["inside (nothing)", "outside (nothing)", "PSNR dB (nothing)", "SSIM (nothing)"];
        let mut table = row("change", "pairs", titles.map(String::from));
        for (name, scores) in self.rows() {
            let cells = [
                cell(scores.inside, scores.inside_nothing, 3),
                cell(scores.outside, scores.outside_nothing, 3),
                cell(scores.psnr, scores.psnr_nothing, 1),
                cell(scores.ssim, scores.ssim_nothing, 3),
            ];
            table += &row(name, &scores.n.to_string(), cells);
        }
        if !self.left_out.is_empty() {
            let counts: Vec<_> =
                self.left_out.iter().map(|(change, n)| format!("{change} ({n} pairs)")).collect();
            table += &format!("left out, the model has no label for it: {}\n", counts.join(", "));
        }
        f.write_str(table.trim_end())
    }
}
