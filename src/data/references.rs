//! Images that others are to look like: two of one label, for every image of a batch.

use std::collections::BTreeMap;

use rand::Rng;

use crate::data::augment::{Augmentation, Change};
use crate::data::dataset::Dataset;
use crate::random::{Purpose, below, stream};

/// The images of a dataset by their label.
#[derive(Debug)]
pub(super) struct ByLabel {
    /// Of every label that there is, its images.
    images: Vec<Vec<usize>>,
}

/// An image of its label's, and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reference {
    /// The label, and the image's place among those of it.
    pub label: usize,
    pub place: usize,
    pub flip: bool,
    /// What else is done to it.
    pub change: Option<Change>,
}

impl ByLabel {
    pub fn new(data: &dyn Dataset) -> Self {
        let mut images: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
        for image in 0..data.len() {
            let label = data.label(image).iter().map(|value| value.to_bits()).collect();
            images.entry(label).or_default().push(image);
        }
        Self { images: images.into_values().collect() }
    }

    /// The images of the label of `reference`, itself first, then those that may stand in for it.
    pub fn instead(&self, reference: Reference) -> impl Iterator<Item = usize> {
        let images = &self.images[reference.label];
        let (before, from) = images.split_at(reference.place);
        from.iter().chain(before).copied()
    }

    /// Two references of one label for each of `count` images; every label is as likely as any
    /// other. The two are the same image where a label has no other.
    pub fn draw(
        &self,
        count: usize,
        flip: bool,
        augmentation: Augmentation,
        [seed, dataset, iteration]: [u64; 3],
    ) -> Vec<[Reference; 2]> {
        let mut rng = stream(seed, Purpose::Reference, dataset, iteration);
        (0..count)
            .map(|_| {
                let label = below(self.images.len(), &mut rng);
                let images = self.images[label].len();
                let first = below(images, &mut rng);
                // One of the others.
                let step = 1 + below(images.saturating_sub(1).max(1), &mut rng);
                [first, (first + step) % images].map(|place| Reference {
                    label,
                    place,
                    flip: rng.random::<bool>() && flip,
                    change: (!augmentation.is_none()).then(|| augmentation.draw(&mut rng)),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_label() -> ByLabel {
        ByLabel { images: vec![vec![4], vec![0, 2, 5], vec![1, 3, 6, 7]] }
    }

    #[test]
    fn both_are_of_one_label_and_differ_where_they_can_and_labels_are_drawn_alike() {
        let data = by_label();
        let drawn = data.draw(3_000, true, Augmentation::default(), [7, 0, 1]);
        let mut labels = [0; 3];
        let mut seen = [0; 8];
        for [first, second] in &drawn {
            assert_eq!(first.label, second.label);
            labels[first.label] += 1;
            let [one, other] = [first, second].map(|of| data.instead(*of).next().unwrap());
            assert_eq!(one == other, first.label == 0, "only label 0 has one image");
            seen[one] += 1;
            seen[other] += 1;
        }
        // Of 3,000 draws from three: 26 is a standard deviation.
        assert!(labels.iter().all(|count| i32::abs(count - 1_000) < 150), "{labels:?}");
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
        let mirrored = drawn.iter().flatten().filter(|reference| reference.flip).count();
        assert!(mirrored.abs_diff(3_000) < 200, "{mirrored}");
    }

    #[test]
    fn a_draw_depends_on_its_iteration_and_the_first_rows_not_on_their_number() {
        let draw = |count, iteration| {
            by_label().draw(count, true, "crop=0.1".parse().unwrap(), [7, 0, iteration])
        };
        assert_eq!(draw(4, 5), draw(8, 5)[..4]);
        assert_ne!(draw(4, 5), draw(4, 6));
    }

    #[test]
    fn others_of_the_label_stand_in() {
        let reference = Reference { label: 1, place: 1, flip: false, change: None };
        assert_eq!(by_label().instead(reference).collect::<Vec<_>>(), [2, 5, 0]);
    }
}
