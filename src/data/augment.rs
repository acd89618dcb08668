//! Random changes of training images beside the flip.

use std::fmt;
use std::str::FromStr;

use image::DynamicImage;
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::data::crop::Region;
use crate::data::transform::Transform;
use crate::error::shown::{number, quoted};
use crate::error::{Error, Result};

/// How far training images are changed at random, beside the flip; 0, the default, leaves them as
/// they are. Which change an image gets depends on the seed, the epoch and its place in it alone.
///
/// ```
/// use stargan::{Augmentation, RunSettings};
///
/// let changes: Augmentation = "brightness=0.2,crop=0.1".parse().expect("amounts in range");
/// let run = RunSettings::default().with_augmentation(changes);
/// assert_eq!((run.augmentation.brightness, run.augmentation.contrast), (0.2, 0.0));
/// ```
///
/// Colours that are labels, such as that of hair, should stay what they are called: amounts up to
/// 0.2 leave brown brown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Augmentation {
    /// Values in `[0, 1]` are multiplied by a factor from `1 - brightness` to `1 + brightness`.
    pub brightness: f64,
    /// The distances from the image's mean grey are multiplied by such a factor.
    pub contrast: f64,
    /// The distances from each pixel's grey are multiplied by such a factor.
    pub saturation: f64,
    /// Of the crop a smaller part of its shape is taken, anywhere in it, whose sides are a factor
    /// from `1 - crop` to 1 of its.
    pub crop: f64,
}

/// The largest share of the side that may be cut off.
const MOST_CROP: f64 = 0.9;

impl Augmentation {
    /// Whether images stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn amounts(&self) -> [(&'static str, f64, f64); 4] {
        let Self { brightness, contrast, saturation, crop } = *self;
        [
            ("brightness", brightness, 1.0),
            ("contrast", contrast, 1.0),
            ("saturation", saturation, 1.0),
            ("crop", crop, MOST_CROP),
        ]
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// [`Error::Config`] saying which one can't work.
    pub fn check(&self) -> Result<()> {
        for (name, amount, most) in self.amounts() {
            if !(0.0..=most).contains(&amount) {
                let amount = number(amount);
                return Err(Error::Config(format!(
                    "the augmentation's {name} is {amount}; it must be between 0 and {most}"
                )));
            }
        }
        Ok(())
    }

    /// The change of one image: takes [`WORDS`] words or fewer.
    pub(super) fn draw(&self, mut random: impl RngCore) -> Change {
        let mut unit = || f64::from(random.next_u32()) / 2f64.powi(32);
        let [brightness, contrast, saturation] = [self.brightness, self.contrast, self.saturation]
            .map(|amount| (1.0 + amount * (2.0 * unit() - 1.0)) as f32);
        let zoom = 1.0 - self.crop * unit();
        Change { brightness, contrast, saturation, zoom, across: unit(), down: unit() }
    }
}

/// The words of a random stream that belong to one image.
pub(super) const WORDS: u128 = 8;

/// What is done to one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    brightness: f32,
    contrast: f32,
    saturation: f32,
    /// The sides of what is taken, as a share of what is there.
    zoom: f64,
    /// Where it lies, in `[0, 1)` of the room that there is.
    across: f64,
    down: f64,
}

/// How much the colours count in a pixel's grey (ITU-R BT.601).
const GREY: [f32; 3] = [0.299, 0.587, 0.114];

impl Change {
    /// The network's view of `image` after `transform` and this change.
    pub(super) fn apply(&self, transform: Transform, image: &DynamicImage, flip: bool) -> Vec<f32> {
        let mut view = transform.apply_part(image, flip, |sides| self.part(sides));
        self.recolour(&mut view, transform.channels);
        view
    }

    /// The part of so many columns and rows that is taken.
    fn part(&self, sides: [u32; 2]) -> Region {
        let [width, height] =
            sides.map(|side| ((f64::from(side) * self.zoom).round() as u32).clamp(1, side));
        let place = |share: f64, room: u32| (share * f64::from(room + 1)) as u32;
        let left = place(self.across, sides[0] - width);
        Region { left, top: place(self.down, sides[1] - height), width, height }
    }

