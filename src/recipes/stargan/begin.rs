//! Beginning a run with what fits of a trained model, whose labels, size or data may be others.

use std::fmt;

use burn::tensor::TensorData;
use burn::tensor::backend::AutodiffBackend;

use crate::engine::networks::State;
use crate::engine::trainer::Trainer;
use crate::error::{Error, Result};
use crate::labels::spaces::LabelSpaces;
use crate::nn::head::Head;
use crate::nn::weights::{self, Weights};
use crate::recipes::stargan::config::StarGan;
use crate::translate::translator::Translator;

/// The array whose input channels are those of the image, then the condition's.
const STEM: &str = "generator.stem.conv.weight";

/// The array whose outputs are those of the image, then a mask's.
const HEAD: &str = "generator.head.weight";

/// The array that has an output per label.
const DOMAIN_HEAD: &str = "discriminator.domain.weight";

/// Of more names only the first and the last are shown.
const LISTED: usize = 12;

/// What a run has taken of the model that it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// Weights of G and D that are the model's.
    pub weights: usize,
    /// All weights of G and D.
    pub of: usize,
    /// The labels that the model knows too, as `dataset:label`.
    pub known_labels: Vec<String>,
    /// The labels that it doesn't know, whose weights are fresh.
    pub new_labels: Vec<String>,
    /// The arrays that are fresh altogether: the model has none of that name and size.
    pub fresh: Vec<String>,
    /// The model's head where the run's is another: the image's outputs are the model's, a mask's
    /// are fresh, or were left out.
    pub other_head: Option<Head>,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { weights, of, known_labels, new_labels, fresh, other_head } = self;
        write!(f, "{weights} of {of} weights")?;
        for (what, names) in [
            ("labels that it knows", known_labels),
            ("labels that are new", new_labels),
            ("fresh arrays", fresh),
        ] {
            match &names[..] {
                [] => {}
                [first, .., last] if names.len() > LISTED => {
                    write!(f, "; {what}: {} from {first} to {last}", names.len())?;
                }
                names => write!(f, "; {what}: {}", names.join(", "))?,
            }
        }
        match other_head {
            None => Ok(()),
            Some(Head::Plain) => f.write_str("; its head is plain: the mask is fresh"),
            Some(Head::Mask) => f.write_str("; its head has a mask, which is left out"),
        }
    }
}

impl<B: AutodiffBackend> Trainer<B, StarGan> {
    /// Takes over what fits of a trained model, before the first iteration: every array of G and D
    /// that has the same name and shape in both, and of those that have a channel per label, the
    /// channels of labels of one name; of G's head, the outputs of the image and those of a mask.
    /// The rest stays as it was initialised, and the optimizers begin anew. G's weights are the
    /// model's, so those of its moving average where it was trained with one.
    /// [`StarGan::with_networks_of`] makes networks that all of it fits.
    ///
    /// A label is the model's label of the same name in the dataset of the same name, or else in
    /// the only dataset that has it.
    ///
    /// # Errors
    /// [`Error::Config`] when the run has begun already, or nothing of the model fits;
    /// [`Error::NonFinite`] when a weight of the model is not finite; [`Error::Io`] when the
    /// checkpoint that the run begins with can't be written.
    pub fn begin_from(&mut self, model: &Translator<B::InnerBackend>) -> Result<Taken> {
        if self.iteration() > 0 {
            let done = self.iteration();
            return Err(Error::Config(format!(
                "a run begins from a model before its first iteration, this one has done {done}"
            )));
        }
        let (generator, discriminator) = model.networks();
        let mut own = weights::collect(generator, "generator");
        if let Some(discriminator) = discriminator {
            own.extend(weights::collect(discriminator, "discriminator"));
        }
        let recipe = &self.config().recipe;
        let labels = Labels::shared(&model.config().spaces, &recipe.spaces);
        let (run, theirs) = (&recipe.generator, &model.config().generator);
        let image_channels = run.image_channels;
        let same_images = theirs.image_channels == image_channels;
        let mut head: Vec<_> =
            (0..image_channels).map(|c| (c, c)).filter(|_| same_images).collect();
        if run.head == Head::Mask && theirs.head == Head::Mask {
            head.push((image_channels, theirs.image_channels));
        }
        let mut taken = labels.taken();
        taken.other_head = (run.head != theirs.head).then_some(theirs.head);
        let take = |mut state: State| {
            let places = |name: &str| match name {
                // Channels of other images are nobody's, whatever their number.
                STEM if !same_images => Some((1, Vec::new())),
                STEM => Some((1, labels.inputs(image_channels))),
                HEAD => Some((0, head.clone())),
                DOMAIN_HEAD => Some((0, labels.known.clone())),
                _ => None,
            };
            take(&mut state.weights, &own, places, &mut taken);
            state
        };
        self.begin_with(take)?;
        if taken.weights == 0 {
            return Err(Error::Config(
                "nothing of the model fits: its networks have other widths; take base_channels and \
                 the like as it has them"
                    .to_owned(),
            ));
        }
        self.note_beginning(&taken)?;
        Ok(taken)
    }
}

