//! Images of a dataset as a model takes them.

use image::DynamicImage;

use crate::data::transform::Transform;
use crate::data::unreadable::Readable;
use crate::error::Result;

/// Images that can be read, and as the model takes them.
pub(super) struct Loaded {
    pub images: Vec<usize>,
    pub pixels: Vec<DynamicImage>,
}

/// Those of `images` that can be read.
pub(super) fn load(
    readable: &mut Readable<'_>,
    images: &[usize],
    transform: Transform,
) -> Result<Loaded> {
    let mut loaded = Loaded { images: Vec::new(), pixels: Vec::new() };
    for &image in images {
        if let Some(pixels) = readable.load_cropped(image, transform.size)? {
            loaded.images.push(image);
            loaded.pixels.push(transform.resize(&pixels));
        }
    }
    Ok(loaded)
}