    /// Changes the colours of an image `[C, height, width]` in `[-1, 1]`, which are multiplied by
    /// opacity where there is such: what is transparent counts as much as it is seen.
    fn recolour(&self, image: &mut [f32], channels: Channels) {
        if [self.brightness, self.contrast, self.saturation] == [1.0; 3] {
            return;
        }
        let plane = image.len() / channels.count();
        let (colours, opacity) = image.split_at_mut(plane * channels.colours());
        let seen = |at: usize| opacity.get(at).map_or(1.0, |value| (value + 1.0) / 2.0);
        for colour in colours.chunks_exact_mut(plane) {
            for (at, value) in colour.iter_mut().enumerate() {
                *value = ((*value + 1.0) / 2.0 * self.brightness).clamp(0.0, seen(at));
            }
        }
        let grey = |colours: &[f32], at: usize| -> f32 {
            let mut planes = colours.chunks_exact(plane).map(|colour| colour[at]);
            match channels {
                Channels::Grey => planes.next().unwrap_or_default(),
                _ => planes.zip(GREY).map(|(value, share)| share * value).sum(),
            }
        };
        let sum: f64 = (0..plane).map(|at| f64::from(grey(colours, at))).sum();
        let of: f64 = (0..plane).map(|at| f64::from(seen(at))).sum();
        let mean = (sum / of.max(f64::MIN_POSITIVE)) as f32;
        let away = |from: f32, value: f32, factor: f32| from + factor * (value - from);
        for colour in colours.chunks_exact_mut(plane) {
            for (at, value) in colour.iter_mut().enumerate() {
                let most = seen(at);
                *value = away(mean * most, *value, self.contrast).clamp(0.0, most);
            }
        }
        for at in 0..plane {
            let grey = grey(colours, at);
            for colour in colours.chunks_exact_mut(plane) {
                let changed = away(grey, colour[at], self.saturation).clamp(0.0, seen(at));
                colour[at] = 2.0 * changed - 1.0;
            }
        }
    }
}

impl FromStr for Augmentation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut augmentation = Self::default();
        for term in text.split(',') {
            let amount = term.split_once('=').and_then(|(name, amount)| {
                let setting = match name.trim() {
                    "brightness" => &mut augmentation.brightness,
                    "contrast" => &mut augmentation.contrast,
                    "saturation" => &mut augmentation.saturation,
                    "crop" => &mut augmentation.crop,
                    _ => return None,
                };
                *setting = amount.trim().parse().ok()?;
                Some(())
            });
            amount.ok_or_else(|| {
                let expected = "brightness=B,contrast=C,saturation=S,crop=SHARE, or some of these";
                format!("expected {expected}, found {}", quoted(term))
            })?;
        }
        augmentation.check().map_err(|error| error.to_string())?;
        Ok(augmentation)
    }
}

