//! The shapes of a convolution of any window, which is computed and not learnt.

/// The shapes of one such convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windowed {
    /// `N`, how many there are.
    pub images: usize,
    /// `C`, the channels of the input.
    pub inputs: usize,
    /// `O`, those of the output.
    pub outputs: usize,
    /// Height and width of the input.
    pub sides: [usize; 2],
    /// `[h, w]` of the kernel.
    pub kernel: [usize; 2],
    /// In both directions.
    pub stride: usize,
    /// Rows above and below, and columns on both sides, of zeros.
    pub padding: [usize; 2],
}

impl Windowed {
    /// The convolution of `[N, C, H, W]` by `[O, C, h, w]`; none where they don't fit or the kernel
    /// is larger than the padded input.
    pub fn new(
        [images, inputs, height, width]: [usize; 4],
        [outputs, channels, rows, columns]: [usize; 4],
        stride: usize,
        padding: [usize; 2],
    ) -> Option<Self> {
        let (sides, kernel) = ([height, width], [rows, columns]);
        let holds = |axis: usize| (1..=sides[axis] + 2 * padding[axis]).contains(&kernel[axis]);
        let fits = channels == inputs && images > 0 && stride > 0 && holds(0) && holds(1);
        fits.then_some(Self { images, inputs, outputs, sides, kernel, stride, padding })
    }

    /// Height and width of the output.
    pub fn small(&self) -> [usize; 2] {
        let Self { sides, kernel, stride, padding, .. } = self;
        [0, 1].map(|axis| (sides[axis] + 2 * padding[axis] - kernel[axis]) / stride + 1)
    }

    /// `[N, O, h, w]`.
    pub fn small_shape(&self) -> [usize; 4] {
        let [height, width] = self.small();
        [self.images, self.outputs, height, width]
    }
}
