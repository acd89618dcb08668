//! The label spaces of the datasets trained together, and the condition vector made from them.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result, did_you_mean};
use crate::labels::edit::{Edit, Term};
use crate::labels::name::check_name;
use crate::labels::space::{LabelSpace, Target};

/// The label spaces of `n >= 1` named datasets (paper, section 3.2).
///
/// The generator sees the unified condition `[c_1, ..., c_n, m]`: the label of the dataset in
/// question, zeros for the unknown labels of the others, and a one-hot mask `m` of length `n` that
/// says which label to trust. With one dataset there is no mask. The discriminator's domain head
/// has one logit per entry of `[c_1, ..., c_n]`.
///
/// As JSON: the list of the datasets, or `{"datasets": [...], "mask": false}` for those
/// [without a mask](Self::without_mask).
///
/// Two datasets may share a label name; it must then be qualified (`faces:Male`) in edits.
///
/// ```
/// use stargan::{LabelSpaces, LabelSpace};
///
/// # fn main() -> stargan::Result<()> {
/// let spaces = LabelSpaces::joint([
///     ("faces", LabelSpace::attributes(["Male", "Young"])),
///     ("moods", LabelSpace::classes(["angry", "happy", "sad"])),
/// ])?;
/// assert_eq!((spaces.label_width(), spaces.condition_width()), (5, 7));
///
/// // A face whose mood nobody recorded, made happy.
/// let edits = spaces.edits("happy")?;
/// let label = edits[0].apply(&[0.0, 0.0, 0.0]);
/// assert_eq!(spaces.condition(edits[0].dataset, &label), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSpaces {
    datasets: Vec<Dataset>,
    masked: bool,
}

/// [`LabelSpaces`] without a mask as they are written to files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unmasked<D> {
    datasets: D,
    mask: bool,
}

impl Serialize for LabelSpaces {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.masked {
            true => self.datasets.serialize(serializer),
            false => Unmasked { datasets: &self.datasets, mask: false }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for LabelSpaces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        // By hand, so that an error is that of the list or of the object, not of neither.
        impl<'de> Visitor<'de> for Form {
            type Value = LabelSpaces;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of datasets, or an object of `datasets` and `mask`")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<LabelSpaces, A::Error> {
                let datasets = Vec::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(LabelSpaces { datasets, masked: true })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LabelSpaces, A::Error> {
                let Unmasked { datasets, mask } =
                    Unmasked::<Vec<Dataset>>::deserialize(MapAccessDeserializer::new(map))?;
                Ok(LabelSpaces { datasets, masked: mask })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dataset {
    name: String,
    labels: LabelSpace,
}

/// An edit together with the dataset whose label it changes.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainEdit {
    /// The dataset, from 0.
    pub dataset: usize,
    /// The edit of that dataset's labels.
    pub edit: Edit,
}

impl DomainEdit {
    /// The edited label of [`dataset`](Self::dataset), of the same width as `source`.
    ///
    /// `source` is the image's label in that dataset, known or predicted, or zeros.
    ///
    /// # Panics
    /// When `source` has another width than the dataset's label space.
    pub fn apply(&self, source: &[f32]) -> Vec<f32> {
        self.edit.apply(source)
    }
}

impl LabelSpaces {
    /// One dataset, named `data`. The space is not checked; see [`check`](Self::check).
    pub fn single(space: LabelSpace) -> Self {
        Self { datasets: vec![Dataset { name: "data".into(), labels: space }], masked: true }
    }

    /// Datasets trained together, in this order.
    ///
    /// # Errors
    /// When there is no dataset, or those of [`check`](Self::check).
    pub fn joint(
        datasets: impl IntoIterator<Item = (impl Into<String>, LabelSpace)>,
    ) -> Result<Self> {
        let datasets = datasets
            .into_iter()
            .map(|(name, labels)| Dataset { name: name.into(), labels })
            .collect();
        let spaces = Self { datasets, masked: true };
        spaces.check()?;
        Ok(spaces)
    }

    /// The same without the mask vector, to see what it is good for (paper, section 5.6): the
    /// condition is `[c_1, ..., c_n]` alone, in which a label that is not known looks like one
    /// whose entries are all 0.
    pub fn without_mask(mut self) -> Self {
        self.masked = self.len() == 1;
        self
    }

    /// Whether the condition has a mask where there are several datasets.
    pub fn is_masked(&self) -> bool {
        self.masked
    }

