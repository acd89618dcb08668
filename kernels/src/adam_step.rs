//! The constants of one update by Adam.

/// The constants of an update.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Decay of either running mean: `beta1` and `beta2`.
    pub decays: [f64; 2],
    /// `sqrt(1 - beta2^t)`.
    pub root: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// The learning rate divided by `1 - beta1^t`.
    pub rate: f64,
}

impl AdamStep {
    /// Update number `t`, counted from 1.
    pub fn new(decays: [f64; 2], epsilon: f64, t: u64, learning_rate: f64) -> Self {
        let [first, second] = decays.map(|decay| 1.0 - decay.powf(t as f64));
        Self { decays, root: second.sqrt(), epsilon, rate: learning_rate / first }
    }
}
