//! Images on the way to the device and back.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use image::{DynamicImage, RgbImage};

use crate::data::image::{no_pixels, to_opaque};
use crate::data::size::ImageSize;
use crate::data::transform::{Transform, to_network, to_rgb_image};
use crate::error::Result;

/// Images that go through a network at once.
pub(crate) const CHUNK: usize = 16;

/// An image as a model with this transform sees it; a transparent one is composited on white, as
/// [`decode_image`](crate::decode_image) does.
///
/// # Errors
/// When it has no pixels.
pub(crate) fn prepare(image: &DynamicImage, transform: Transform) -> Result<RgbImage> {
    let opaque = to_opaque(image);
    check_pixels(&opaque)?;
    Ok(transform.crop_and_resize(&opaque))
}

/// Refuses an image without pixels.
pub(crate) fn check_pixels(image: &RgbImage) -> Result<()> {
    match image.dimensions() {
        (width, height) if width.min(height) == 0 => Err(no_pixels("image", width, height)),
        _ => Ok(()),
    }
}

/// An image continued to `size`, to the right and down, by its last column and row.
pub(crate) fn padded(image: &RgbImage, size: ImageSize) -> RgbImage {
    let ((width, height), (right, bottom)) = (size.dimensions(), image.dimensions());
    let pixel = |x: u32, y: u32| *image.get_pixel(x.min(right - 1), y.min(bottom - 1));
    RgbImage::from_fn(width, height, pixel)
}

/// Images of one size as the networks take them: `[N, 3, H, W]` in `[-1, 1]`.
pub(crate) fn upload<B: Backend>(images: &[RgbImage], device: &B::Device) -> Tensor<B, 4> {
    let [height, width] = [images[0].height(), images[0].width()].map(|side| side as usize);
    let values: Vec<f32> = images.iter().flat_map(to_network).collect();
    Tensor::from_data(TensorData::new(values, [images.len(), 3, height, width]), device)
}

/// The inverse of [`upload`]: images `[N, 3, H, W]`, rounded to 8 bits.
pub(crate) fn download<B: Backend>(images: Tensor<B, 4>) -> Vec<RgbImage> {
    let [_, channels, height, width] = images.dims();
    let values = host(images.into_data());
    let image = |values: &[f32]| to_rgb_image(values, width as u32, height as u32);
    values.chunks_exact(channels * height * width).map(image).collect()
}

/// Float tensor data as `f32`, whatever the backend's precision.
pub(crate) fn host(data: TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}
