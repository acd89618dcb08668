//! Which images the page takes: of what formats, and of how many pixels.

use image::{DynamicImage, ImageError, ImageFormat};
use stargan::data::{MAX_IMAGE_SIDE, image_size};
use stargan::{Error, decode_image};

use super::answer::Refusal;

/// The largest image that is decoded, in pixels.
pub const MAX_PIXELS: u64 = 40_000_000;

/// The media types of the files that are read: those of all decoders that are compiled in.
pub fn media_types() -> Vec<&'static str> {
    let formats = ImageFormat::all().filter(ImageFormat::reading_enabled);
    formats.map(|format| format.to_mime_type()).collect()
}

/// The image in `bytes`, whose size is read from its header before anything is decoded. Where it
/// can't be used, it is called `name`.
///
/// # Errors
/// 400 when there is none, or it is damaged; 413 when it has more than [`MAX_PIXELS`].
pub fn decode(bytes: &[u8], name: &str) -> Result<DynamicImage, Refusal> {
    let dimensions = image_size(bytes, name).ok();
    // Of a file without dimensions, the decoder below says what is wrong.
    if let Some((width, height)) = dimensions
        && (u64::from(width) * u64::from(height) > MAX_PIXELS || width.max(height) > MAX_IMAGE_SIDE)
    {
        return Err(Refusal::too_large(format!(
            "{name} has {width} x {height} pixels: scale it down to {} megapixels, and to \
             {MAX_IMAGE_SIDE} pixels a side",
            MAX_PIXELS / 1_000_000
        )));
    }
    decode_image(bytes, name).map_err(|error| match error {
        Error::Image { source: ImageError::Limits(_), .. } => Refusal::too_large(format!(
            "{name} is too large to decode: scale it down to {} megapixels",
            MAX_PIXELS / 1_000_000
        )),
        Error::Image { source: ImageError::Unsupported(unsupported), .. } => Refusal::bad(format!(
            "this kind of image is not read: save it as PNG or JPEG ({unsupported})"
        )),
        Error::Image { source, .. } => Refusal::bad(format!(
            "{name} is damaged or cut off: save it again from an image program ({source})"
        )),
        error => Refusal::bad(error.to_string()),
    })
}
