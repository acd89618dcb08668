//! Scores of translations against the truth, as JSON and as a table.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::data::unreadable::left_out;
use crate::metrics::pixel::PIXEL_METRICS;
use crate::metrics::pixel::metric::PixelMetric;

/// The key of the scores over all pairs.
pub(super) const TOTAL: &str = "total";

/// The number of pairs in files.
const PAIRS: &str = "n";

/// What stands behind a measure's name in files where it is of the untranslated source.
const NOTHING: &str = "_nothing";

/// How far translations are from the truth, by change and over all pairs.
///
/// As JSON: a map from every change, and `total`, to its [`Scores`].
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct CounterfactualScores {
    /// By change: the part of the pair's `change` before the first `_`.
    #[serde(flatten)]
    pub changes: BTreeMap<String, Scores>,
    /// Over all pairs.
    pub total: Scores,
    /// How many pairs of a change were left out because source and target have the same label in
    /// the model's label space: it never learnt that change.
    #[serde(skip)]
    pub left_out: BTreeMap<String, usize>,
    /// The images that can't be read and were left out with their pairs, by name, each with the
    /// reason.
    #[serde(default, rename = "unreadable_pairs", skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, String>,
}

/// How far translations are from the truth, and what doing nothing scores.
///
/// As JSON: a map from `n` and the name of every measure, such as `inside`, to its value, with
/// that of doing nothing under `inside_nothing`; null or nothing where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Scores {
    /// Pairs.
    pub n: usize,
    /// Of the translations.
    pub translated: Measures,
    /// Of their sources, untranslated.
    pub nothing: Measures,
}

/// What is measured of images against the truth.
///
/// | name | what |
/// |---|---|
/// | `inside` | L1 distance, in `[0, 1]`, over the pixels that the change changes |
/// | `outside` | L1 distance, in `[0, 1]`, over the other pixels |
/// | `psnr` | peak signal-to-noise ratio of the whole image in dB, at most 100 |
/// | `ssim` | [structural similarity](super::ssim) of the whole image, at most 1 |
///
/// `inside` and `outside` are means over the channels of all such pixels of all images together,
/// so that an image counts by how many it has; the others are means over the images.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Measures([Option<f64>; PIXEL_METRICS.len()]);

/// One measure of both the translations and their sources.
pub(crate) struct Score {
    pub metric: &'static PixelMetric,
    pub translated: Option<f64>,
    pub nothing: Option<f64>,
}

impl Measures {
    pub(super) fn new(values: [Option<f64>; PIXEL_METRICS.len()]) -> Self {
        Self(values)
    }

