//! How often images are drawn so that every value of a label is drawn equally often.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::dataset::Dataset;
use crate::labels::space::{LabelKind, LabelSpace};

/// Which images batches are drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Sampling {
    /// All alike: an epoch shows every image once.
    #[default]
    Uniform,
    /// Every class equally often, every member of an exclusive group as often as the others, and
    /// every free attribute as often present as absent: an epoch shows images of rare labels
    /// several times and leaves out others. Images with none of a group keep their share. No image
    /// is drawn more than about 100 times as often as by [`Uniform`](Self::Uniform), or less than
    /// about a tenth as often, whatever its labels.
    Balanced,
}

/// After so many rounds, take what there is: labels that depend on each other may allow no shares
/// that balance all of them.
const ROUNDS: usize = 100;

/// How often shares are brought within their bounds after a round.
const PASSES: usize = 8;

/// Shares this close to those wanted are those wanted.
const CLOSE: f64 = 1e-9;

/// How often an image is drawn, at least and at most, relative to all alike. Without bounds, three
/// images of an attribute would be half of what is seen of it, and where all mustaches are men's, a
/// balance of both would leave out the other men.
const BOUNDS: [f64; 2] = [0.1, 100.0];

/// How often each image of a dataset is drawn.
///
/// The shares are those of all images alike, raked: scaled to the wanted share of every value of
/// one label after the other until all hold (Deming and Stephan, 1940), within bounds.
#[derive(Debug)]
pub(super) struct Balance {
    /// Of every image; together 1.
    shares: Vec<f64>,
    /// Which images have one label, by a number.
    strata: Vec<usize>,
}

/// Images of one label.
struct Stratum {
    images: usize,
    /// The part of all that is drawn.
    share: f64,
    /// The value of each factor; none where the label has none.
    values: Vec<Option<usize>>,
}

impl Balance {
    /// # Panics
    /// When there are no images.
    pub(super) fn new(data: &dyn Dataset) -> Self {
        let mut numbers = BTreeMap::new();
        let mut strata: Vec<Stratum> = Vec::new();
        let numbered = (0..data.len()).map(|image| {
            let label: Vec<bool> = data.label(image).iter().map(|value| *value == 1.0).collect();
            let number = *numbers.entry(label).or_insert_with_key(|label| {
                let values = values(data.labels(), label);
                strata.push(Stratum { images: 0, share: 0.0, values });
                strata.len() - 1
            });
            strata[number].images += 1;
            number
        });
        let numbered: Vec<usize> = numbered.collect();
        rake(&mut strata);
        let share = |stratum: &Stratum| stratum.share / stratum.images as f64;
        let shares = numbered.iter().map(|number| share(&strata[*number])).collect();
        Self { shares, strata: numbered }
    }

    /// As many images as there are, each as often as its share says, up to one more or less, and
    /// so those of one label together; in no order of use. `order` has every image once and decides
    /// with `start`, in `[0, 1)`, which images of one label are drawn once more.
    ///
    /// This is systematic sampling: images stand side by side, each as wide as its share, and are
    /// drawn where they stand at places of equal distance (Madow and Madow, 1944).
    pub(super) fn draw(&self, mut order: Vec<usize>, start: f64) -> Vec<usize> {
        let images = order.len();
        // Stable: images of one label stay in a random order.
        order.sort_by_key(|image| self.strata[*image]);
        let mut drawn = Vec::with_capacity(images);
        let mut end = 0.0;
        for image in &order {
            end += self.shares[*image] * images as f64;
            while drawn.len() < images && drawn.len() as f64 + start < end {
                drawn.push(*image);
            }
        }
        // Rounding may have left the last place beyond the end.
        drawn.resize(images, order[images - 1]);
        drawn
    }
}

