//! The learning-rate schedule: constant for the first half of a run, then linear to 0.

/// The learning rate of `iteration` (counted from 1) of `iterations`:
/// `base * min(1, (T - i + 1) / (T / 2))` (paper Section 4.2).
pub(crate) fn learning_rate(base: f64, iteration: u64, iterations: u64) -> f64 {
    let left = (iterations + 1).saturating_sub(iteration) as f64;
    base * (left / (iterations as f64 / 2.0)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::learning_rate;

    #[test]
    fn is_constant_then_linear_to_zero() {
        for (iteration, expected) in [
            (1, 1.0),
            (50, 1.0),
            (51, 1.0),
            (52, 0.98),
            (76, 0.5),
            (100, 0.02),
            (101, 0.0),
            (200, 0.0),
        ] {
            let rate = learning_rate(1e-4, iteration, 100);
            assert!((rate - expected * 1e-4).abs() < 1e-12, "{iteration}: {rate}");
        }
    }
}
