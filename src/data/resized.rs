//! An image in another size, as Pillow's bilinear filter makes it: of all pixels that one covers.

use fast_image_resize::images::{Image, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, GenericImageView};

use crate::data::channels::Channels;
use crate::data::size::ImageSize;

/// `image`, which has these channels, in another size; neither is empty.
pub(super) fn resized(image: DynamicImage, channels: Channels, size: ImageSize) -> DynamicImage {
    let ((width, height), (across, down)) = (image.dimensions(), size.dimensions());
    if (width, height) == (across, down) {
        return image;
    }
    // By type, since all that the crate resizes would be compiled otherwise.
    let resized = match channels {
        Channels::Grey => resized_as::<U8>(&image, size),
        Channels::Rgb => resized_as::<U8x3>(&image, size),
        Channels::Rgba => resized_as::<U8x4>(&image, size),
    };
    channels.image(across, down, resized).expect("a byte per channel of every pixel")
}

/// The bytes of an image of such pixels, resized; colours by their opacity, where there is one.
fn resized_as<P: PixelTrait>(image: &DynamicImage, size: ImageSize) -> Vec<u8> {
    let (across, down) = size.dimensions();
    let source = TypedImageRef::<P>::from_buffer(image.width(), image.height(), image.as_bytes())
        .expect("a byte per channel of every pixel");
    let mut resized = Image::new(across, down, P::pixel_type());
    let mut pixels = resized.typed_image_mut().expect("made of such pixels");
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize_typed(&source, &mut pixels, &options).expect("no part is cropped");
    drop(pixels);
    resized.into_vec()
}
