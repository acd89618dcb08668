//! One iteration that updates both networks, from images and labels that are the same on every
//! backend.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{
    Dataset, Iteration, LabelSpace, Observer, Outcome, Precision, Result, Run, StarGan, Trainer,
};

use crate::shape::{LABELS, Shape};

/// What the iteration left.
#[derive(Serialize)]
pub struct Update {
    learning_rate: f64,
    /// The loss terms by name.
    losses: BTreeMap<String, f32>,
    /// The checkpoint: weights and Adam's means.
    checkpoint: PathBuf,
}

/// Runs the iteration in the new folder `folder`.
pub fn update<B: AutodiffBackend>(shape: Shape, folder: &Path, precision: Precision) -> Update {
    let config = shape
        .config()
        .with_recipe(|recipe| recipe.with_critic_steps(1))
        .with_run(|run| run.with_iterations(1).with_precision(precision));
    let mut trainer = Trainer::<B, StarGan>::new(folder, config, &B::Device::default())
        .expect("a valid configuration and a new folder");
    let mut losses = Losses::default();
    let outcome = trainer.run(&Noise::new(shape), &mut losses).expect("an iteration");
    let (Outcome::Finished { checkpoint } | Outcome::Stopped { checkpoint }) = outcome;
    Update { learning_rate: trainer.learning_rate(), losses: losses.0, checkpoint }
}

#[derive(Default)]
struct Losses(BTreeMap<String, f32>);

impl<B: AutodiffBackend> Observer<B> for Losses {
    fn iteration(&mut self, _run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        self.0 = iteration.losses().iter().cloned().collect();
        Ok(())
    }
}

/// The batch of a shape as a dataset, its images rounded to bytes.
#[derive(Clone, Debug)]
struct Noise {
    space: LabelSpace,
    size: usize,
    /// Red, green and blue of every pixel of every image.
    pixels: Vec<u8>,
    labels: Vec<f32>,
}

impl Noise {
    fn new(shape: Shape) -> Self {
        let batch = shape.batch();
        let area = shape.size * shape.size;
        let byte = |value: f32| ((value + 1.0) * 127.5).round() as u8;
        let pixels = batch.images.chunks(3 * area).flat_map(|image| {
            (0..area)
                .flat_map(move |pixel| [0, 1, 2].map(|channel| byte(image[channel * area + pixel])))
        });
        Self {
            space: LabelSpace::attributes(LABELS),
            size: shape.size,
            pixels: pixels.collect(),
            labels: batch.labels,
        }
    }
}

impl Dataset for Noise {
    fn labels(&self) -> &LabelSpace {
        &self.space
    }
    fn len(&self) -> usize {
        self.labels.len() / LABELS.len()
    }
    fn label(&self, index: usize) -> &[f32] {
        &self.labels[index * LABELS.len()..][..LABELS.len()]
    }
    fn name(&self, index: usize) -> Cow<'_, str> {
        index.to_string().into()
    }
    fn load(&self, index: usize) -> Result<image::DynamicImage> {
        let (side, bytes) = (self.size as u32, 3 * self.size * self.size);
        let pixels = self.pixels[index * bytes..][..bytes].to_vec();
        Ok(image::RgbImage::from_raw(side, side, pixels).expect("three bytes per pixel").into())
    }
}
