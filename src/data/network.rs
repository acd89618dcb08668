//! Images of 8 bits as networks take them, and back.

use image::{DynamicImage, GenericImageView};

use crate::data::channels::Channels;

/// 8 bits a channel to `[C, height, width]`, row-major, in `[-1, 1]`. Colours are multiplied by
/// opacity where there is such, so that what is not seen is nothing to a network.
///
/// # Panics
/// When it has more than 8 bits a channel ([`Channels::convert`] makes no more).
pub fn to_network(image: &DynamicImage) -> Vec<f32> {
    let count = usize::from(image.color().channel_count());
    let (pixels, (width, height)) = (image.as_bytes(), image.dimensions());
    assert_eq!(pixels.len(), count * width as usize * height as usize, "8 bits a channel");
    if count == 4 {
        let seen: Vec<[f32; 4]> = pixels.chunks_exact(4).map(premultiplied).collect();
        let planes = (0..4).flat_map(|channel| seen.iter().map(move |levels| levels[channel]));
        return planes.map(|level| level / 127.5 - 1.0).collect();
    }
    (0..count)
        .flat_map(|channel| pixels.iter().skip(channel).step_by(count))
        .map(|&value| f32::from(value) / 127.5 - 1.0)
        .collect()
}

/// The inverse of [`to_network`] but for what is not seen: clamped and rounded.
///
/// # Panics
/// When `chw` does not hold `C * height * width` values.
pub fn to_image(chw: &[f32], channels: Channels, width: u32, height: u32) -> DynamicImage {
    let (plane, count) = (width as usize * height as usize, channels.count());
    let values = count * plane;
    assert_eq!(chw.len(), values, "a {width}x{height} image has {values} values");
    let level = |at: usize| (chw[at] + 1.0) * 127.5;
    let bytes = match channels {
        Channels::Rgba => (0..plane)
            .flat_map(|at| straight([0, 1, 2, 3].map(|channel| level(channel * plane + at))))
            .collect(),
        _ => (0..plane)
            .flat_map(|at| (0..count).map(move |channel| to_byte(level(channel * plane + at))))
            .collect(),
    };
    channels.image(width, height, bytes).expect("a byte for every value")
}

/// The colours of a pixel times its opacity, and that, in levels of 255.
pub(crate) fn premultiplied(pixel: &[u8]) -> [f32; 4] {
    let opacity = f32::from(pixel[3]);
    let [r, g, b] = [0, 1, 2].map(|colour| f32::from(pixel[colour]) * opacity / 255.0);
    [r, g, b, opacity]
}

/// The pixel of [`premultiplied`] levels; black where it is wholly transparent.
pub(crate) fn straight([r, g, b, opacity]: [f32; 4]) -> [u8; 4] {
    let opacity = to_byte(opacity);
    let colour = |level: f32| match opacity {
        0 => 0,
        _ => to_byte(level * 255.0 / f32::from(opacity)),
    };
    [colour(r), colour(g), colour(b), opacity]
}

/// A level of 255, rounded and clamped.
fn to_byte(level: f32) -> u8 {
    level.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_survives_the_round_trip() {
        let levels: Vec<u8> = (0..16 * 16).map(|level| level as u8).collect();
        for channels in Channels::ALL {
            let bytes = match channels {
                // What is wholly transparent has no colour.
                Channels::Rgba => levels.iter().flat_map(|l| [*l, 255 - l, 9, l | 1]).collect(),
                _ => levels.repeat(channels.count()),
            };
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

    #[test]
    fn what_is_not_seen_is_nothing_to_a_network() {
        let of = |bytes: [u8; 4]| to_network(&Channels::Rgba.image(1, 1, bytes.to_vec()).unwrap());
        assert_eq!(of([200, 100, 50, 0]), [-1.0; 4]);
        let half = of([200, 100, 0, 51]);
        for (found, expected) in half.iter().zip([40.0, 20.0, 0.0, 51.0]) {
            assert!((found - (expected / 127.5 - 1.0)).abs() < 1e-6, "{half:?}");
        }
        let brighter_than_it_may_be = to_image(&[0.5, 0.0, -1.0, 0.0], Channels::Rgba, 1, 1);
        assert_eq!(brighter_than_it_may_be.as_bytes(), [255, 254, 0, 128]);
    }
}
