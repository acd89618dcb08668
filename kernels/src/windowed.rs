//! Convolutions of any window, forwards only: kernels that are no squares, borders that are left
//! out, strides that leave a rest. Networks that only look at images have them.
//!
//! They are laid out as those of [`conv`](crate::conv) are, in planes of which every tap is one
//! contiguous row; where the stride is 1, the zeros on one side of a row or an image are those on
//! the other side of the next.

use crate::conv::Forward;
use crate::epilogue::Epilogue;
use crate::groups::{each_group, group_of};
use crate::product::{COLUMNS, multiply};
use crate::window::Windowed;

/// How the images of a group lie in one plane of a channel, of which there is one for every pixel
/// of a square of the stride's side.
#[derive(Clone, Copy)]
struct Layout {
    /// The distance of two rows.
    pitch: usize,
    /// The distance of two images.
    image: usize,
    /// Columns of a product: whole blocks.
    columns: usize,
    length: usize,
}

impl Layout {
    fn new(of: &Windowed, images: usize) -> Self {
        let &Windowed { sides, kernel, stride, padding, .. } = of;
        let [rows, pitch] = [0, 1].map(|axis| match stride {
            1 => sides[axis] + padding[axis],
            _ => (sides[axis] + 2 * padding[axis]).div_ceil(stride),
        });
        let [height, width] = of.small();
        let image = rows * pitch;
        let columns = (images - 1) * image + (height - 1) * pitch + width;
        let columns = columns.next_multiple_of(COLUMNS);
        let reach = (kernel[0] - 1) / stride * pitch + (kernel[1] - 1) / stride;
        // A kernel may end before the last pixels, which have a place all the same.
        let border = padding[0] * pitch + padding[1];
        let length = (columns + reach).max(images * image + border);
        Self { pitch, image, columns, length }
    }

    /// Where every tap begins among the planes of all channels, one after the other.
    fn bases(&self, of: &Windowed) -> Vec<usize> {
        let &Windowed { inputs, kernel: [rows, columns], stride, .. } = of;
        let tap = |channel: usize, ky: usize, kx: usize| {
            let plane = (channel * stride + ky % stride) * stride + kx % stride;
            plane * self.length + ky / stride * self.pitch + kx / stride
        };
        let of_channel =
            |channel| (0..rows).flat_map(move |ky| (0..columns).map(move |kx| (channel, ky, kx)));
        (0..inputs).flat_map(of_channel).map(|(channel, ky, kx)| tap(channel, ky, kx)).collect()
    }

    /// Puts the pixels of one image's channel in their places in its `planes`.
    fn spread(&self, of: &Windowed, image: usize, source: &[f32], planes: &mut [f32]) {
        let &Windowed { sides: [_, width], stride, padding: [above, left], .. } = of;
        let first = image * self.image;
        if stride == 1 && left == 0 {
            let from = first + above * self.pitch;
            planes[from..from + source.len()].copy_from_slice(source);
            return;
        }
        for (y, row) in source.chunks_exact(width).enumerate() {
            let (y, plane) = ((y + above) / stride, (y + above) % stride * stride);
            let start = first + y * self.pitch;
            if stride == 1 {
                planes[start + left..start + left + width].copy_from_slice(row);
                continue;
            }
            for (x, &value) in row.iter().enumerate().map(|(x, value)| (x + left, value)) {
                planes[(plane + x % stride) * self.length + start + x / stride] = value;
            }
        }
    }
}