/// The value of every factor of a label: its class, or its member of each exclusive group and then
/// each free attribute.
fn values(labels: &LabelSpace, label: &[bool]) -> Vec<Option<usize>> {
    let first_of = |group: &[usize]| group.iter().position(|name| label[*name]);
    if labels.kind() == LabelKind::Classes {
        let all: Vec<usize> = (0..label.len()).collect();
        return vec![first_of(&all)];
    }
    let groups = labels.exclusive_groups();
    let is_free = |name: &usize| !groups.iter().any(|group| group.contains(name));
    let free = (0..label.len()).filter(is_free).map(|name| Some(usize::from(label[name])));
    groups.iter().map(|group| first_of(group)).chain(free).collect()
}

/// Gives every stratum its share.
fn rake(strata: &mut [Stratum]) {
    let images: usize = strata.iter().map(|stratum| stratum.images).sum();
    let alike = |stratum: &Stratum| stratum.images as f64 / images as f64;
    strata.iter_mut().for_each(|stratum| stratum.share = alike(stratum));
    let factors = strata.first().map_or(0, |stratum| stratum.values.len());
    let wanted: Vec<_> = (0..factors).map(|factor| wanted(factor, strata)).collect();
    for _ in 0..ROUNDS {
        let mut furthest: f64 = 0.0;
        for (factor, wanted) in wanted.iter().enumerate() {
            let found = shares(factor, strata);
            for stratum in strata.iter_mut() {
                let value = stratum.values[factor];
                furthest = furthest.max((wanted[&value] - found[&value]).abs());
                stratum.share *= wanted[&value] / found[&value];
            }
        }
        if furthest < CLOSE {
            break;
        }
        bound(strata, alike);
    }
}

/// Keeps all shares within the bounds, where `alike` is that of a stratum by its images.
fn bound(strata: &mut [Stratum], alike: impl Fn(&Stratum) -> f64) {
    let [least, most] = BOUNDS;
    // What one share loses the others gain, which may bring them to a bound too.
    for _ in 0..PASSES {
        for stratum in strata.iter_mut() {
            let alike = alike(stratum);
            stratum.share = stratum.share.clamp(least * alike, most * alike);
        }
        let all: f64 = strata.iter().map(|stratum| stratum.share).sum();
        strata.iter_mut().for_each(|stratum| stratum.share /= all);
    }
}

/// The share of every value of a factor that there is.
fn shares(factor: usize, strata: &[Stratum]) -> BTreeMap<Option<usize>, f64> {
    let mut shares = BTreeMap::new();
    for stratum in strata {
        *shares.entry(stratum.values[factor]).or_default() += stratum.share;
    }
    shares
}

