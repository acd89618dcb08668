//! Images that move: frames with their delays, from a file and to one.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use image::codecs::gif::{GifDecoder, GifEncoder, Repeat};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::{EncodingError, ImageError};
use image::{
    AnimationDecoder, Delay, DynamicImage, Frame, Frames, GenericImageView, ImageDecoder,
    ImageFormat, Rgba, RgbaImage,
};

use crate::data::channels::{Channels, own_channels};
use crate::data::image::{
    MAX_HEADER_BYTES, MAX_IMAGE_BYTES, MAX_IMAGE_SIDE, image_size, limits, webp_clears,
};
use crate::data::whole::read_bytes;
use crate::error::{Error, Result};

/// The most frames that an animation is read with.
pub const MAX_FRAMES: usize = 10_000;

/// What a decoder holds beside the frames that it has given: per pixel, in bytes. Three canvases of
/// RGBA, and a frame of up to 16 bits a channel.
const DECODER_BYTES: u64 = 3 * 4 + 8;

/// Images of one size that are shown one after the other, again and again.
///
/// ```
/// use std::time::Duration;
/// use stargan::Animation;
/// use stargan::image::{Rgb, RgbImage};
///
/// # fn main() -> stargan::Result<()> {
/// let frame = |level: u8| RgbImage::from_pixel(8, 8, Rgb([level; 3])).into();
/// let frames = vec![frame(0), frame(100), frame(200)];
/// let animation = Animation::new(frames, Duration::from_millis(40))?;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("grey.png");
/// animation.there_and_back().save(&path)?; // or grey.gif
/// assert_eq!(Animation::open(&path)?.unwrap().frames().len(), 4);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Animation {
    frames: Vec<DynamicImage>,
    /// How long each is shown.
    delays: Vec<Duration>,
}

impl Animation {
    /// Frames that are each shown for `delay`.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no frame, or they are not of one size.
    pub fn new(frames: Vec<DynamicImage>, delay: Duration) -> Result<Self> {
        let delays = vec![delay; frames.len()];
        Self::timed(frames, delays)
    }

    /// Other frames in the place of these, with the same delays.
    ///
    /// # Errors
    /// [`Error::Config`] when they are not as many, or not of one size.
    pub fn with_frames(&self, frames: Vec<DynamicImage>) -> Result<Self> {
        Self::timed(frames, self.delays.clone())
    }

    fn timed(frames: Vec<DynamicImage>, delays: Vec<Duration>) -> Result<Self> {
        let (count, expected) = (frames.len(), delays.len());
        if count != expected || count == 0 {
            let expected = expected.max(1);
            let message = format!("expected {expected} frames of an animation, found {count}");
            return Err(Error::Config(message));
        }
        let size = frames[0].dimensions();
        if let Some(other) = frames.iter().find(|frame| frame.dimensions() != size) {
            let [(width, height), (other_width, other_height)] = [size, other.dimensions()];
            return Err(Error::Config(format!(
                "expected frames of one size, found {width} x {height} and {other_width} x \
                 {other_height}"
            )));
        }
        Ok(Self { frames, delays })
    }

    /// Reads an animated GIF, PNG or WebP; `None` of a file that holds one image. See
    /// [`decode`](Self::decode).
    ///
    /// # Errors
    /// As [`decode`](Self::decode) and [`read_bytes`](crate::data::read_bytes).
    pub fn open(path: impl AsRef<Path>) -> Result<Option<Self>> {
        let path = path.as_ref();
        Self::decode(&read_bytes(path)?, path)
    }

    /// The frames of an animated GIF, PNG or WebP, as whole images, with their delays.
    /// `None` where `bytes` are an image that does not move, or none at all:
    /// [`decode_image`](crate::decode_image) has the words for that. `name` is what errors call it.
    ///
    /// # Errors
    /// When the animation is damaged, is a WebP whose frames are to be cleared, has more than
    /// [`MAX_FRAMES`] frames, or takes more than [`MAX_IMAGE_BYTES`] in memory: its file, the
    /// frames at 8 bits a channel, and what the decoder holds.
    pub fn decode(bytes: &[u8], name: impl AsRef<Path>) -> Result<Option<Self>> {
        let name = name.as_ref();
        let failed = |source| Error::image(name, source);
        let Ok((width, height)) = image_size(bytes, name) else { return Ok(None) };
        let pixels = u64::from(width) * u64::from(height);
        let held = bytes.len() as u64 + DECODER_BYTES * pixels;
        let Some(decoded) = frames(bytes).filter(|_| width.max(height) <= MAX_IMAGE_SIDE) else {
            return Ok(None);
        };
        if webp_clears(bytes) {
            let message = "the frames of this animated WebP are to be cleared before the next, \
                           which its decoder does not do: save it as an animated PNG or GIF";
            return Err(Error::data(name, None, message));
        }
        let refused = |count: u64| {
            let size = format!("{width} x {height}");
            let limit = MAX_IMAGE_BYTES >> 20;
            let message = format!(
                "expected an animation of at most {MAX_FRAMES} frames and {limit} MiB in memory, \
                 found {count} frames of {size} pixels or more: cut it into shorter ones, or scale \
                 it down"
            );
            Error::data(name, None, message)
        };
        // Of a GIF only its frames tell whether it moves; it may be a larger single image.
        let moves = !matches!(image::guess_format(bytes), Ok(ImageFormat::Gif));
        // Before any memory is taken: what moves has two frames or more.
        if moves && held.saturating_add(6 * pixels) > MAX_IMAGE_BYTES {
            return Err(refused(2));
        }
        let (mut frames, mut delays, mut taken) = (Vec::new(), Vec::new(), 0_u64);
        for frame in decoded {
            let frame = match frame {
                Ok(frame) => frame,
                // Such as of 16 bits: a single image of it would be no animation.
                Err(error @ ImageError::Unsupported(_)) if moves => return Err(failed(error)),
                // Not even an image that does not move.
                Err(_) if frames.is_empty() => return Ok(None),
                Err(error) => return Err(failed(error)),
            };
            let count = frames.len() as u64 + 1;
            let frame_delay = frame.delay().into();
            let frame = own_channels(frame.into_buffer().into());
            taken += frame.as_bytes().len() as u64;
            let needed = held.saturating_add(taken);
            if count > 1 && needed > MAX_IMAGE_BYTES || frames.len() == MAX_FRAMES {
                return Err(refused(count));
            }
            delays.push(frame_delay);
            frames.push(frame);
        }
        if frames.len() < 2 {
            return Ok(None);
        }
        Self::timed(frames, delays).map(Some)
    }

