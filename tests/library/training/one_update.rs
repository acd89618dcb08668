//! What one iteration computes, compared between ways of computing it.

use std::path::Path;

use stargan::{LabelSpaces, StarGan, TrainingConfig};

use crate::training::setup::{Content, tiny};

/// Of a gradient's largest value. The mean over a part of a batch and the mean of these round
/// otherwise than the mean over the whole: float32 rounding of sums over some thousand
/// pixels.
const GRADIENT_TOLERANCE: f64 = 1e-4;

/// Of a loss term, which is logged with as many digits.
const LOSS_TOLERANCE: f64 = 1e-4;

/// The moments of Adam after one iteration, which are the gradients and their squares but for
/// constant factors, and the loss terms.
pub fn one_iteration(run: &Path) -> (Content, Vec<f64>) {
    let mut content = Content::of(&run.join("checkpoints/00000001.safetensors"));
    content.tensors.retain(|name, _| name.starts_with("adam."));
    let log = std::fs::read_to_string(run.join("log.csv")).unwrap();
    let values = log.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap());
    (content, values.collect())
}

pub fn compare(run: &Path, expected: &(Content, Vec<f64>), name: &str) {
    let (found, losses) = one_iteration(run);
    let mut worst = (0.0_f64, "");
    assert_eq!(found.tensors.len(), expected.0.tensors.len());
    for (name, (_, whole)) in &expected.0.tensors {
        let (whole, found) = (floats(whole), floats(&found.tensors[name].1));
        let largest = whole.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let error = whole.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // A gradient that is zero but for rounding, as of what an instance norm takes away again.
        if largest > 1e-12 {
            worst = if error / largest > worst.0 { (error / largest, name) } else { worst };
        }
    }
    println!("{name}: gradients {:.1e} of the largest ({})", worst.0, worst.1);
    assert!(worst.0 <= GRADIENT_TOLERANCE, "{name}: {worst:?}");
    assert_eq!(losses.len(), expected.1.len());
    for (found, expected) in losses.iter().zip(&expected.1) {
        assert!((found - expected).abs() <= LOSS_TOLERANCE * expected.abs().max(0.01));
    }
}

/// A rate so small that G's gradients are taken at the same D whichever way its own rounded, and
/// every term there is.
pub fn still(spaces: LabelSpaces) -> TrainingConfig<StarGan> {
    tiny(spaces)
        .with_recipe(|recipe| recipe.with_critic_steps(1))
        .with_run(|run| run.with_learning_rate(1e-9).with_iterations(1))
}

/// Float32 values from a checkpoint's bytes.
pub fn floats(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect()
}
