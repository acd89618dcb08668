//! Random streams that are pure functions of what they are for.
//!
//! Every random number of a run comes from a stream named by the run's seed, a purpose and two
//! counters, so that a run resumed at iteration `i` draws what the uninterrupted run drew there, on
//! every backend and for any number of threads, with no generator state to save.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream is for.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Purpose {
    /// The generator's first weights.
    Generator = 1,
    /// The discriminator's first weights.
    Discriminator = 2,
    /// Target labels and mixing factors of one dataset at one iteration.
    Step = 3,
    /// The order of the images of one dataset in one epoch.
    Order = 4,
    /// The flips of one dataset in one epoch.
    Flip = 5,
    /// A judge's first weights.
    Judge = 6,
    /// Which earlier translations a discriminator is shown at one iteration.
    Pool = 7,
    /// Which images of one dataset a balanced epoch has, and their order.
    Balance = 8,
    /// The changes of the images of one dataset in one epoch.
    Augment = 9,
    /// Whether one of many feature vectors is kept.
    FeatureSample = 10,
    /// Which feature vectors an estimate is of.
    FeatureSubset = 11,
    /// Which images of a domain are held back.
    Split = 12,
    /// The mapping network's first weights.
    Mapping = 13,
    /// The style encoder's first weights.
    Encoder = 14,
    /// Which images of one dataset an iteration takes styles from.
    Reference = 15,
    /// The noise that styles are made of.
    Latent = 16,
}

/// The stream of `purpose` in the run seeded with `seed`, for the counters `a` and `b`.
pub(crate) fn stream(seed: u64, purpose: Purpose, a: u64, b: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, a, b]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A number from the standard normal distribution, by Box and Muller (1958).
pub(crate) fn normal(rng: &mut impl Rng) -> f64 {
    let (radius, angle): (f64, f64) = (rng.random(), rng.random());
    // From (0, 1], which has a logarithm.
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// A number below `limit`, all of them alike.
// Written out because rand may change its own between versions, and a resumed run its course with
// it. The bias is below limit / 2^64.
pub(crate) fn below(limit: usize, mut random: impl RngCore) -> usize {
    ((u128::from(random.next_u64()) * limit as u128) >> 64) as usize
}

/// Fisher and Yates's shuffle of `0..length`.
pub(crate) fn permutation(length: usize, mut random: impl RngCore) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    for last in (1..length).rev() {
        order.swap(last, below(last + 1, &mut random));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned_and_distinct() {
        let draw = |seed, purpose, a, b| stream(seed, purpose, a, b).random::<u64>();
        let first = draw(0, Purpose::Step, 0, 1);
        assert_eq!(first, draw(0, Purpose::Step, 0, 1));
        for other in [
            draw(1, Purpose::Step, 0, 1),
            draw(0, Purpose::Order, 0, 1),
            draw(0, Purpose::Step, 1, 1),
            draw(0, Purpose::Step, 0, 2),
        ] {
            assert_ne!(first, other);
        }
    }
}