/// Convolution of `[N, C, H, W]` by `[O, C, h, w]`.
pub fn convolve(of: &Windowed, input: &[f32], weight: &[f32], epilogue: Epilogue<'_>) -> Vec<f32> {
    let &Windowed { images, inputs, outputs, sides, kernel, stride, padding } = of;
    let [height, width] = of.small();
    let group = group_of(images, height * Layout::new(of, 1).pitch);
    let layout = Layout::new(of, group);
    let bases = layout.bases(of);
    let left = Forward { weight, taps: inputs * kernel[0] * kernel[1] };
    let (pixels, area) = (sides[0] * sides[1], height * width);
    let planes = stride * stride * layout.length;
    let mut output = vec![0.0; images * outputs * area];
    each_group(
        &mut output,
        outputs * area * group,
        outputs,
        [inputs * planes, layout.columns],
        |index, staged| {
            // Other places that hold no pixel are read for no output.
            if padding != [0, 0] {
                staged.fill(0.0);
            }
            let images = input[index * group * inputs * pixels..].chunks_exact(inputs * pixels);
            for (image, source) in images.take(group).enumerate() {
                let channels = source.chunks_exact(pixels);
                for (channel, planes) in channels.zip(staged.chunks_exact_mut(planes)) {
                    layout.spread(of, image, channel, planes);
                }
            }
        },
        |rows, staged, products| multiply(&left, rows, &bases, staged, layout.columns, products),
        |rows, products, output| {
            for (channel, columns) in rows.zip(products.chunks_exact(layout.columns)) {
                for (image, output) in output.chunks_exact_mut(outputs * area).enumerate() {
                    let output = &mut output[channel * area..][..area];
                    for (y, to) in output.chunks_exact_mut(width).enumerate() {
                        let from = &columns[image * layout.image + y * layout.pitch..][..width];
                        epilogue.store(channel, from, to);
                    }
                }
            }
        },
    );
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the largest value: sums in another order.
    const TOLERANCE: f32 = 1e-5;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed) % 1013) as f32 / 506.0 - 1.0).collect()
    }

    fn directly(of: &Windowed, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let &Windowed { images, inputs, outputs, sides, kernel, stride, padding } = of;
        let [height, width] = of.small();
        let mut output = Vec::new();
        let places = (0..images).flat_map(|image| (0..outputs).map(move |to| (image, to)));
        for (image, to) in places {
            for (y, x0) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let mut sum = bias[to];
                for (from, ky) in (0..inputs).flat_map(|c| (0..kernel[0]).map(move |k| (c, k))) {
                    for kx in 0..kernel[1] {
                        let row = (y * stride + ky).wrapping_sub(padding[0]);
                        let column = (x0 * stride + kx).wrapping_sub(padding[1]);
                        if row < sides[0] && column < sides[1] {
                            let pixel = (image * inputs + from) * sides[0] + row;
                            let tap = ((to * inputs + from) * kernel[0] + ky) * kernel[1] + kx;
                            sum += x[pixel * sides[1] + column] * weight[tap];
                        }
                    }
                }
                output.push(sum.max(0.0));
            }
        }
        output
    }

    #[test]
    fn any_window_is_as_the_sum_over_its_taps() {
        for (images, [inputs, outputs], sides, kernel, stride, padding) in [
            (1, [3, 5], [9, 11], [3, 3], 2, [0, 0]),
            (3, [2, 9], [10, 7], [3, 3], 2, [0, 0]),
            (5, [4, 6], [7, 7], [1, 7], 1, [0, 3]),
            (5, [4, 6], [7, 9], [7, 1], 1, [3, 0]),
            (70, [4, 8], [4, 4], [1, 3], 1, [0, 1]),
            (2, [3, 8], [8, 9], [5, 5], 1, [2, 2]),
            (2, [3, 8], [8, 9], [3, 3], 1, [0, 0]),
            (4, [5, 40], [6, 5], [1, 1], 1, [0, 0]),
            (2, [3, 4], [23, 20], [11, 11], 4, [2, 2]),
            (1, [1, 1], [2, 2], [4, 4], 3, [1, 1]),
        ] {
            let [height, width] = sides;
            let weight = [outputs, inputs, kernel[0], kernel[1]];
            let of =
                Windowed::new([images, inputs, height, width], weight, stride, padding).unwrap();
            let x = numbers(images * inputs * height * width, 1);
            let weight = numbers(weight.iter().product(), 2);
            let bias = numbers(outputs, 3);
            let epilogue = Epilogue { bias: Some(&bias), negative_slope: Some(0.0) };
            let found = convolve(&of, &x, &weight, epilogue);
            let expected = directly(&of, &x, &weight, &bias);
            assert_eq!(found.len(), expected.len(), "{of:?}");
            let largest = expected.iter().fold(0.0, |largest: f32, value| largest.max(*value));
            for (found, expected) in found.iter().zip(&expected) {
                let error = (found - expected).abs() / largest.max(1.0);
                assert!(error < TOLERANCE, "{of:?}: {found}, expected {expected}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_has_no_shape() {
        let of = |x, weight, stride| Windowed::new(x, weight, stride, [0, 0]);
        assert!(of([1, 3, 5, 5], [2, 4, 3, 3], 1).is_none(), "other channels");
        assert!(of([1, 3, 5, 5], [2, 3, 3, 6], 1).is_none(), "a kernel larger than the image");
        assert!(of([1, 3, 5, 5], [2, 3, 3, 3], 0).is_none(), "no stride");
        assert_eq!(of([1, 3, 5, 5], [2, 3, 3, 5], 2).unwrap().small_shape(), [1, 2, 2, 1]);
    }
}
