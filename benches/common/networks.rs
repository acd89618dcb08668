//! The networks, batches and trainers of a shape.

use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use stargan::burn::tensor::backend::{AutodiffBackend, Backend};
use stargan::burn::tensor::{Tensor, TensorData};
use stargan::data::Batch;
use stargan::engine::StepLosses;
use stargan::nn::{Discriminator, Generator};
use stargan::{Precision, StarGan, Trainer};

use crate::shape::{LABELS, Shape};

impl Shape {
    pub fn generator<B: Backend>(&self) -> Generator<B> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let config = self.config().recipe.generator;
        config.init(&mut rng, &B::Device::default()).expect("a valid generator")
    }

    pub fn discriminator<B: Backend>(&self) -> Discriminator<B> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let config = self.config().recipe.discriminator;
        config.init(&mut rng, &B::Device::default()).expect("a valid discriminator")
    }

    /// A trainer at the start of a run in `folder`.
    pub fn trainer<B: AutodiffBackend>(
        &self,
        folder: &Path,
        precision: Precision,
    ) -> Trainer<B, StarGan> {
        let config = self.config().with_run(|run| run.with_precision(precision));
        Trainer::new(folder, config, &B::Device::default()).expect("a valid configuration")
    }

    /// Noise with labels, as the loader hands them over.
    pub fn batch(&self) -> Batch {
        let labels = (0..self.batch).flat_map(|image| {
            (0..LABELS.len()).map(move |label| f32::from((image + label) % 3 == 0))
        });
        Batch {
            dataset: 0,
            iteration: 1,
            rows: 0..self.batch,
            images: noise(self.batch * 3 * self.size * self.size),
            labels: labels.collect(),
            batch_size: self.batch,
            image_size: self.size.into(),
            references: None,
        }
    }

    /// The images of [`batch`](Self::batch).
    pub fn images<B: Backend>(&self) -> Tensor<B, 4> {
        let images = TensorData::new(self.batch().images, [self.batch, 3, self.size, self.size]);
        Tensor::from_data(images, &B::Device::default())
    }

    /// The labels of [`batch`](Self::batch).
    pub fn labels<B: Backend>(&self) -> Tensor<B, 2> {
        let labels = TensorData::new(self.batch().labels, [self.batch, LABELS.len()]);
        Tensor::from_data(labels, &B::Device::default())
    }
}

/// Uniform in `[-1, 1)`.
pub fn noise(count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    (0..count).map(|_| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// Reads the losses of an iteration, so that the device has done its work.
pub fn read<B: Backend>(steps: &[StepLosses<B>]) {
    let losses = steps.iter().flat_map(StepLosses::losses).map(|(_, value)| value.clone());
    drop(Tensor::cat(losses.collect(), 0).into_data());
}
