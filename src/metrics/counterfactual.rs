//! Translations against the truth: the same image, really changed.
//!
//! Photographs have no such truth; drawn images do: the same face with other hair. A pairs file
//! lists them, as `source,target,change` under a header line of these words:
//!
//! ```text
//! source,target,change
//! 00000.png,00000_hair_Black.png,hair_Black
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::backend::Backend;
use image::DynamicImage;

use crate::data::dataset::{Dataset, base_name};
use crate::data::transform::Transform;
use crate::data::unreadable::{Readable, UnreadablePolicy};
use crate::data::whole::read_text;
use crate::error::{Error, Result};
use crate::labels::space::LabelKind;
use crate::metrics::asked::style_of;
use crate::metrics::pixel::compared::{Compared, changed};
use crate::metrics::scores::{CounterfactualScores, TOTAL};
use crate::metrics::sums::{Means, Sums};
use crate::translate::images::{CHUNK, host, upload};
use crate::translate::relabel::{Relabelling, Translate};

const HEADER: &str = "source,target,change";

/// Pairs of images of one dataset that differ by one change, such as the hair's colour.
#[derive(Clone)]
pub struct Counterfactuals {
    data: Arc<dyn Dataset>,
    dataset: usize,
    pairs: Vec<Pair>,
    on_unreadable: UnreadablePolicy,
}

#[derive(Clone, Debug, PartialEq)]
struct Pair {
    source: usize,
    target: usize,
    change: String,
}

impl Counterfactuals {
    /// Reads the pairs in `file`, whose images are `data`'s: under the header line
    /// `source,target,change`, a line of two image names and a change such as `hair_Black` per
    /// pair. Windows line ends, a byte order mark and blank lines are accepted. `dataset` says
    /// which dataset of the models to be measured `data` are like: 0 where there is one.
    ///
    /// # Errors
    /// When the file can't be read, has another header, no pairs, a line of other than three
    /// fields, or names an image that `data` lacks. The message gives the line.
    pub fn open(file: impl AsRef<Path>, data: Arc<dyn Dataset>, dataset: usize) -> Result<Self> {
        let file = file.as_ref();
        let pairs = parse(file, &read_text(file)?, &*data)?;
        Ok(Self { data, dataset, pairs, on_unreadable: UnreadablePolicy::Fail })
    }

    /// The pairs of images of one name in different classes, such as the files `happy/0002.png` and
    /// `sad/0002.png`, or `happy/anna/1.png` and `sad/anna/1.png`: the same person with other
    /// expressions. Of a name that does not begin with its class, what stands before the last `/`
    /// does not count. A pair's change is the class of its target. `dataset` is as at
    /// [`open`](Self::open).
    ///
    /// # Errors
    /// [`Error::Label`] when the labels are attributes, a class is named `total`, which is the sum
    /// of all, or no two classes share a name.
    pub fn between_classes(data: Arc<dyn Dataset>, dataset: usize) -> Result<Self> {
        let labels = data.labels();
        if labels.kind() != LabelKind::Classes {
            let message = "only classes have pairs by file name: attributes need a pairs file";
            return Err(Error::Label(message.to_owned()));
        }
        let class = |index: usize| data.label(index).iter().position(|value| *value == 1.0);
        let mut people: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for index in 0..data.len() {
            let name = data.name(index);
            let class = class(index).map_or("", |class| &labels.names()[class]);
            // All of it below the class folder: several people may have an image 1.
            let below = name.strip_prefix(class).and_then(|rest| rest.strip_prefix('/'));
            let person = below.unwrap_or(base_name(&name)).to_owned();
            people.entry(person).or_default().push(index);
        }
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
        Ok(Self { data, dataset, pairs, on_unreadable: UnreadablePolicy::Fail })
    }