    /// Its images, in order.
    pub fn frames(&self) -> &[DynamicImage] {
        &self.frames
    }

    /// How long each image is shown.
    pub fn delays(&self) -> &[Duration] {
        &self.delays
    }

    /// The same, and then backwards to the second frame, so that it has no jump.
    pub fn there_and_back(mut self) -> Self {
        for back in (1..self.frames.len().saturating_sub(1)).rev() {
            self.frames.push(self.frames[back].clone());
            self.delays.push(self.delays[back]);
        }
        self
    }

    /// Writes it in the format that the path ends in, as [`encode`](Self::encode) does, in place of
    /// an earlier file.
    ///
    /// # Errors
    /// As [`encode`](Self::encode); [`Error::Io`] when it can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let format = ImageFormat::from_path(path).map_err(|error| Error::image(path, error))?;
        fs::write(path, self.encode(format)?).map_err(|error| Error::io(path, error))
    }

    /// The bytes of an animated PNG, which has all colours and delays of whole milliseconds up to a
    /// minute, or of a GIF, which has 256 colours a frame and delays of hundredths of a second.
    /// What is less than half opaque is transparent in a GIF, and the rest as on white. It is shown
    /// for ever.
    ///
    /// # Errors
    /// [`Error::Config`] when the format is another, animated WebP too; [`Error::Image`] when the
    /// frames are larger than the format allows.
    pub fn encode(&self, format: ImageFormat) -> Result<Vec<u8>> {
        match format {
            ImageFormat::Png => self.png().map_err(|error| {
                let error = EncodingError::new(ImageFormat::Png.into(), error);
                Error::image("an animation", ImageError::Encoding(error))
            }),
            ImageFormat::Gif => self.gif().map_err(|error| Error::image("an animation", error)),
            other => Err(Error::Config(format!(
                "an animation is written as png, with all colours, or as gif, with 256; animated \
                 {} is not written",
                other.extensions_str().first().unwrap_or(&"images")
            ))),
        }
    }

    fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let (width, height) = self.frames[0].dimensions();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        let opacity = self.frames.iter().any(|frame| frame.color().has_alpha());
        encoder.set_color(if opacity { png::ColorType::Rgba } else { png::ColorType::Rgb });
        encoder.set_animated(self.frames.len() as u32, 0)?; // 0: for ever
        let mut writer = encoder.write_header()?;
        for (frame, delay) in self.frames.iter().zip(&self.delays) {
            let milliseconds = (delay.as_secs_f64() * 1e3).round().min(60_000.0);
            writer.set_frame_delay(milliseconds as u16, 1000)?;
            let pixels =
                if opacity { frame.to_rgba8().into_raw() } else { frame.to_rgb8().into_raw() };
            writer.write_image_data(&pixels)?;
        }
        writer.finish()?;
        Ok(bytes)
    }

    fn gif(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        encoder.set_repeat(Repeat::Infinite)?;
        for (frame, delay) in self.frames.iter().zip(&self.delays) {
            let hundredths = (delay.as_secs_f64() * 1e2).round().min(6_000.0) as u32;
            let delay = Delay::from_numer_denom_ms(10 * hundredths, 1);
            encoder.encode_frame(Frame::from_parts(clear_or_opaque(frame), 0, 0, delay))?;
        }
        drop(encoder);
        Ok(bytes)
    }
}

/// A frame whose pixels are transparent or opaque: GIF knows nothing between.
fn clear_or_opaque(frame: &DynamicImage) -> RgbaImage {
    let mut shown = Channels::Rgb.convert(frame.clone()).into_rgba8();
    if frame.color().has_alpha() {
        for ((.., seen), pixel) in frame.pixels().zip(shown.pixels_mut()) {
            if seen.0[3] < 128 {
                *pixel = Rgba([0; 4]);
            }
        }
    }
    shown
}

/// The frames of an image file that may have several; a decoder takes no more memory than an image
/// may.
fn frames(bytes: &[u8]) -> Option<Frames<'_>> {
    let cursor = Cursor::new(bytes);
    let limits_of_frames = limits(MAX_IMAGE_BYTES.saturating_sub(bytes.len() as u64));
    match image::guess_format(bytes).ok()? {
        ImageFormat::Png => {
            let mut decoder = PngDecoder::with_limits(cursor, limits(MAX_HEADER_BYTES)).ok()?;
            decoder.set_limits(limits_of_frames).ok()?;
            let moves = decoder.is_apng().ok()?;
            moves.then(|| decoder.apng().ok().map(AnimationDecoder::into_frames))?
        }
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(cursor).ok()?;
            decoder.set_limits(limits_of_frames).ok()?;
            Some(decoder.into_frames())
        }
        ImageFormat::WebP => {
            let decoder = WebPDecoder::new(cursor).ok()?;
            decoder.has_animation().then(|| decoder.into_frames())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
