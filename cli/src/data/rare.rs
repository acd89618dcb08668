//! Labels that teach little: those that are the same of all images, or of nearly all.

use stargan::data::Summary;
use stargan::{Dataset, LabelKind, Sampling};

/// Of an attribute, a value in fewer images than this share is rare.
const RARE: f64 = 0.05;

/// What to know of the labels of `data` before training on them, and what to do about it.
pub fn warnings(data: &dyn Dataset, sampling: Sampling) -> Vec<String> {
    let Summary { images, labels, .. } = Summary::new(data);
    let attributes = data.labels().kind() == LabelKind::Attributes;
    // Of many classes, each is small.
    let rare = if attributes { RARE } else { RARE.min(0.5 / labels.len() as f64) };
    let warning = |(name, with): &(String, usize)| {
        let share = *with as f64 / images as f64;
        let percent = |share: f64| format!("{:.1} % of the images", 100.0 * share);
        if attributes && (*with == 0 || *with == images) {
            let value = if *with == 0 { 0 } else { 1 };
            return Some(format!(
                "{name} is {value} in all {images} images, so that nothing is learnt of it: leave \
                 it out of --labels"
            ));
        }
        if sampling == Sampling::Balanced {
            return None;
        }
        if !attributes {
            return (share < rare).then(|| {
                format!(
                    "{name} has only {}; to draw all classes equally often: --balance; or leave \
                     out its folder",
                    percent(share)
                )
            });
        }
        let (value, share) = if share < 0.5 { (1, share) } else { (0, 1.0 - share) };
        (share < rare).then(|| {
            format!(
                "{name} is {value} in only {}; to draw both values equally often: --balance; or \
                 leave it out of --labels",
                percent(share)
            )
        })
    };
    labels.iter().filter_map(warning).collect()
}
