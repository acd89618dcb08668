//! The shapes of a convolution, and which pixels its taps read.

/// The shapes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// `N`, how many there are.
    pub images: usize,
    /// `A`, the channels of the small tensor.
    pub small_channels: usize,
    /// `B`, the channels of the large tensor.
    pub large_channels: usize,
    /// `[h, w]` of the small tensor.
    pub small: [usize; 2],
    /// `k`, the sides of the kernel.
    pub kernel: usize,
    /// By how much the small tensor is smaller.
    pub stride: usize,
    /// Zeros on every side of the large tensor.
    pub padding: usize,
}

impl Geometry {
    /// The geometry of a convolution of `[N, B, H, W]` by `[A, B, k, k]`, where this module has it.
    pub fn of_convolution(
        [images, channels, height, width]: [usize; 4],
        [small_channels, large_channels, kernel, kernel_width]: [usize; 4],
        stride: usize,
        padding: usize,
    ) -> Option<Self> {
        let fits = channels == large_channels
            && height.is_multiple_of(stride)
            && width.is_multiple_of(stride);
        let small = [height / stride, width / stride];
        Self { images, small_channels, large_channels, small, kernel, stride, padding }
            .supported(fits && kernel == kernel_width)
    }

    /// The geometry of a transposed convolution of `[N, A, h, w]` by `[A, B, k, k]`, where this
    /// module has it.
    pub fn of_transposed(
        [images, channels, height, width]: [usize; 4],
        [small_channels, large_channels, kernel, kernel_width]: [usize; 4],
        stride: usize,
        padding: usize,
    ) -> Option<Self> {
        let fits = channels == small_channels && kernel == kernel_width;
        let small = [height, width];
        Self { images, small_channels, large_channels, small, kernel, stride, padding }
            .supported(fits)
    }

    /// This module has the convolutions whose output is exactly `1 / stride` of the input.
    fn supported(self, fits: bool) -> Option<Self> {
        let exact = 2 * self.padding + self.stride == self.kernel;
        let exists = self.images * self.small[0] * self.small[1] > 0;
        (fits && exact && exists).then_some(self)
    }

    /// `[N, A, h, w]`.
    pub fn small_shape(&self) -> [usize; 4] {
        [self.images, self.small_channels, self.small[0], self.small[1]]
    }

    /// `[N, B, H, W]`.
    pub fn large_shape(&self) -> [usize; 4] {
        let [height, width] = self.small.map(|side| side * self.stride);
        [self.images, self.large_channels, height, width]
    }

    /// `[A, B, k, k]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.small_channels, self.large_channels, self.kernel, self.kernel]
    }

    /// One coordinate of the tap `k`: which phase of the large tensor it reads, and how far away.
    pub fn tap(&self, k: usize) -> (usize, isize) {
        let offset = k as isize - self.padding as isize;
        let stride = self.stride as isize;
        (offset.rem_euclid(stride) as usize, offset.div_euclid(stride))
    }

    /// The farthest any tap reaches.
    pub fn halo(&self) -> usize {
        (0..self.kernel).map(|k| self.tap(k).1.unsigned_abs()).max().unwrap_or(0)
    }
}
