//! How far images are from the real ones of a label space's domains, in a judge's features or
//! Inception's.

use serde::{Deserialize, Serialize};

use crate::labels::space::{LabelKind, LabelSpace};
use crate::metrics::feature_set::FeatureSet;
use crate::metrics::kid::kid;
use crate::metrics::manifold::precision_recall;
use crate::metrics::measured::Measured;
use crate::metrics::products::Vectors;

/// The images whose label entry `name` is `value`: those with an attribute or of a class, and
/// those without a free attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Domain {
    pub name: usize,
    pub value: f32,
    /// As an edit spells it: `Male` and `-Male`.
    pub title: String,
}

impl Domain {
    /// The domains that translations lead to: of a class and of a member of an exclusive group one,
    /// of a free attribute two.
    pub fn all(labels: &LabelSpace) -> Vec<Self> {
        let free = |name| labels.kind() == LabelKind::Attributes && labels.rivals(name).is_empty();
        let of = |(name, title): (usize, &String)| {
            let without = Self { name, value: 0.0, title: format!("-{title}") };
            let with = Self { name, value: 1.0, title: title.clone() };
            std::iter::once(with).chain(free(name).then_some(without))
        };
        labels.names().iter().enumerate().flat_map(of).collect()
    }
}

/// How far images are from a domain's real ones: the Frechet distance of their features, 0 for
/// equal sets. It has no unit; a judge's features, another judge's and Inception's have each their
/// own scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DomainDistance {
    /// The attribute or class; `-Male` for the images without a free attribute.
    pub domain: String,
    /// How many real images of the domain the distances are from.
    pub reference: usize,
    /// Of translations into the domain.
    pub translated: Measured,
    /// Of their sources, untranslated: what doing nothing scores.
    pub nothing: Measured,
    /// Of the data's own real images of the domain, where the reference are others: what can be
    /// hoped for.
    pub real: Measured,
}

/// How alike images and a domain's real ones are, one by one, by Inception's features: of as many
/// images as there are or of 2048, drawn at random, on either side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DomainSamples {
    /// The attribute or class; `-Male` for the images without a free attribute.
    pub domain: String,
    /// How many real images of the domain the others are compared with.
    pub reference: usize,
    /// Translations into the domain.
    pub translated: SampleScores,
    /// Their sources, untranslated: what doing nothing scores.
    pub nothing: SampleScores,
    /// The data's own real images of the domain, where the reference are others: what can be hoped
    /// for.
    pub real: SampleScores,
}

/// How alike some images and real ones are; without values where there are too few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SampleScores {
    /// The kernel Inception distance (Bińkowski et al., 2018), the mean of 100 estimates: about 0,
    /// also below, for sets of one distribution.
    pub kid: Option<f64>,
    /// The standard deviation of these estimates.
    pub kid_deviation: Option<f64>,
    /// The share of the images that are like a real one (Kynkäänniemi et al., 2019), in `[0, 1]`.
    pub precision: Option<f64>,
    /// The share of the real images that one of these is like, in `[0, 1]`.
    pub recall: Option<f64>,
    /// Images that were compared.
    pub n: usize,
}

/// The features of images by domain.
pub(super) struct DomainSets(Vec<Sets>);

struct Sets {
    domain: Domain,
    reference: FeatureSet,
    real: FeatureSet,
    translated: FeatureSet,
    nothing: FeatureSet,
}

impl Sets {
    /// The real images that distances are from.
    fn from(&self, has_reference: bool) -> &FeatureSet {
        if has_reference { &self.reference } else { &self.real }
    }
}

impl DomainSets {
    /// No images yet, of `width` features each.
    pub fn new(domains: Vec<Domain>, width: usize) -> Self {
        let none = || FeatureSet::new(width);
        let sets = |domain| Sets {
            domain,
            reference: none(),
            real: none(),
            translated: none(),
            nothing: none(),
        };
        Self(domains.into_iter().map(sets).collect())
    }

    /// The same with these for the real images that distances are from, a set per domain.
    pub fn with_references(mut self, references: &[FeatureSet]) -> Self {
        for (sets, reference) in self.0.iter_mut().zip(references) {
            sets.reference = reference.clone();
        }
        self
    }

    /// The real images that distances are from, a set per domain.
    pub fn into_references(self) -> Vec<FeatureSet> {
        self.0.into_iter().map(|sets| sets.reference).collect()
    }

    fn of(&mut self, label: &[f32]) -> impl Iterator<Item = &mut Sets> {
        self.0.iter_mut().filter(|sets| label[sets.domain.name] == sets.domain.value)
    }

    pub fn add_real(&mut self, label: &[f32], features: &[f32]) {
        self.of(label).for_each(|sets| sets.real.add(features));
    }

    pub fn add_reference(&mut self, label: &[f32], features: &[f32]) {
        self.of(label).for_each(|sets| sets.reference.add(features));
    }

    /// A translation that was to have `value` at the label entry `name`, and its source.
    pub fn add_translated(&mut self, name: usize, value: f32, features: &[f32], source: &[f32]) {
        let is = |sets: &&mut Sets| (sets.domain.name, sets.domain.value) == (name, value);
        if let Some(sets) = self.0.iter_mut().find(is) {
            sets.translated.add(features);
            sets.nothing.add(source);
        }
    }

    /// The real images with the label entry `name` that distances are from: the reference, or else
    /// the data's own.
    ///
    /// # Panics
    /// When there is no such domain.
    pub fn real(&self, name: usize, has_reference: bool) -> &FeatureSet {
        let is = |sets: &&Sets| (sets.domain.name, sets.domain.value) == (name, 1.0);
        self.0.iter().find(is).expect("a domain of these labels").from(has_reference)
    }

    /// How alike every domain's images and its real ones are, one by one.
    pub fn samples(&self, has_reference: bool) -> Vec<DomainSamples> {
        let of = |sets: &Sets| {
            let vectors = |set: &FeatureSet| Vectors::new(set.sample());
            let from = vectors(sets.from(has_reference));
            let scores = |set: &FeatureSet| {
                let these = vectors(set);
                let (kid, shares) = from.with(&these, |all| (kid(all), precision_recall(all)));
                SampleScores {
                    kid: kid.map(|kid| kid.mean),
                    kid_deviation: kid.map(|kid| kid.deviation),
                    precision: shares.map(|shares| shares.precision),
                    recall: shares.map(|shares| shares.recall),
                    n: these.n(),
                }
            };
            DomainSamples {
                domain: sets.domain.title.clone(),
                reference: from.n(),
                translated: scores(&sets.translated),
                nothing: scores(&sets.nothing),
                real: if has_reference { scores(&sets.real) } else { SampleScores::default() },
            }
        };
        self.0.iter().map(of).collect()
    }

    /// Every domain's distances, from the reference or else from the data's own real images.
    pub fn distances(&self, has_reference: bool) -> Vec<DomainDistance> {
        let of = |sets: &Sets| {
            let from = sets.from(has_reference);
            let measured =
                |set: &FeatureSet| Measured { value: set.frechet_distance(from), n: set.n() };
            DomainDistance {
                domain: sets.domain.title.clone(),
                reference: from.n(),
                translated: measured(&sets.translated),
                nothing: measured(&sets.nothing),
                real: if has_reference { measured(&sets.real) } else { Measured::default() },
            }
        };
        self.0.iter().map(of).collect()
    }
}
