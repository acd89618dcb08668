//! The FID of every ordered pair of domains, whose mean is StarGAN v2's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::feature_set::FeatureSet;
use crate::metrics::mean::Mean;
use crate::metrics::measured::Measured;

/// The FID of translations from one domain into another (StarGAN v2, section 4). The paper's own
/// Inception has other weights than FID's, so its figures are on another scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PairDistance {
    /// The sources' domain.
    pub source: String,
    /// The domain that they are translated into, from whose real images the distance is.
    pub target: String,
    /// How many real images those are.
    pub reference: usize,
    /// Of the translations, in all styles.
    pub translated: Measured,
}

/// The FIDs of all ordered pairs of domains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PairScores {
    /// Over all `n` pairs; without a value where one of them has none.
    pub mean: Measured,
    /// Of each pair, by source, then by target.
    pub pairs: Vec<PairDistance>,
}

/// The features of translations by the domains that they are from and in: of all ordered pairs.
pub(super) struct Pairs(BTreeMap<[usize; 2], FeatureSet>);

/// The domain that a label is of, where it is of one.
fn domain(label: &[f32]) -> Option<usize> {
    let mut ones = (0..label.len()).filter(|&name| label[name] == 1.0);
    ones.next().filter(|_| ones.next().is_none())
}

impl Pairs {
    /// No translations yet, of `width` features each, between so many domains.
    pub fn new(domains: usize, width: usize) -> Self {
        let all = (0..domains).flat_map(|source| (0..domains).map(move |target| [source, target]));
        let pairs = all.filter(|[source, target]| source != target);
        Self(pairs.map(|pair| (pair, FeatureSet::new(width))).collect())
    }

    /// A translation of an image with one label to another; an image of no domain is in no pair.
    pub fn add(&mut self, source: &[f32], target: &[f32], features: &[f32]) {
        let pair = domain(source).zip(domain(target)).map(|(source, target)| [source, target]);
        if let Some(set) = pair.and_then(|pair| self.0.get_mut(&pair)) {
            set.add(features);
        }
    }

    /// The distances from the real images `of` each domain.
    pub fn scores<'a>(&self, names: &[String], of: impl Fn(usize) -> &'a FeatureSet) -> PairScores {
        let pair = |(&[source, target], set): (&[usize; 2], &FeatureSet)| PairDistance {
            source: names[source].clone(),
            target: names[target].clone(),
            reference: of(target).n(),
            translated: Measured { value: set.frechet_distance(of(target)), n: set.n() },
        };
        let pairs: Vec<PairDistance> = self.0.iter().map(pair).collect();
        let values: Option<Mean> = pairs.iter().map(|pair| pair.translated.value).collect();
        let mean = Measured { value: values.and_then(|mean| mean.value()), n: pairs.len() };
        PairScores { mean, pairs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::frechet::frechet_distance;

    /// Two vectors around `at`.
    fn features(at: f32) -> Vec<Vec<f32>> {
        vec![vec![at, 1.0], vec![at + 1.0, at]]
    }

    #[test]
    fn every_ordered_pair_has_the_distance_of_its_own_translations() {
        let label = |names: &[usize]| -> Vec<f32> {
            (0..3).map(|name| f32::from(u8::from(names.contains(&name)))).collect()
        };
        let mut pairs = Pairs::new(3, 2);
        let at = |source: usize, target: usize| (3 * source + target) as f32;
        for source in 0..3 {
            for target in (0..3).filter(|&target| target != source) {
                for vector in features(at(source, target)) {
                    pairs.add(&label(&[source]), &label(&[target]), &vector);
                }
            }
        }
        pairs.add(&label(&[0, 1]), &label(&[2]), &[100.0, 100.0]);
        pairs.add(&label(&[]), &label(&[2]), &[100.0, 100.0]);

        let real: Vec<FeatureSet> = (0..3)
            .map(|domain| {
                let mut set = FeatureSet::new(2);
                features(0.5 * domain as f32).iter().for_each(|vector| set.add(vector));
                set
            })
            .collect();
        let names = ["cat", "dog", "wild"].map(String::from);
        let found = pairs.scores(&names, |domain| &real[domain]);
        let of: Vec<[&str; 2]> =
            found.pairs.iter().map(|pair| [&pair.source[..], &pair.target[..]]).collect();
        let all = [["cat", "dog"], ["cat", "wild"], ["dog", "cat"], ["dog", "wild"]];
        assert_eq!(of[..4], all);
        assert_eq!((of.len(), found.mean.n), (6, 6));
        let mut sum = 0.0;
        for pair in &found.pairs {
            let [source, target] = [&pair.source, &pair.target]
                .map(|name| names.iter().position(|other| other == name).unwrap());
            let reference = features(0.5 * target as f32);
            let expected = frechet_distance(&features(at(source, target)), &reference).unwrap();
            assert_eq!((pair.reference, pair.translated.n), (2, 2));
            assert!((pair.translated.value.unwrap() - expected).abs() < 1e-9, "{pair:?}");
            sum += expected;
        }
        assert!((found.mean.value.unwrap() - sum / 6.0).abs() < 1e-9);

        // A mean of some pairs would be no mean of all.
        let none = FeatureSet::new(2);
        let found = pairs.scores(&names, |domain| if domain == 2 { &none } else { &real[domain] });
        assert_eq!(found.mean, Measured { value: None, n: 6 });
        // As where the data have no image of a domain.
        let found = Pairs::new(3, 2).scores(&names, |domain| &real[domain]);
        assert_eq!((found.pairs.len(), found.mean), (6, Measured { value: None, n: 6 }));
    }
}
