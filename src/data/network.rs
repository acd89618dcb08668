//! Images of 8 bits as networks take them, and back.

use image::{DynamicImage, GenericImageView};

use crate::data::channels::Channels;

/// 8 bits a channel to `[C, height, width]`, row-major, in `[-1, 1]`.
///
/// # Panics
/// When it has more than 8 bits a channel ([`Channels::of`] has no more).
pub fn to_network(image: &DynamicImage) -> Vec<f32> {
    let count = usize::from(image.color().channel_count());
    let (pixels, (width, height)) = (image.as_bytes(), image.dimensions());
    assert_eq!(pixels.len(), count * width as usize * height as usize, "8 bits a channel");
    (0..count)
        .flat_map(|channel| pixels.iter().skip(channel).step_by(count))
        .map(|&value| f32::from(value) / 127.5 - 1.0)
        .collect()
}

/// `[C, height, width]` in `[-1, 1]` to 8 bits a channel: clamped and rounded, the inverse of
/// [`to_network`].
///
/// # Panics
/// When `chw` does not hold `C * height * width` values.
pub fn to_image(chw: &[f32], channels: Channels, width: u32, height: u32) -> DynamicImage {
    let (plane, count) = (width as usize * height as usize, channels.count());
    let values = count * plane;
    assert_eq!(chw.len(), values, "a {width}x{height} image has {values} values");
    let level = |value: f32| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
    let pixels = (0..plane).flat_map(|at| (0..count).map(move |c| chw[c * plane + at]));
    channels.image(width, height, pixels.map(level).collect()).expect("a byte for every value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_survives_the_round_trip() {
        let levels: Vec<u8> = (0..16 * 16).map(|level| level as u8).collect();
        for channels in Channels::ALL {
            let bytes = levels.repeat(channels.count());
            let image = channels.image(16, 16, bytes).unwrap();
            let network = to_network(&image);
            assert!(network.iter().all(|value| (-1.0..=1.0).contains(value)));
            assert_eq!(to_image(&network, channels, 16, 16), image);
        }
    }

    #[test]
    fn values_beyond_the_range_are_clamped() {
        let image = to_image(&[-3.0, 0.0, 7.0], Channels::Rgb, 1, 1);
        assert_eq!(image.as_bytes(), &[0, 128, 255]);
    }
}
