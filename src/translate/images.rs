//! Images on the way to the device and back.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use image::{DynamicImage, GenericImage, GenericImageView};

use crate::data::channels::Channels;
use crate::data::image::no_pixels;
use crate::data::network::{to_image, to_network};
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::error::Result;

/// Images that go through a network at once.
pub(crate) const CHUNK: usize = 16;

/// An image as a model with this transform sees it.
///
/// # Errors
/// When it has no pixels.
pub(crate) fn prepare(image: &DynamicImage, transform: Transform) -> Result<DynamicImage> {
    check_pixels(image)?;
    Ok(transform.crop_and_resize(image))
}

/// Refuses an image without pixels.
pub(crate) fn check_pixels(image: &DynamicImage) -> Result<()> {
    match image.dimensions() {
        (width, height) if width.min(height) == 0 => Err(no_pixels("image", width, height)),
        _ => Ok(()),
    }
}

/// An image continued to `size`, to the right and down, by its last column and row.
pub(crate) fn padded(image: &DynamicImage, size: ImageSize) -> DynamicImage {
    let ((width, height), (right, bottom)) = (size.dimensions(), image.dimensions());
    if (width, height) == (right, bottom) {
        return image.clone();
    }
    let mut whole = DynamicImage::new(width, height, image.color());
    for y in 0..height {
        for x in 0..width {
            whole.put_pixel(x, y, image.get_pixel(x.min(right - 1), y.min(bottom - 1)));
        }
    }
    whole
}

/// Images of one size and kind as the networks take them: `[N, C, H, W]` in `[-1, 1]`.
pub(crate) fn upload<B: Backend>(images: &[DynamicImage], device: &B::Device) -> Tensor<B, 4> {
    let channels = usize::from(images[0].color().channel_count());
    let [height, width] = [images[0].height(), images[0].width()].map(|side| side as usize);
    let values: Vec<f32> = images.iter().flat_map(to_network).collect();
    Tensor::from_data(TensorData::new(values, [images.len(), channels, height, width]), device)
}

/// The inverse of [`upload`]: images `[N, C, H, W]`, rounded to 8 bits.
///
/// # Panics
/// When there are no [`Channels`] of the images' number.
pub(crate) fn download<B: Backend>(images: Tensor<B, 4>) -> Vec<DynamicImage> {
    let [_, count, height, width] = images.dims();
    let channels = Channels::of_count(count).expect("a model of grey, RGB or RGBA images");
    let values = host(images.into_data());
    let image = |values: &[f32]| to_image(values, channels, width as u32, height as u32);
    values.chunks_exact(count * height * width).map(image).collect()
}

/// Float tensor data as `f32`, whatever the backend's precision.
pub(crate) fn host(data: TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}
