//! Trained generators of one direction each, and what several of them are together.

use std::collections::BTreeMap;

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor, TensorData};
use image::{DynamicImage, RgbImage};

use crate::recipes::cyclegan::CycleGan;
use crate::recipes::pix2pix::Pix2Pix;
use crate::data::transform::{Transform, to_rgb_image};
use crate::nn::generator::Generator;
use crate::metrics::asked::Relabelling;
use crate::engine::recipe::Recipe;
use crate::engine::trainer::Trainer;
use crate::translate::translator::{host, upload};

/// A generator that translates from one domain to another.
#[derive(Clone, Debug)]
pub struct Direction<B: Backend> {
    generator: Generator<B>,
    transform: Transform,
    device: B::Device,
}

impl<B: Backend> Direction<B> {
    /// Translates `images` `[N, 3, S, S]` in `[-1, 1]`.
    pub fn forward(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        self.generator.forward_unconditional(images)
    }

    /// Translates one image; the result has the model's size.
    pub fn translate(&self, image: &DynamicImage) -> RgbImage {
        let prepared = self.transform.crop_and_resize(&image.to_rgb8());
        let translated = host(self.forward(upload(&[prepared], &self.device)).into_data());
        to_rgb_image(&translated, self.transform.size, self.transform.size)
    }
}

fn directions<B: AutodiffBackend, R: Recipe>(
    trainer: &Trainer<B, R>,
) -> impl Iterator<Item = Direction<B::InnerBackend>> {
    trainer.networks().iter().map(|networks| Direction {
        generator: networks.translating(),
        transform: trainer.transform(),
        device: trainer.device().clone(),
    })
}

impl<B: AutodiffBackend> Trainer<B, CycleGan> {
    /// Both generators as they are now, from the first domain to the second and back: their moving averages where
    /// there are such.
    pub fn directions(&self) -> [Direction<B::InnerBackend>; 2] {
        let found: Vec<_> = directions(self).collect();
        found.try_into().unwrap_or_else(|_| panic!("two directions"))
    }
}

impl<B: AutodiffBackend> Trainer<B, Pix2Pix> {
    /// The generator as it is now: its moving average where there is one.
    pub fn direction(&self) -> Direction<B::InnerBackend> {
        directions(self).next().expect("one direction")
    }
}

/// Directions that together translate between several domains: what stands beside one StarGAN generator. A domain
/// is an entry of a label that is 1 for its images only, as a class is, or a member of an exclusive group.
#[derive(Clone, Debug)]
pub struct Pairwise<B: Backend> {
    directions: BTreeMap<(usize, usize), Direction<B>>,
}

impl<B: Backend> Default for Pairwise<B> {
    fn default() -> Self {
        Self { directions: BTreeMap::new() }
    }
}

impl<B: Backend> Pairwise<B> {
    /// Adds the direction from the domain of label entry `from` to that of entry `to`.
    pub fn with(mut self, from: usize, to: usize, direction: Direction<B>) -> Self {
        self.directions.insert((from, to), direction);
        self
    }

    /// Translates each of `images` `[N, 3, S, S]` in `[-1, 1]` by the direction that its labels ask for: what
    /// [`Counterfactuals::measure_with`](crate::metrics::Counterfactuals::measure_with) and
    /// [`Judge::measure_with`](crate::metrics::Judge::measure_with) take.
    ///
    /// # Panics
    /// When there are not as many labels as images, a label has no entry that is 1, or a direction is missing.
    pub fn forward(&self, images: Tensor<B, 4>, labels: &[Relabelling<'_>]) -> Tensor<B, 4> {
        let device = images.device();
        assert_eq!(images.dims()[0], labels.len(), "labels of every image");
        let domain = |label: &[f32]| {
            label.iter().position(|&entry| entry == 1.0).expect("every image has a domain")
        };
        let mut asked: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (image, Relabelling { source, target }) in labels.iter().enumerate() {
            asked.entry((domain(source), domain(target))).or_default().push(image);
        }
        let mut translated = images.zeros_like();
        for (direction, positions) in asked {
            let network = self.directions.get(&direction);
            let network = network.unwrap_or_else(|| panic!("no direction {direction:?}"));
            let positions: Vec<i64> = positions.into_iter().map(|at| at as i64).collect();
            let count = positions.len();
            let positions: Tensor<B, 1, Int> =
                Tensor::from_data(TensorData::new(positions, [count]), &device);
            let found = network.forward(images.clone().select(0, positions.clone()));
            translated =
                translated.select_assign(0, positions, found, burn::tensor::IndexingUpdateOp::Add);
        }
        translated
    }
}