/// Where the labels of a run are among a model's, by the places in both conditions.
#[derive(Clone, Debug)]
struct Labels {
    /// Of the run, and of the model: labels.
    known: Vec<(usize, usize)>,
    /// The same of masks.
    masks: Vec<(usize, usize)>,
    names: Vec<(String, bool)>,
}

impl Labels {
    fn shared(model: &LabelSpaces, run: &LabelSpaces) -> Self {
        let mut labels = Self { known: Vec::new(), masks: Vec::new(), names: Vec::new() };
        for (dataset, space) in run.iter().enumerate() {
            let name = run.name(dataset);
            let same = model.index_of(name).ok();
            if let Some(same) = same
                && run.mask_width() > 0
                && model.mask_width() > 0
            {
                labels.masks.push((run.label_width() + dataset, model.label_width() + same));
            }
            let first = run.logit_range(dataset).start;
            for (label, place) in space.names().iter().zip(first..) {
                let known = place_of(model, same, label);
                labels.known.extend(known.map(|there| (place, there)));
                labels.names.push((format!("{name}:{label}"), known.is_some()));
            }
        }
        labels
    }

    /// Where G's input channels are: those of the image, of labels and of masks.
    fn inputs(&self, image_channels: usize) -> Vec<(usize, usize)> {
        let image = (0..image_channels).map(|channel| (channel, channel));
        let condition = self.known.iter().chain(&self.masks);
        image
            .chain(condition.map(|(run, model)| (image_channels + run, image_channels + model)))
            .collect()
    }

    fn taken(&self) -> Taken {
        let names = |known: bool| {
            let names = self.names.iter().filter(|(_, is)| *is == known);
            names.map(|(name, _)| name.clone()).collect()
        };
        Taken {
            weights: 0,
            of: 0,
            known_labels: names(true),
            new_labels: names(false),
            fresh: Vec::new(),
            other_head: None,
        }
    }
}

/// The place of a label among a model's: in `dataset`, or in the only one that has it.
fn place_of(model: &LabelSpaces, dataset: Option<usize>, label: &str) -> Option<usize> {
    let place = |dataset: usize| {
        let at = model.space(dataset).names().iter().position(|name| name == label)?;
        Some(model.logit_range(dataset).start + at)
    };
    dataset.and_then(place).or_else(|| {
        let mut places = (0..model.len()).filter_map(place);
        let first = places.next();
        first.filter(|_| places.next().is_none())
    })
}