    /// The measure named `name`; none where there was nothing to measure, as `inside` of images
    /// without a changed pixel and `ssim` of images below 11 pixels, or no measure has that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value)
    }

    /// Every measure by name, in the order of the columns of files and tables.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<f64>)> {
        PIXEL_METRICS.iter().zip(self.0).map(|(metric, value)| (metric.name, value))
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Option<f64>> {
        let at = PIXEL_METRICS.iter().position(|metric| metric.name == name)?;
        Some(&mut self.0[at])
    }
}

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Scores {
    /// Every measure, in the order of the columns of files and tables.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Score> {
        let values = self.translated.0.into_iter().zip(self.nothing.0);
        let score = |(metric, (translated, nothing))| Score { metric, translated, nothing };
        PIXEL_METRICS.iter().zip(values).map(score)
    }

    /// The names of all values in files, in the order of [`values`](Self::values).
    pub(super) fn names() -> impl Iterator<Item = String> {
        let both =
            |metric: &PixelMetric| [metric.name.to_owned(), metric.name.to_owned() + NOTHING];
        PIXEL_METRICS.iter().flat_map(both)
    }

    /// All values, that of doing nothing behind each.
    pub(super) fn values(&self) -> impl Iterator<Item = Option<f64>> {
        self.iter().flat_map(|score| [score.translated, score.nothing])
    }
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + 2 * PIXEL_METRICS.len()))?;
        map.serialize_entry(PAIRS, &self.n)?;
        for (name, value) in Self::names().zip(self.values()) {
            map.serialize_entry(&name, &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Scores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Scores;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of scores")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Scores, M::Error> {
                let mut pairs = None;
                let mut scores = Scores::default();
                while let Some(key) = map.next_key::<String>()? {
                    let measure = match key.strip_suffix(NOTHING) {
                        Some(name) => scores.nothing.get_mut(name),
                        None => scores.translated.get_mut(&key),
                    };
                    match measure {
                        Some(measure) => *measure = map.next_value()?,
                        None if key == PAIRS => pairs = Some(map.next_value()?),
                        // Of a version with more measures.
                        None => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                scores.n = pairs.ok_or_else(|| de::Error::missing_field(PAIRS))?;
                Ok(scores)
            }
        }
        deserializer.deserialize_map(Reader)
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
        let row = |name: &str, n: &str, cells: &mut dyn Iterator<Item = String>| {
            let cells: String = cells.map(|cell| format!("  {cell:>18}")).collect();
            format!("{name:<12} {n:>5}{cells}\n")
        };
        let mut titles = PIXEL_METRICS.iter().map(|metric| format!("{} (nothing)", metric.title));
        let mut table = row("change", "pairs", &mut titles);
        for (name, scores) in self.rows() {
            let mut cells = scores.iter().map(|Score { metric, translated, nothing }| {
                format!("{} ({})", metric.text(translated), metric.text(nothing))
            });
            table += &row(name, &scores.n.to_string(), &mut cells);
        }
        if !self.left_out.is_empty() {
            let counts: Vec<_> =
                self.left_out.iter().map(|(change, n)| format!("{change} ({n} pairs)")).collect();
            table += &format!("left out, the model has no label for it: {}\n", counts.join(", "));
        }
        table += &left_out(&self.unreadable).join("\n");
        f.write_str(table.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(values: &[(&str, f64)]) -> Measures {
        let mut measures = Measures::default();
        for (name, value) in values {
            *measures.get_mut(name).unwrap() = Some(*value);
        }
        measures
    }

    fn scores() -> CounterfactualScores {
        let translated = measures(&[("inside", 0.1), ("outside", 0.05), ("psnr", 20.0)]);
        let scores = Scores { n: 2, translated, nothing: measures(&[("inside", 0.29)]) };
        CounterfactualScores {
            changes: [("hair".to_owned(), scores)].into(),
            total: scores,
            left_out: [("young".to_owned(), 100)].into(),
            unreadable: BTreeMap::new(),
        }
    }

    /// Word for word what versions before this one wrote, but that measures may have been added.
    #[test]
    fn json_has_a_map_per_change_and_a_total() {
        let scores = scores();
        let json = serde_json::to_string(&scores).unwrap();
        let map = r#"{"n":2,"inside":0.1,"inside_nothing":0.29,"outside":0.05,"#.to_owned()
            + r#""outside_nothing":null,"psnr":20.0,"psnr_nothing":null,"#
            + r#""ssim":null,"ssim_nothing":null"#;
        assert!(json.starts_with(&format!(r#"{{"hair":{map}"#)), "{json}");
        assert!(json.contains(&format!(r#"}},"total":{map}"#)), "{json}");
        let read: CounterfactualScores = serde_json::from_str(&json).unwrap();
        assert_eq!(read, CounterfactualScores { left_out: BTreeMap::new(), ..scores });
    }

    #[test]
    fn files_may_have_fewer_measures_or_more_but_always_the_number_of_pairs() {
        let read = |json: &str| serde_json::from_str::<Scores>(json);
        let scores = read(r#"{"inside":0.5,"other":{"a":[1]},"other_nothing":1,"n":3}"#).unwrap();
        assert_eq!((scores.n, scores.translated.get("inside")), (3, Some(0.5)));
        assert_eq!(scores.translated.iter().filter(|(_, value)| value.is_some()).count(), 1);
        assert_eq!(scores.nothing, Measures::default());
        assert_eq!(scores.translated.get("other"), None);
        let error = read(r#"{"inside":0.5}"#).unwrap_err().to_string();
        assert!(error.contains("missing field `n`"), "{error}");
        for json in [r#"{"n":1,"inside":"much"}"#, r#"{"n":-1}"#, "3"] {
            read(json).unwrap_err();
        }
    }

    #[test]
    fn the_table_has_a_row_per_change_and_a_total() {
        let table = scores().to_string();
        let lines: Vec<_> = table.lines().collect();
        let row = "0.100 (0.290)           0.050 (-)            20.0 (-)               - (-)";
        let expected = [
            "change       pairs    inside (nothing)   outside (nothing)   PSNR dB (nothing)      \
             SSIM (nothing)",
            &format!("hair             2       {row}"),
            &format!("total            2       {row}"),
            "left out, the model has no label for it: young (100 pairs)",
        ];
        assert_eq!(lines.len(), expected.len());
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "{line}");
        }
    }
}
