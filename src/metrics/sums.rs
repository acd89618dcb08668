//! Sums of scores over pairs of images.

use crate::metrics::mean::Mean;
use crate::metrics::pixel::PIXEL_METRICS;
use crate::metrics::pixel::compared::Compared;
use crate::metrics::scores::{Measures, Scores};

/// What every measure of pixels finds, in their order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Means([Mean; PIXEL_METRICS.len()]);

impl Means {
    /// Of one image.
    pub fn new(compared: &Compared<'_>) -> Self {
        Self(std::array::from_fn(|at| (PIXEL_METRICS[at].measure)(compared)))
    }

    fn merge(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, mean)| sum.merge(mean));
    }

    fn measures(self) -> Measures {
        Measures::new(self.0.map(Mean::value))
    }
}

/// Sums over pairs, of the translation and of the untranslated source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    n: usize,
    translated: Means,
    nothing: Means,
}

impl Sums {
    /// Adds one pair.
    pub fn add(&mut self, translated: Means, nothing: Means) {
        self.n += 1;
        self.translated.merge(translated);
        self.nothing.merge(nothing);
    }

    /// The scores over all pairs so far.
    pub fn scores(self) -> Scores {
        let (translated, nothing) = (self.translated.measures(), self.nothing.measures());
        Scores { n: self.n, translated, nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_count_by_their_pixels_but_equally_for_the_psnr() {
        let image = |values: [(&str, f64, usize); 4]| {
            let mean = |name| {
                let value = values.iter().find(|(known, ..)| *known == name);
                value.map_or(Mean::default(), |&(_, sum, count)| Mean { sum, count })
            };
            Means(std::array::from_fn(|at| mean(PIXEL_METRICS[at].name)))
        };
        let mut sums = Sums::default();
        sums.add(
            image([("inside", 0.3, 3), ("outside", 0.6, 3), ("psnr", 20.0, 1), ("ssim", 0.5, 1)]),
            image([("inside", 1.2, 3), ("outside", 0.0, 3), ("psnr", 10.0, 1), ("ssim", 0.0, 0)]),
        );
        sums.add(
            image([("inside", 0.0, 0), ("outside", 3.6, 9), ("psnr", 30.0, 1), ("ssim", 0.7, 1)]),
            image([("inside", 0.0, 0), ("outside", 0.0, 9), ("psnr", 100.0, 1), ("ssim", 0.0, 0)]),
        );
        let scores = sums.scores();
        assert_eq!(scores.n, 2);
        for (name, translated, nothing) in [
            ("inside", 0.1, Some(0.4)),
            ("outside", 0.35, Some(0.0)),
            ("psnr", 25.0, Some(55.0)),
            ("ssim", 0.6, None),
        ] {
            let found = scores.translated.get(name).unwrap();
            assert!((found - translated).abs() < 1e-9, "{name}: {found}");
            match (scores.nothing.get(name), nothing) {
                (Some(found), Some(nothing)) => {
                    assert!((found - nothing).abs() < 1e-9, "{name}: {found}");
                }
                (found, nothing) => assert_eq!(found, nothing, "{name}"),
            }
        }
        assert_eq!(Sums::default().scores(), Scores::default());
    }
}