/// `brightness=0.2,crop=0.1`, as it is read; what is 0 is left out.
impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amounts = self.amounts().into_iter().filter(|(_, amount, _)| *amount != 0.0);
        let terms: Vec<_> = amounts.map(|(name, amount, _)| format!("{name}={amount}")).collect();
        f.write_str(&terms.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    fn all() -> Augmentation {
        Augmentation { brightness: 0.3, contrast: 0.4, saturation: 0.5, crop: 0.25 }
    }

    #[test]
    fn changes_stay_within_their_amounts() {
        let mut random = stream(1, Purpose::Augment, 0, 0);
        let changes: Vec<_> = (0..1_000).map(|_| all().draw(&mut random)).collect();
        let range = |of: fn(&Change) -> f64| {
            let values = changes.iter().map(of);
            values.fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(value), b.max(value)))
        };
        for (found, least, most) in [
            (range(|change| change.brightness.into()), 0.7, 1.3),
            (range(|change| change.contrast.into()), 0.6, 1.4),
            (range(|change| change.saturation.into()), 0.5, 1.5),
            (range(|change| change.zoom), 0.75, 1.0),
        ] {
            assert!(found.0 >= least - 1e-6 && found.1 <= most + 1e-6, "{found:?}");
            assert!(found.0 < least + 0.02 && found.1 > most - 0.02, "{found:?}");
        }
        for change in &changes {
            let Region { left, top, width, height } = change.part([80, 40]);
            assert!((60..=80).contains(&width) && (30..=40).contains(&height));
            assert!(left + width <= 80 && top + height <= 40 && width.abs_diff(2 * height) <= 1);
            let mut image: Vec<f32> = (0..48).map(|at| at as f32 / 23.5 - 1.0).collect();
            change.recolour(&mut image, Channels::Rgb);
            assert!(image.iter().all(|value| (-1.0..=1.0).contains(value)));
        }
        let reached =
            |edge: fn(Region) -> bool| changes.iter().any(|change| edge(change.part([40; 2])));
        assert!(reached(|Region { width, left, .. }| width < 35 && left == 0));
        assert!(reached(|Region { height, top, .. }| height < 35 && top + height == 40));
    }

    #[test]
    fn no_amount_is_no_change() {
        let change = Augmentation::default().draw(stream(1, Purpose::Augment, 0, 0));
        assert_eq!(change.part([17, 9]), Region { left: 0, top: 0, width: 17, height: 9 });
        let image: Vec<f32> = (0..48).map(|at| at as f32 / 24.0 - 1.0).collect();
        let mut same = image.clone();
        change.recolour(&mut same, Channels::Rgb);
        assert_eq!(same, image);
    }

    #[test]
    fn colours_are_changed_as_their_names_say() {
        let still = Augmentation::default().draw(stream(1, Purpose::Augment, 0, 0));
        // One pixel of (0.2, 0.4, 0.8), one of (0.6, 0.6, 0.6), in channels.
        let image = [0.2_f32, 0.6, 0.4, 0.6, 0.8, 0.6];
        let changed = |change: Change| {
            let mut image = image.map(|value| 2.0 * value - 1.0);
            change.recolour(&mut image, Channels::Rgb);
            image.map(|value| (value + 1.0) / 2.0)
        };
        let near = |found: [f32; 6], expected: [f32; 6]| {
            let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(close, "{found:?}, expected {expected:?}");
        };
        let bright = changed(Change { brightness: 1.5, ..still });
        near(bright, [0.3, 0.9, 0.6, 0.9, 1.0, 0.9]);
        let grey = 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.8;
        let pale = changed(Change { saturation: 0.0, ..still });
        near(pale, [grey, 0.6, grey, 0.6, grey, 0.6]);
        let flat = changed(Change { contrast: 0.0, ..still });
        near(flat, [(grey + 0.6) / 2.0; 6]);
    }

    #[test]
    fn what_is_transparent_counts_as_much_as_it_is_seen() {
        let still = Augmentation::default().draw(stream(1, Purpose::Augment, 0, 0));
        // An opaque pixel of 0.2, one of 0.6 that is half there, and one that nobody sees.
        let colours = [0.2_f32, 0.3, 0.0].repeat(3);
        let opacity = [1.0, 0.5, 0.0];
        let image: Vec<f32> = colours.iter().chain(&opacity).map(|v| 2.0 * v - 1.0).collect();
        let changed = |change: Change| {
            let mut image = image.clone();
            change.recolour(&mut image, Channels::Rgba);
            image.iter().map(|value| (value + 1.0) / 2.0).collect::<Vec<_>>()
        };
        let near = |found: Vec<f32>, expected: [f32; 3]| {
            let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(found[..9].iter().zip(&expected.repeat(3)).all(close), "{found:?}");
            assert!(found[9..].iter().zip(&opacity).all(close), "{found:?}");
        };
        near(changed(Change { brightness: 2.0, ..still }), [0.4, 0.5, 0.0]);
        // The mean of what is seen is a third.
        near(changed(Change { contrast: 0.0, ..still }), [1.0 / 3.0, 1.0 / 6.0, 0.0]);
        let mut grey = [0.2_f32, 0.6].map(|value| 2.0 * value - 1.0);
        Change { contrast: 0.0, ..still }.recolour(&mut grey, Channels::Grey);
        assert!(grey.iter().all(|value| (value + 0.2).abs() < 1e-5), "{grey:?}");
    }

    #[test]
    fn it_reads_as_it_is_written_and_says_what_is_wrong() {
        let text = all().to_string();
        assert_eq!(text, "brightness=0.3,contrast=0.4,saturation=0.5,crop=0.25");
        assert_eq!(text.parse(), Ok(all()));
        assert_eq!("crop=0.1".parse::<Augmentation>().unwrap().to_string(), "crop=0.1");
        for (text, expected) in [
            ("hue=0.1", "expected brightness=B,contrast=C"),
            ("crop", "or some of these, found `crop`"),
            ("crop=x", "found `crop=x`"),
            ("crop=0.95", "the augmentation's crop is 0.95; it must be between 0 and 0.9"),
            ("contrast=-1", "contrast is -1; it must be between 0 and 1"),
            ("contrast=NaN", "contrast is NaN"),
        ] {
            let error = text.parse::<Augmentation>().unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
