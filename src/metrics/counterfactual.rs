//! Translations against the truth: the same image, really changed.
//!
//! Photographs have no such truth; drawn images do: the same face with other hair. A pairs file lists
//! them, as `source,target,change` under a header line of these words:
//!
//! ```text
//! source,target,change
//! 00000.png,00000_hair_Black.png,hair_Black
//! ```

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::backend::Backend;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, read_text};
use crate::error::{Error, Result};
use crate::labels::LabelKind;
use crate::translator::{CHUNK, Translator, host, upload};

/// Pixels of source and target that differ by more than this, in any channel and of the range
/// `[0, 1]`, are what the change changes. Between 7 and 8 levels of 255.
pub const CHANGED: f32 = 0.03;

/// The highest PSNR that is told apart, in dB: that of a mean squared error of `1e-10`.
const MAX_PSNR: f64 = 100.0;

const HEADER: &str = "source,target,change";

/// The key of the scores over all pairs.
const TOTAL: &str = "total";

/// Pairs of images of one dataset that differ by one change, such as the hair's colour.
#[derive(Clone)]
pub struct Counterfactuals {
    data: Arc<dyn Dataset>,
    dataset: usize,
    pairs: Vec<Pair>,
}

#[derive(Clone, Debug, PartialEq)]
struct Pair {
    source: usize,
    target: usize,
    change: String,
}

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
}

impl Counterfactuals {
    /// Reads the pairs in `file`, whose images are `data`'s: under the header line
    /// `source,target,change`, a line of two image names and a change such as `hair_Black` per pair.
    /// Windows line ends, a byte order mark and blank lines are accepted. `dataset` says whose label
    /// space of the models to be measured `data` has: 0 where there is one.
    ///
    /// # Errors
    /// When the file can't be read, has another header, no pairs, a line of other than three fields,
    /// or names an image that `data` lacks. The message gives the line.
    pub fn open(file: impl AsRef<Path>, data: Arc<dyn Dataset>, dataset: usize) -> Result<Self> {
        let file = file.as_ref();
        let pairs = parse(file, &read_text(file)?, &*data)?;
        Ok(Self { data, dataset, pairs })
    }

    /// The pairs of images of the same file name in different class folders: the same person in
    /// other expressions. A pair's change is the class of its target. `dataset` is as at
    /// [`open`](Self::open).
    ///
    /// # Errors
    /// When the labels are attributes, or no two classes share a file name.
    pub fn between_classes(data: Arc<dyn Dataset>, dataset: usize) -> Result<Self> {
        let labels = data.labels();
        if labels.kind() != LabelKind::Classes {
            let message = "only classes have pairs by file name: attributes need a pairs file";
            return Err(Error::Label(message.to_owned()));
        }
        let mut people: BTreeMap<&OsStr, Vec<usize>> = BTreeMap::new();
        for index in 0..data.len() {
            people.entry(data.path(index).file_name().unwrap_or_default()).or_default().push(index);
        }
        let class = |index: usize| data.label(index).iter().position(|value| *value == 1.0);
        if let Some(TOTAL) = labels.names().iter().map(String::as_str).find(|name| *name == TOTAL) {
            let message = format!("a class named {TOTAL:?} would be taken for the sum of all");
            return Err(Error::Label(message));
        }
        let pairs: Vec<_> = people
            .values()
            .flat_map(|images| images.iter().flat_map(|s| images.iter().map(move |t| (*s, *t))))
            .filter_map(|(source, target)| {
                let to = class(target).filter(|to| class(source) != Some(*to))?;
                Some(Pair { source, target, change: labels.names()[to].clone() })
            })
            .collect();
        if pairs.is_empty() {
            return Err(Error::Label(format!(
                "expected images of the same name in several of the classes {}, found none",
                labels.names().join(", ")
            )));
        }
        Ok(Self { data, dataset, pairs })
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none, which [`open`](Self::open) refuses.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Translates every source to its target's label and compares the result, before it is rounded to
    /// 8 bits, with the target. Both images go through the model's transform.
    ///
    /// # Errors
    /// When the data's label space is not the model's, or an image can't be read.
    pub fn measure<B: Backend>(&self, translator: &Translator<B>) -> Result<CounterfactualScores> {
        self.measure_conditions(translator, |label| {
            translator.domains().condition(self.dataset, label)
        })
    }

    /// [`measure`](Self::measure) with the generator told `condition` of a target's label, such as one with
    /// another mask.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    ///
    /// # Panics
    /// When a condition has not the model's
    /// [`condition_width`](crate::domains::Domains::condition_width) entries.
    pub fn measure_conditions<B: Backend>(
        &self,
        translator: &Translator<B>,
        condition: impl Fn(&[f32]) -> Vec<f32>,
    ) -> Result<CounterfactualScores> {
        translator.domains().check_space(self.dataset, self.data.labels())?;
        let mut left_out = BTreeMap::new();
        let mut known = Vec::new();
        for pair in &self.pairs {
            if self.data.label(pair.source) == self.data.label(pair.target) {
                *left_out.entry(pair.change.clone()).or_default() += 1;
            } else {
                known.push(pair);
            }
        }

        let mut total = Sums::default();
        let mut changes: BTreeMap<String, Sums> = BTreeMap::new();
        for pairs in known.chunks(CHUNK) {
            let load = |index: usize| -> Result<RgbImage> {
                Ok(translator.prepare(&self.data.load_cropped(index)?.into()))
            };
            let sources = pairs.iter().map(|p| load(p.source)).collect::<Result<Vec<_>>>()?;
            let targets = pairs.iter().map(|p| load(p.target)).collect::<Result<Vec<_>>>()?;
            let conditions: Vec<_> =
                pairs.iter().map(|pair| condition(self.data.label(pair.target))).collect();
            let sources = upload(&sources, translator.device());
            let translated = translator.forward_conditions(sources.clone(), &conditions);
            let [sources, targets, translated] =
                [sources, upload(&targets, translator.device()), translated]
                    .map(|images| host(((images + 1.0) / 2.0).into_data()));
            let values = sources.len() / pairs.len();
            for (at, pair) in pairs.iter().enumerate() {
                let image = at * values..(at + 1) * values;
                let truth = Truth::new(&sources[image.clone()], &targets[image.clone()]);
                let errors =
                    [truth.compare(&translated[image.clone()]), truth.compare(&sources[image])];
                total.add(errors);
                changes.entry(pair.change.clone()).or_default().add(errors);
            }
        }
        let changes = changes.into_iter().map(|(change, sums)| (change, sums.scores())).collect();
        Ok(CounterfactualScores { changes, total: total.scores(), left_out })
    }

    /// The position of their dataset among a model's.
    pub fn dataset(&self) -> usize {
        self.dataset
    }
}

impl fmt::Debug for Counterfactuals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counterfactuals")
            .field("labels", self.data.labels())
            .field("dataset", &self.dataset)
            .field("pairs", &self.len())
            .finish()
    }
}