    /// Checks what [`single`](Self::single) and a configuration file leave unchecked.
    ///
    /// # Errors
    /// When there is no dataset; when a dataset's name is repeated or would not survive in an edit
    /// (the rules are those of label names); when [`LabelSpace::check`] refuses a space.
    pub fn check(&self) -> Result<()> {
        if self.is_empty() {
            return Err(Error::Label("expected at least one dataset, found none".into()));
        }
        let mut known = BTreeSet::new();
        for Dataset { name, labels } in &self.datasets {
            check_name("dataset", name)?;
            if !known.insert(name) {
                return Err(Error::Label(format!("two datasets are named {name:?}")));
            }
            labels.check().map_err(|error| Error::Label(format!("dataset {name:?}: {error}")))?;
        }
        Ok(())
    }

    /// The number of datasets, `n`.
    pub fn len(&self) -> usize {
        self.datasets.len()
    }

    /// Whether there is no dataset, which [`check`](Self::check) refuses.
    pub fn is_empty(&self) -> bool {
        self.datasets.is_empty()
    }

    /// The label spaces, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &LabelSpace> {
        self.datasets.iter().map(|dataset| &dataset.labels)
    }

    /// The name of a dataset.
    ///
    /// # Panics
    /// When `dataset` is not below [`len`](Self::len).
    pub fn name(&self, dataset: usize) -> &str {
        &self.datasets[dataset].name
    }

    /// The label space of a dataset.
    ///
    /// # Panics
    /// When `dataset` is not below [`len`](Self::len).
    pub fn space(&self, dataset: usize) -> &LabelSpace {
        &self.datasets[dataset].labels
    }

    /// Checks that data labelled in `space` are like those of `dataset`.
    ///
    /// # Errors
    /// When there is no such dataset, or its label space is another one.
    pub fn check_space(&self, dataset: usize, space: &LabelSpace) -> Result<()> {
        let Some(Dataset { name, labels }) = self.datasets.get(dataset) else {
            return Err(Error::Label(format!(
                "dataset {dataset} does not exist, there are {}",
                self.len()
            )));
        };
        labels.check_same(space).map_err(|error| Error::Label(format!("dataset {name:?}: {error}")))
    }

    /// The position of the dataset named `name`.
    ///
    /// # Errors
    /// When there is none; the nearest one is suggested.
    pub fn index_of(&self, name: &str) -> Result<usize> {
        self.datasets.iter().position(|dataset| dataset.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.datasets.iter().map(|d| d.name.as_str()).collect();
            let suggestion = did_you_mean(name, known.iter().copied());
            Error::Label(format!(
                "unknown dataset {name:?}{suggestion} (known: {})",
                known.join(", ")
            ))
        })
    }

    /// The width of all labels together: the number of the discriminator's domain logits.
    pub fn label_width(&self) -> usize {
        self.iter().map(LabelSpace::width).sum()
    }

    /// The width of the mask vector: `n`, or 0 when `n` is 1 or the domains are
    /// [without a mask](Self::without_mask).
    pub fn mask_width(&self) -> usize {
        if self.masked && self.len() > 1 { self.len() } else { 0 }
    }

    /// The width of the generator's condition: [`label_width`](Self::label_width) and
    /// [`mask_width`](Self::mask_width).
    pub fn condition_width(&self) -> usize {
        self.label_width() + self.mask_width()
    }

    /// Where a dataset's entries lie among the [`label_width`](Self::label_width) logits, and in
    /// the condition.
    ///
    /// # Panics
    /// When `dataset` is not below [`len`](Self::len).
    pub fn logit_range(&self, dataset: usize) -> Range<usize> {
        let start = self.iter().take(dataset).map(LabelSpace::width).sum();
        start..start + self.space(dataset).width()
    }

    /// The names of all labels, in the order of their logits; of several datasets as edits qualify
    /// them, `faces:Male`.
    pub(crate) fn label_names(&self) -> Vec<String> {
        let names = |Dataset { name, labels }: &Dataset| -> Vec<String> {
            match self.len() {
                1 => labels.names().to_vec(),
                _ => labels.names().iter().map(|label| format!("{name}:{label}")).collect(),
            }
        };
        self.datasets.iter().flat_map(names).collect()
    }

    /// The names of a condition's entries: those of all labels, and for the mask's `faces:`.
    pub(crate) fn condition_names(&self) -> Vec<String> {
        let mask = self.datasets.iter().take(self.mask_width());
        let mask = mask.map(|dataset| format!("{}:", dataset.name));
        self.label_names().into_iter().chain(mask).collect()
    }

