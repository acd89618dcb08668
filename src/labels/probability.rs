//! How sure the discriminator is of every label.

use crate::labels::space::LabelSpace;

/// How probable one label is, of an image or of any other logits.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LabelProbability {
    /// The attribute or class.
    pub name: String,
    /// In `[0, 1]`.
    pub probability: f64,
}

impl LabelSpace {
    /// The probability of every label, in label order, that the discriminator's domain `logits`
    /// give it: a sigmoid of a free attribute, a softmax over an exclusive group or the classes,
    /// whose probabilities sum to 1. [`predict`](Self::predict) sets what is above one half, or the
    /// most probable of a group.
    ///
    /// # Panics
    /// When there are not [`width`](Self::width) logits.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<LabelProbability> {
        assert_eq!(logits.len(), self.width(), "the logits have another width");
        let logit = |index: usize| f64::from(logits[index]);
        let of = |(index, name): (usize, &String)| {
            let rivals = self.rivals(index);
            // 1 / (1 + sum of exp(other - own)): a free attribute's only rival is a logit of 0, and
            // an infinite exponential gives the limit, 0.
            let others: f64 = match &rivals[..] {
                [] => (-logit(index)).exp(),
                rivals => rivals.iter().map(|rival| (logit(*rival) - logit(index)).exp()).sum(),
            };
            LabelProbability { name: name.clone(), probability: 1.0 / (1.0 + others) }
        };
        self.names().iter().enumerate().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of sums of a few `f64`.
    const TOLERANCE: f64 = 1e-12;

    fn probabilities(space: &LabelSpace, logits: &[f32]) -> Vec<f64> {
        space.probabilities(logits).iter().map(|label| label.probability).collect()
    }

    #[test]
    fn groups_sum_to_one_and_free_attributes_are_sigmoids() {
        let hair = ["Black", "Blond", "Brown"];
        let faces = LabelSpace::attributes(hair).with("Male").exclusive(hair).unwrap();
        let found = faces.probabilities(&[1.0, 2.0, -0.5, 0.0]);
        let names: Vec<_> = found.iter().map(|label| &label.name[..]).collect();
        assert_eq!(names, ["Black", "Blond", "Brown", "Male"]);
        let sum: f64 = found[..3].iter().map(|label| label.probability).sum();
        assert!((sum - 1.0).abs() < TOLERANCE, "{found:?}");
        assert!((found[1].probability / found[0].probability - 1f64.exp()).abs() < TOLERANCE);
        assert_eq!(found[3].probability, 0.5);
        let sure = probabilities(&faces, &[1e4, -1e4, f32::MAX, f32::MIN]);
        assert_eq!(sure, [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn classes_are_a_softmax_and_agree_with_the_prediction() {
        let moods = LabelSpace::classes(["angry", "happy", "sad"]);
        for logits in [[0.5_f32, 1.5, -2.0], [3.0, 3.1, 3.2], [-7.0, -9.0, -8.0]] {
            let found = probabilities(&moods, &logits);
            assert!((found.iter().sum::<f64>() - 1.0).abs() < TOLERANCE, "{found:?}");
            let most = found.iter().copied().fold(0.0, f64::max);
            let predicted = moods.predict(&logits);
            for (probability, set) in found.into_iter().zip(predicted) {
                assert_eq!(probability == most, set == 1.0);
            }
        }
    }
}
