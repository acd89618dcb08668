//! What is done to the result of a convolution on the way to memory.

/// What is added to a convolution's result before it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// One value per channel.
    pub bias: Option<&'a [f32]>,
    /// LeakyReLU's slope below 0.
    pub negative_slope: Option<f32>,
}

impl Epilogue<'_> {
    /// Whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.bias.is_none() && self.negative_slope.is_none()
    }

    /// Puts a channel's values where they belong.
    pub fn store(&self, channel: usize, from: &[f32], to: &mut [f32]) {
        match (self.bias, self.negative_slope) {
            (None, None) => to.copy_from_slice(from),
            (bias, slope) => {
                let bias = bias.map_or(0.0, |bias| bias[channel]);
                let slope = slope.unwrap_or(1.0);
                for (to, from) in to.iter_mut().zip(from) {
                    let value = from + bias;
                    *to = if value > 0.0 { value } else { value * slope };
                }
            }
        }
    }
}