    /// The unified condition `[c_1, ..., c_n, m]` of one dataset's label, of
    /// [`condition_width`](Self::condition_width) entries.
    ///
    /// # Panics
    /// When `dataset` is not below [`len`](Self::len) or `label` has not its space's width.
    pub fn condition(&self, dataset: usize, label: &[f32]) -> Vec<f32> {
        let range = self.logit_range(dataset);
        assert_eq!(label.len(), range.len(), "the label has another width");
        let mut condition = vec![0.0; self.condition_width()];
        condition[range].copy_from_slice(label);
        if self.mask_width() > 0 {
            condition[self.label_width() + dataset] = 1.0;
        }
        condition
    }

    /// Parses an edit, written as at [`Edit`], and finds the datasets it belongs to.
    ///
    /// A term may be qualified with its dataset (`moods:happy`, `faces:-Young=0.5`). Terms of
    /// several datasets are one edit each, to be made one after the other in the order in which the
    /// datasets are first named: `Blond_Hair,happy,Male` sets hair and sex, then the mood of the
    /// result. An empty edit keeps the label of the first dataset, and `moods:` alone that of the
    /// dataset named.
    ///
    /// There is at least one edit, and at most one per dataset.
    ///
    /// # Errors
    /// When a dataset or label is unknown, an unqualified label is in several datasets, or an edit
    /// makes no sense in its label space.
    pub fn edits(&self, text: &str) -> Result<Vec<DomainEdit>> {
        let edit = |(dataset, terms): (usize, Vec<Term<'_>>)| {
            Ok(DomainEdit { dataset, edit: self.space(dataset).edit_of(&terms)? })
        };
        self.resolve(text)?.into_iter().map(edit).collect()
    }

    /// Source labels from the names that are set, such as `"Black_Hair, Male"` or
    /// `"Black_Hair, moods:happy"`: one for every dataset concerned, with its position.
    ///
    /// # Errors
    /// When a dataset cannot be told, as at [`edits`](Self::edits), and those of
    /// [`LabelSpace::from_names`].
    pub fn source_labels(&self, names: &str) -> Result<Vec<(usize, Vec<f32>)>> {
        let label = |(dataset, terms): (usize, Vec<Term<'_>>)| {
            Ok((dataset, self.space(dataset).label_of(&terms)?))
        };
        self.resolve(names)?.into_iter().map(label).collect()
    }

    /// What a sample grid shows of an image of `dataset` labelled `source`; see
    /// [`LabelSpace::targets`].
    ///
    /// # Panics
    /// When `dataset` is not below [`len`](Self::len) or `source` has not its space's width.
    pub fn targets(&self, dataset: usize, source: &[f32]) -> Vec<Target> {
        self.space(dataset).targets(source)
    }

    /// The terms of every dataset concerned, in the order in which these are first named; at least
    /// one.
    fn resolve<'a>(&self, text: &'a str) -> Result<Vec<(usize, Vec<Term<'a>>)>> {
        if let Some(name) = text.trim().strip_suffix(':') {
            return Ok(vec![(self.index_of(name.trim())?, Vec::new())]);
        }
        let mut resolved: Vec<(usize, Vec<Term<'_>>)> = Vec::new();
        for term in Term::parse_all(text)? {
            let dataset = self.dataset_of(&term)?;
            match resolved.iter_mut().find(|(known, _)| *known == dataset) {
                Some((_, terms)) => terms.push(term),
                None => resolved.push((dataset, vec![term])),
            }
        }
        if resolved.is_empty() {
            resolved.push((0, Vec::new()));
        }
        Ok(resolved)
    }

    fn dataset_of(&self, term: &Term<'_>) -> Result<usize> {
        if let Some(dataset) = term.dataset {
            return self.index_of(dataset);
        }
        let has_name = |dataset: &Dataset| dataset.labels.names().iter().any(|n| n == term.name);
        let holders: Vec<usize> =
            (0..self.len()).filter(|&dataset| has_name(&self.datasets[dataset])).collect();
        match holders[..] {
            [dataset] => Ok(dataset),
            // The only space there is words the error about its own names.
            [] if self.len() == 1 => Ok(0),
            [] => {
                let names = self.iter().flat_map(LabelSpace::names).map(String::as_str);
                let known: Vec<String> = self
                    .datasets
                    .iter()
                    .map(|d| format!("{}: {}", d.name, d.labels.names().join(", ")))
                    .collect();
                Err(Error::Label(format!(
                    "unknown label {:?}{} (known: {})",
                    term.name,
                    did_you_mean(term.name, names),
                    known.join("; ")
                )))
            }
            _ => {
                let candidates: Vec<String> = holders
                    .iter()
                    .map(|&dataset| format!("\"{}:{}\"", self.name(dataset), term.name))
                    .collect();
                Err(Error::Label(format!(
                    "{:?} is a label of several datasets: write {}",
                    term.name,
                    candidates.join(" or ")
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests;