/// Takes what fits of `model` into the networks' arrays `own`; `places` gives the axis of those
/// that are taken in part, and which of its entries are which of the model's. What that was is
/// counted in `taken`.
fn take(
    own: &mut Weights,
    model: &Weights,
    places: impl Fn(&str) -> Option<(usize, Vec<(usize, usize)>)>,
    taken: &mut Taken,
) {
    for (name, data) in own {
        // The moving average of G begins where G does.
        let source = match name.split_once('.') {
            Some(("average", rest)) => format!("generator.{rest}"),
            Some(("generator" | "discriminator", _)) => name.clone(),
            _ => continue,
        };
        let fit = model.get(&source).and_then(|theirs| match places(&source) {
            Some((axis, pairs)) => copied(data, theirs, axis, &pairs),
            None => (data.shape == theirs.shape).then(|| (theirs.clone(), data.num_elements())),
        });
        let weights = fit.map_or(0, |(fit, weights)| {
            *data = fit;
            weights
        });
        if *name != source {
            continue;
        }
        taken.weights += weights;
        taken.of += data.num_elements();
        if weights == 0 {
            taken.fresh.push(source);
        }
    }
}

/// `own` with the entries of `theirs` along `axis` that `pairs` name, own and theirs, and how many
/// values these are; nothing where their other sizes differ.
fn copied(
    own: &TensorData,
    theirs: &TensorData,
    axis: usize,
    pairs: &[(usize, usize)],
) -> Option<(TensorData, usize)> {
    let alike = |(i, (a, b)): (usize, (&usize, &usize))| i == axis || a == b;
    let (to, from) = (own.shape.as_slice(), theirs.shape.as_slice());
    if to.len() != from.len() || !to.iter().zip(from).enumerate().all(alike) {
        return None;
    }
    let mut values: Vec<f32> = own.iter::<f32>().collect();
    let source: Vec<f32> = theirs.iter::<f32>().collect();
    let before: usize = to[..axis].iter().product();
    let inner: usize = to[axis + 1..].iter().product();
    for outer in 0..before {
        for (own, their) in pairs {
            let to = (outer * to[axis] + own) * inner;
            let from = (outer * from[axis] + their) * inner;
            values[to..to + inner].copy_from_slice(&source[from..from + inner]);
        }
    }
    Some((TensorData::new(values, own.shape.clone()), before * pairs.len() * inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::space::LabelSpace;

    #[test]
    fn labels_are_found_by_name() {
        let faces = || LabelSpace::attributes(["Male", "Young", "Bald"]);
        let moods = || LabelSpace::classes(["happy", "sad"]);
        let model = LabelSpaces::joint([("faces", faces()), ("moods", moods())]).unwrap();
        let run = LabelSpaces::joint([
            ("feelings", LabelSpace::classes(["sad", "angry"])),
            ("faces", LabelSpace::attributes(["Young", "Smiling"])),
        ]);
        let labels = Labels::shared(&model, &run.unwrap());
        assert_eq!(labels.known, [(0, 4), (2, 1)]);
        assert_eq!(labels.masks, [(5, 5)]);
        assert_eq!(labels.inputs(3), [(0, 0), (1, 1), (2, 2), (3, 7), (5, 4), (8, 8)]);
        let taken = labels.taken();
        assert_eq!(taken.known_labels, ["feelings:sad", "faces:Young"]);
        assert_eq!(taken.new_labels, ["feelings:angry", "faces:Smiling"]);
        // Of two datasets that have it neither is the one.
        let twice = LabelSpaces::joint([("a", faces()), ("b", faces())]).unwrap();
        let single = LabelSpaces::single(faces());
        assert!(Labels::shared(&twice, &single).known.is_empty());
        assert_eq!(Labels::shared(&single, &twice).known.len(), 6);
    }

    #[test]
    fn entries_along_an_axis_are_copied() {
        let own = TensorData::new(vec![0f32; 12], [2, 3, 2]);
        let theirs = TensorData::new((1..=8).map(|n| n as f32).collect(), [2, 2, 2]);
        let (copied_in, values) = copied(&own, &theirs, 1, &[(0, 1), (2, 0)]).unwrap();
        assert_eq!(values, 8);
        let expected = [3_f32, 4., 0., 0., 1., 2., 7., 8., 0., 0., 5., 6.];
        assert_eq!(copied_in, TensorData::new(expected.to_vec(), [2, 3, 2]));
        assert!(copied(&own, &TensorData::new(vec![0f32; 12], [2, 2, 3]), 1, &[]).is_none());
    }
}
