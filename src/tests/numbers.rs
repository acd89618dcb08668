//! Numbers that a script in Python makes too, in place of weights that are too many to commit.

use burn::tensor::TensorData;

/// Uniform in `[-1, 1)`, from a counter: SplitMix64, as the fixture's README says.
#[derive(Default)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub fn draw(&mut self) -> f32 {
        self.0 += 1;
        let z = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn tensor(&mut self, shape: &[usize], value: impl Fn(f32) -> f32) -> TensorData {
        let count = shape.iter().product();
        TensorData::new((0..count).map(|_| value(self.draw())).collect(), shape.to_vec())
    }
}