/// What the shares of a factor's values are to be: that of no value what it is, the others equal.
fn wanted(factor: usize, strata: &[Stratum]) -> BTreeMap<Option<usize>, f64> {
    let found = shares(factor, strata);
    let none = found.get(&None).copied();
    let values = found.keys().flatten().count();
    let each = (1.0 - none.unwrap_or(0.0)) / values as f64;
    let of = |value: Option<usize>| if value.is_some() { each } else { none.unwrap_or(0.0) };
    found.into_keys().map(|value| (value, of(value))).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use image::DynamicImage;

    use super::*;
    use crate::error::Result;

    #[derive(Debug)]
    struct Labels(LabelSpace, Vec<Vec<f32>>);

    impl Dataset for Labels {
        fn labels(&self) -> &LabelSpace {
            &self.0
        }
        fn len(&self) -> usize {
            self.1.len()
        }
        fn label(&self, index: usize) -> &[f32] {
            &self.1[index]
        }
        fn name(&self, _: usize) -> Cow<'_, str> {
            "label".into()
        }
        fn load(&self, _: usize) -> Result<DynamicImage> {
            unreachable!("a balance reads no image")
        }
    }

    /// `counts` of images have the labels.
    fn labels(space: LabelSpace, counts: &[(usize, &[f32])]) -> Labels {
        let labels = counts.iter().flat_map(|(count, label)| vec![label.to_vec(); *count]);
        Labels(space, labels.collect())
    }

    /// The share of the images whose label `name` is 1.
    fn share(data: &Labels, name: usize) -> f64 {
        let Balance { shares, .. } = Balance::new(data);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let of = |(label, share): (&Vec<f32>, &f64)| f64::from(label[name]) * share;
        data.1.iter().zip(&shares).map(of).sum()
    }

    #[track_caller]
    fn about(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-4, "expected {expected}, found {found}");
    }

    #[test]
    fn classes_have_equal_shares() {
        let space = LabelSpace::classes(["a", "b", "c"]);
        let data =
            labels(space, &[(80, &[1.0, 0.0, 0.0]), (15, &[0.0, 1.0, 0.0]), (5, &[0.0, 0.0, 1.0])]);
        (0..3).for_each(|class| about(share(&data, class), 1.0 / 3.0));
    }

    #[test]
    fn attributes_that_go_together_are_all_balanced() {
        let hair = ["Black", "Blond"];
        let space = LabelSpace::attributes(hair).with("Male").with("Bald").with("Smiling");
        let space = space.exclusive(hair).unwrap();
        let data = labels(
            space,
            &[
                (30, &[1.0, 0.0, 1.0, 0.0, 0.0]),
                (10, &[1.0, 0.0, 1.0, 1.0, 0.0]),
                (20, &[1.0, 0.0, 0.0, 0.0, 0.0]),
                (18, &[0.0, 1.0, 0.0, 0.0, 0.0]),
                (2, &[0.0, 1.0, 1.0, 1.0, 0.0]),
                // With no hair of the group, twenty: that is their share.
                (3, &[0.0, 0.0, 0.0, 1.0, 0.0]),
                (17, &[0.0, 0.0, 1.0, 0.0, 0.0]),
            ],
        );
        for (name, expected) in [0.4, 0.4, 0.5, 0.5, 0.0].into_iter().enumerate() {
            about(share(&data, name), expected);
        }
    }

    #[test]
    fn shares_stay_within_bounds() {
        let space = LabelSpace::attributes(["Male", "Mustache"]);
        let counts: [(usize, &[f32]); 3] =
            [(38_000, &[1.0, 0.0]), (58_000, &[0.0, 0.0]), (4, &[1.0, 1.0])];
        let data = labels(space, &counts);
        let Balance { shares, .. } = Balance::new(&data);
        let relative = |image: usize| shares[image] * data.len() as f64;
        // Men and women are still half of all each.
        let half = 96_004.0 / 2.0;
        for (image, share) in [(0, half / 38_004.0), (40_000, half / 58_000.0), (96_003, 100.0)] {
            let found = relative(image);
            assert!((0.98 * share..1.02 * share).contains(&found), "{image}: {found}");
        }
    }

    #[test]
    fn an_epoch_has_each_label_as_often_as_its_share_says() {
        let space = LabelSpace::classes(["a", "b"]);
        let data = labels(space, &[(13, &[1.0, 0.0]), (4, &[0.0, 1.0])]);
        let balance = Balance::new(&data);
        for (order, start) in [((0..17).collect(), 0.0), ((0..17).rev().collect(), 0.999)] {
            let drawn = balance.draw(order, start);
            assert_eq!(drawn.len(), 17);
            let rare = drawn.iter().filter(|image| **image >= 13).count();
            assert!((8..=9).contains(&rare), "{rare}");
            for image in 0..17 {
                let times = drawn.iter().filter(|drawn| **drawn == image).count();
                // 8.5 of 13, and 8.5 of 4.
                let expected = if image < 13 { 0..=1 } else { 2..=3 };
                assert!(expected.contains(&times), "{image}: {times}");
            }
        }
    }

    #[test]
    fn images_of_one_label_are_all_drawn_once() {
        let data = labels(LabelSpace::attributes(["Male"]), &[(100, &[1.0])]);
        let mut drawn = Balance::new(&data).draw((0..100).rev().collect(), 0.5);
        drawn.sort_unstable();
        assert_eq!(drawn, (0..100).collect::<Vec<_>>());
    }
}
