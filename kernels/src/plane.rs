//! How images are laid out for a product: as zero-bordered planes in one row of memory.

use crate::geometry::Geometry;
use crate::product::COLUMNS;

/// How the images of a group lie in a row of memory: rows of `small[1]` pixels and `halo` zeros,
/// then `halo` rows of zeros after every image. A tap that leaves a row on the right reads the
/// zeros before the next one's first pixel, so that one border serves two sides.
#[derive(Clone, Copy)]
pub(crate) struct Plane {
    small: [usize; 2],
    /// The distance of two rows.
    pitch: usize,
    /// The distance of two images.
    image: usize,
    /// Where the first pixel is.
    pub lead: usize,
    /// Columns of a product, from the first pixel on: whole blocks.
    pub columns: usize,
    /// The length of one channel.
    pub length: usize,
}

impl Plane {
    pub fn new(geometry: &Geometry, images: usize) -> Self {
        let halo = geometry.halo();
        let small = geometry.small;
        let pitch = small[1] + halo;
        let image = (small[0] + halo) * pitch;
        let lead = halo * pitch + halo;
        let columns = (images * image).next_multiple_of(COLUMNS);
        Self { small, pitch, image, lead, columns, length: lead + columns + lead }
    }

    /// Where a tap `dy` rows down and `dx` pixels to the right begins, relative to its channel.
    pub fn base(&self, dy: isize, dx: isize) -> usize {
        (self.lead as isize + dy * self.pitch as isize + dx) as usize
    }

    /// Copies the pixels of one phase of one image's channel (`source`, `stride` times as large) to
    /// their places in `channel`, which is zero elsewhere.
    pub fn spread(
        &self,
        image: usize,
        source: &[f32],
        stride: usize,
        phase: (usize, usize),
        channel: &mut [f32],
    ) {
        let [height, width] = self.small;
        for y in 0..height {
            let to = self.lead + image * self.image + y * self.pitch;
            let to = &mut channel[to..to + width];
            let from = &source[(y * stride + phase.0) * width * stride..][..width * stride];
            match stride {
                1 => to.copy_from_slice(from),
                2 => {
                    for (to, pair) in to.iter_mut().zip(from.as_chunks::<2>().0) {
                        *to = pair[phase.1];
                    }
                }
                _ => {
                    for (to, from) in to.iter_mut().zip(from.chunks_exact(stride)) {
                        *to = from[phase.1];
                    }
                }
            }
        }
    }

    /// Row `y` of an image among the `columns` values of a product.
    pub fn row<'a>(&self, image: usize, y: usize, columns: &'a [f32]) -> &'a [f32] {
        &columns[image * self.image + y * self.pitch..][..self.small[1]]
    }
}
