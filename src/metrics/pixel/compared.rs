//! An image beside the truth, and which pixels a change has changed.

/// Pixels of source and target that differ by more than this, in any channel and of the range
/// `[0, 1]`, are what the change changes. Between 7 and 8 levels of 255.
const CHANGED: f32 = 0.03;

/// An image beside the truth. Images are `[C, H, W]`, flat, in `[0, 1]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compared<'a> {
    pub image: &'a [f32],
    pub truth: &'a [f32],
    /// Height and width.
    pub size: [usize; 2],
    /// Whether the change changes it, per pixel.
    pub changed: &'a [bool],
}

impl Compared<'_> {
    /// The absolute differences of image and truth, of all channels of the pixels for whose
    /// `changed` `counts`.
    pub fn distances(&self, counts: impl Fn(bool) -> bool) -> impl Iterator<Item = f64> {
        let values = self.image.iter().zip(self.truth).enumerate();
        let counted = values.filter(move |(at, _)| counts(self.changed[at % self.changed.len()]));
        counted.map(|(_, (value, truth))| f64::from((value - truth).abs()))
    }
}

/// Per pixel of `[C, H, W]` images of height and width `size`, whether the change from `source` to
/// `target` changes it.
pub(crate) fn changed(source: &[f32], target: &[f32], size: [usize; 2]) -> Vec<bool> {
    let mut changed = vec![false; size[0] * size[1]];
    let pixels = changed.len();
    for (at, (source, target)) in source.iter().zip(target).enumerate() {
        changed[at % pixels] |= (source - target).abs() > CHANGED;
    }
    changed
}
