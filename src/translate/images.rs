//! Images on the way to the device and back.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use image::RgbImage;

use crate::data::transform::{to_network, to_rgb_image};

/// Images that go through a network at once.
pub(crate) const CHUNK: usize = 16;

/// Square images of one size as the networks take them: `[N, 3, S, S]` in `[-1, 1]`.
pub(crate) fn upload<B: Backend>(images: &[RgbImage], device: &B::Device) -> Tensor<B, 4> {
    let size = images[0].width() as usize;
    let values: Vec<f32> = images.iter().flat_map(to_network).collect();
    Tensor::from_data(TensorData::new(values, [images.len(), 3, size, size]), device)
}

/// The inverse of [`upload`]: images `[N, 3, S, S]`, rounded to 8 bits.
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
