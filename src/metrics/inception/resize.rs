//! Images at the network's size.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// `images` `[N, C, H, W]` at `side` x `side` pixels, by PyTorch's `interpolate(mode="bilinear",
/// align_corners=False)`: between the nearest two pixels each way, also where an image becomes
/// smaller, so that some of its pixels don't count.
pub(super) fn resize<B: Backend>(images: Tensor<B, 4>, side: usize) -> Tensor<B, 4> {
    // The last side first, then the other as the last: it is a product of matrices each time.
    along_last(along_last(images, side).swap_dims(2, 3), side).swap_dims(2, 3)
}

fn along_last<B: Backend>(images: Tensor<B, 4>, to: usize) -> Tensor<B, 4> {
    let [n, channels, height, width] = images.dims();
    if width == to {
        return images;
    }
    let mut weights = vec![0.0; width * to];
    for column in 0..to {
        // In float32, as PyTorch has it.
        let scale = width as f32 / to as f32;
        let at = (scale * (column as f32 + 0.5) - 0.5).max(0.0);
        let first = (at as usize).min(width - 1);
        let second = at - first as f32;
        weights[first * to + column] += 1.0 - second;
        weights[(first + 1).min(width - 1) * to + column] += second;
    }
    let weights = TensorData::new::<f32, _>(weights, [width, to]);
    let weights = Tensor::<B, 2>::from_data(weights, &images.device());
    let rows = images.reshape([n * channels * height, width]);
    rows.matmul(weights).reshape([n, channels, height, to])
}