    /// Pairs of positions in `data`, a source and a target each, with the name of their change.
    /// `dataset` is as at [`open`](Self::open).
    ///
    /// # Errors
    /// [`Error::Config`] when there are no pairs or no such image; [`Error::Label`] when a change
    /// is named `total`, which is the sum of all.
    pub fn new(
        data: Arc<dyn Dataset>,
        dataset: usize,
        pairs: impl IntoIterator<Item = (usize, usize, String)>,
    ) -> Result<Self> {
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(source, target, change)| Pair { source, target, change })
            .collect();
        let images = data.len();
        let missing = |pair: &&Pair| pair.source.max(pair.target) >= images;
        if pairs.is_empty() {
            return Err(Error::Config("expected pairs of images, found none".to_owned()));
        }
        if let Some(pair) = pairs.iter().find(missing) {
            let (source, target) = (pair.source, pair.target);
            return Err(Error::Config(format!(
                "there is no pair of the images {source} and {target}: the dataset has {images}, \
                 counted from 0"
            )));
        }
        if pairs.iter().any(|pair| pair.change == TOTAL) {
            let message = format!("a change named {TOTAL:?} would be taken for the sum of all");
            return Err(Error::Label(message));
        }
        Ok(Self { data, dataset, pairs, on_unreadable: UnreadablePolicy::Fail })
    }

    /// Sets what happens when an image can't be read: an error, or its pairs are left out and the
    /// [scores](CounterfactualScores::unreadable) say so.
    pub fn with_on_unreadable(mut self, policy: UnreadablePolicy) -> Self {
        self.on_unreadable = policy;
        self
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none, which [`open`](Self::open) refuses.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Translates every source to its target's label and compares the result, before it is rounded
    /// to 8 bits, with the target. Both images are cropped as the dataset says and have the model's
    /// size.
    ///
    /// # Errors
    /// When the data's label space is not the model's, or an image can't be read and is not left
    /// out.
    pub fn measure<B: Backend>(
        &self,
        model: &(impl Translate<B> + ?Sized),
    ) -> Result<CounterfactualScores> {
        model.spaces().check_space(self.dataset, self.data.labels())?;
        let mut left_out = BTreeMap::new();
        let mut known = Vec::new();
        for pair in &self.pairs {
            if self.data.label(pair.source) == self.data.label(pair.target) {
                *left_out.entry(pair.change.clone()).or_default() += 1;
            } else {
                known.push(pair);
            }
        }

        let transform = model.transform();
        let size = transform.size.sides();
        let mut images = Readable::new(&*self.data, self.on_unreadable);
        let mut total = Sums::default();
        let mut changes: BTreeMap<String, Sums> = BTreeMap::new();
        for pairs in known.chunks(CHUNK) {
            let Loaded { pairs, sources, targets } = load(&mut images, pairs, transform)?;
            if pairs.is_empty() {
                continue;
            }
            let label = |pair: &&Pair| {
                Relabelling::new(self.data.label(pair.source), self.data.label(pair.target))
                    .with_style(style_of(pair.source, model.styles(), 0))
            };
            let labels: Vec<_> = pairs.iter().map(label).collect();
            let sources = upload(&sources, model.device());
            let translated = model.relabel(sources.clone(), self.dataset, &labels);
            let [sources, targets, translated] =
                [sources, upload(&targets, model.device()), translated]
                    .map(|images| host(((images + 1.0) / 2.0).into_data()));
            let values = sources.len() / pairs.len();
            for (at, pair) in pairs.iter().enumerate() {
                let [source, truth, translated] = [&sources, &targets, &translated]
                    .map(|images| &images[at * values..(at + 1) * values]);
                let changed = changed(source, truth, size);
                let measure =
                    |image| Means::new(&Compared { image, truth, size, changed: &changed });
                let (translated, nothing) = (measure(translated), measure(source));
                total.add(translated, nothing);
                changes.entry(pair.change.clone()).or_default().add(translated, nothing);
            }
        }
        let changes = changes.into_iter().map(|(change, sums)| (change, sums.scores())).collect();
        images.check()?;
        let unreadable = images.unreadable().clone();
        let total = total.scores();
        match unreadable.first_key_value() {
            Some((name, reason)) if total.n == 0 => {
                let message = format!("of every pair an image can't be read: {reason}");
                Err(Error::data(name, None, message))
            }
            _ => Ok(CounterfactualScores { changes, total, left_out, unreadable }),
        }
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

/// Pairs and their images, as the model takes them.
struct Loaded<'a> {
    pairs: Vec<&'a Pair>,
    sources: Vec<DynamicImage>,
    targets: Vec<DynamicImage>,
}

/// Those of `pairs` both of whose images can be read.
fn load<'a>(
    images: &mut Readable<'_>,
    pairs: &[&'a Pair],
    transform: Transform,
) -> Result<Loaded<'a>> {
    let mut loaded = Loaded { pairs: Vec::new(), sources: Vec::new(), targets: Vec::new() };
    for &pair in pairs {
        let mut load = |image| images.load_cropped(image, transform.size);
        let both = (load(pair.source)?, load(pair.target)?);
        if let (Some(source), Some(target)) = both {
            loaded.pairs.push(pair);
            loaded.sources.push(transform.resize(&source));
            loaded.targets.push(transform.resize(&target));
        }
    }
    Ok(loaded)
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

#[cfg(test)]
mod tests;