fn parse(file: &Path, text: &str, data: &dyn Dataset) -> Result<Vec<Pair>> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let (_, header) = lines.next().unwrap_or_default();
    if header.split(',').map(str::trim).ne(HEADER.split(',')) {
        let message = format!("expected the header {HEADER:?}, found {header:?}");
        return Err(Error::data(file, 1, message));
    }
    let mut pairs = Vec::new();
    for (line, text) in lines.filter(|(_, text)| !text.is_empty()) {
        let fields: Vec<_> = text.split(',').map(str::trim).collect();
        let [source, target, change] = fields[..] else {
            let message = format!("expected 3 fields ({HEADER}), found {}", fields.len());
            return Err(Error::data(file, line, message));
        };
        let find = |name: &str| {
            data.find(name).ok_or_else(|| {
                Error::data(file, line, format!("image {name:?} is not in the dataset"))
            })
        };
        let (source, target) = (find(source)?, find(target)?);
        let change = change.split('_').next().unwrap_or_default();
        if change.is_empty() || change == TOTAL {
            let message = format!("expected the name of a change, found {change:?}");
            return Err(Error::data(file, line, message));
        }
        pairs.push(Pair { source, target, change: change.to_owned() });
    }
    if pairs.is_empty() {
        return Err(Error::data(file, None, "expected pairs of images, found only the header"));
    }
    Ok(pairs)
}

/// A target image and where it differs from its source. Images are `[C, H, W]`, flat, in `[0, 1]`.
struct Truth<'a> {
    target: &'a [f32],
    /// Per pixel.
    changed: Vec<bool>,
}

/// One pair's errors.
#[derive(Clone, Copy, Debug)]
struct Errors {
    inside: Mean,
    outside: Mean,
    psnr: f64,
}

impl<'a> Truth<'a> {
    fn new(source: &[f32], target: &'a [f32]) -> Self {
        let mut changed = vec![false; target.len() / 3];
        let pixels = changed.len();
        for (at, (source, target)) in source.iter().zip(target).enumerate() {
            changed[at % pixels] |= (source - target).abs() > CHANGED;
        }
        Self { target, changed }
    }

    fn compare(&self, image: &[f32]) -> Errors {
        let (mut inside, mut outside, mut squares) = (Mean::default(), Mean::default(), 0.0);
        for (at, (value, target)) in image.iter().zip(self.target).enumerate() {
            let difference = f64::from(value - target);
            let changed = self.changed[at % self.changed.len()];
            let region = if changed { &mut inside } else { &mut outside };
            region.add(difference.abs());
            squares += difference * difference;
        }
        let mean_square = squares / image.len() as f64;
        let psnr = (-10.0 * mean_square.log10()).min(MAX_PSNR);
        Errors { inside, outside, psnr }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.merge(Self { sum: value, count: 1 });
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// Sums over pairs, of the translation and of the source.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    n: usize,
    inside: [Mean; 2],
    outside: [Mean; 2],
    psnr: [Mean; 2],
}

impl Sums {
    fn add(&mut self, errors: [Errors; 2]) {
        self.n += 1;
        for (i, errors) in errors.into_iter().enumerate() {
            self.inside[i].merge(errors.inside);
            self.outside[i].merge(errors.outside);
            self.psnr[i].add(errors.psnr);
        }
    }

    fn scores(self) -> Scores {
        let [inside, inside_nothing] = self.inside.map(Mean::value);
        let [outside, outside_nothing] = self.outside.map(Mean::value);
        let [psnr, psnr_nothing] = self.psnr.map(Mean::value);
        Scores { n: self.n, inside, inside_nothing, outside, outside_nothing, psnr, psnr_nothing }
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
        let row = |name: &str, n: &str, [inside, outside, psnr]: [String; 3]| {
            format!("{name:<12} {n:>5}  {inside:>18}  {outside:>18}  {psnr:>18}\n")
        };
        let titles = ["inside (nothing)", "outside (nothing)", "PSNR dB (nothing)"];
        let mut table = row("change", "pairs", titles.map(String::from));
        for (name, scores) in self.rows() {
            let cells = [
                cell(scores.inside, scores.inside_nothing, 3),
                cell(scores.outside, scores.outside_nothing, 3),
                cell(scores.psnr, scores.psnr_nothing, 1),
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

#[cfg(test)]
mod tests;
