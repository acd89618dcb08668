//! The FID of every ordered pair of domains, whose mean is StarGAN v2's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::feature_set::FeatureSet;
use crate::metrics::mean::Mean;
use crate::metrics::measured::Measured;

/// The FID of translations from one domain into another (StarGAN v2, appendix C).
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
    /// Over the pairs, which `n` are; without a value where one of them has none.
    pub mean: Measured,
    /// Of each pair, by source, then by target.
    pub pairs: Vec<PairDistance>,
}

/// The features of translations by the domains that they are from and in.
#[derive(Default)]
pub(super) struct Pairs(BTreeMap<[usize; 2], FeatureSet>);

/// The domain that a label is of, where it is of one.
fn domain(label: &[f32]) -> Option<usize> {
    let mut ones = (0..label.len()).filter(|&name| label[name] == 1.0);
    ones.next().filter(|_| ones.next().is_none())
}

impl Pairs {
    /// A translation of an image with one label to another; none that is of several domains.
    pub fn add(&mut self, source: &[f32], target: &[f32], features: &[f32]) {
        if let (Some(source), Some(target)) = (domain(source), domain(target)) {
            let set = self.0.entry([source, target]);
            set.or_insert_with(|| FeatureSet::new(features.len())).add(features);
        }
    }

    /// The distances from the real images `of` each domain, none where there are no pairs.
    pub fn scores<'a>(
        &self,
        names: &[String],
        of: impl Fn(usize) -> &'a FeatureSet,
    ) -> Option<PairScores> {
        let pair = |(&[source, target], set): (&[usize; 2], &FeatureSet)| PairDistance {
            source: names[source].clone(),
            target: names[target].clone(),
            reference: of(target).n(),
            translated: Measured { value: set.frechet_distance(of(target)), n: set.n() },
        };
        let pairs: Vec<PairDistance> = self.0.iter().map(pair).collect();
        let values: Option<Vec<f64>> = pairs.iter().map(|pair| pair.translated.value).collect();
        let mut mean = Mean::default();
        values.into_iter().flatten().for_each(|value| mean.add(value));
        let mean = Measured { value: mean.value(), n: pairs.len() };
        (!pairs.is_empty()).then_some(PairScores { mean, pairs })
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
        let mut pairs = Pairs::default();
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
        let found = pairs.scores(&names, |domain| &real[domain]).unwrap();
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
        assert_eq!(found.unwrap().mean, Measured { value: None, n: 6 });
        assert_eq!(Pairs::default().scores(&names, |domain| &real[domain]), None);
    }
}
