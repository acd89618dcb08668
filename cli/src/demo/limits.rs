//! What the page takes: how many bytes, how many pixels, and which files.

use std::io::{Cursor, Read};

use image::{ImageError, ImageReader, RgbImage};
use oxhttp::model::{Body, Request};
use stargan::data::MAX_IMAGE_SIDE;
use stargan::{Error, decode_image};

use super::answer::Refusal;

/// The largest file that is accepted, in bytes.
pub const MAX_BYTES: u64 = 10_000_000;

/// The largest image that is decoded, in pixels.
pub const MAX_PIXELS: u64 = 40_000_000;

/// How much of a file that is too large is read on, so that its sender gets to see the answer.
const MAX_DRAINED: u64 = 8 * MAX_BYTES;

/// The request's body, of at most [`MAX_BYTES`]; what is left unread of a larger one is given up,
/// with the connection.
///
/// # Errors
/// 400 when the body breaks off, 413 when it is too large.
pub fn read_body(request: &mut Request<Body>) -> Result<Vec<u8>, Refusal> {
    let body = request.body_mut();
    let mut bytes = Vec::new();
    let announced = body.len().unwrap_or(0);
    if announced <= MAX_BYTES {
        body.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| {
            Refusal::bad(format!("the file did not arrive whole ({error}): send it again"))
        })?;
        if bytes.len() as u64 <= MAX_BYTES {
            return Ok(bytes);
        }
    }
    std::io::copy(&mut body.take(MAX_DRAINED), &mut std::io::sink()).ok();
    // The server reads a body to its end and then goes on: neither is wanted of what may never end.
    *body = Body::empty();
    request.headers_mut().insert("connection", "close".parse().expect("a header value"));
    Err(Refusal::too_large(format!(
        "the file is larger than {} MB: choose a smaller one, or save it smaller",
        MAX_BYTES / 1_000_000
    )))
}

/// The image in `bytes`, whose size is read from its header before anything is decoded.
///
/// # Errors
/// 400 when there is none, or it is damaged; 413 when it has more than [`MAX_PIXELS`].
pub fn decode(bytes: &[u8]) -> Result<RgbImage, Refusal> {
    let dimensions = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .ok()
        .and_then(|reader| reader.into_dimensions().ok());
    // Of a file without dimensions, the decoder below says what is wrong.
    if let Some((width, height)) = dimensions
        && (u64::from(width) * u64::from(height) > MAX_PIXELS || width.max(height) > MAX_IMAGE_SIDE)
    {
        return Err(Refusal::too_large(format!(
            "the image has {width} x {height} pixels: scale it down to {} megapixels, and to \
             {MAX_IMAGE_SIDE} pixels a side",
            MAX_PIXELS / 1_000_000
        )));
    }
    decode_image(bytes, "this file").map_err(|error| match error {
        Error::Image { source: ImageError::Limits(_), .. } => Refusal::too_large(format!(
            "the image is too large to decode: scale it down to {} megapixels",
            MAX_PIXELS / 1_000_000
        )),
        Error::Image { source, .. } => Refusal::bad(format!(
            "this file is damaged or cut off: save it again from an image program ({source})"
        )),
        error => Refusal::bad(error.to_string()),
    })
}
