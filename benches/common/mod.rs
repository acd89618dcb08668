//! The shapes that are measured, and the networks, batches and trainers of each.
#![allow(dead_code)] // each benchmark uses its part

use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::Deserialize;
use stargan::burn::tensor::backend::{AutodiffBackend, Backend};
use stargan::burn::tensor::{Tensor, TensorData};
use stargan::data::Batch;
use stargan::train::Preset;
use stargan::{Discriminator, Domains, Generator, LabelSpace, Trainer, TrainingConfig};

pub const LABELS: [&str; 5] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"];

/// The size of networks and batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Shape {
    /// Side of the images in pixels.
    pub size: usize,
    /// Channels after the first convolution of either network.
    pub base: usize,
    /// Residual blocks of G.
    pub blocks: usize,
    /// Images per batch.
    pub batch: usize,
}

/// A tiny one, one between, and the paper's.
pub const SHAPES: [Shape; 3] = [
    Shape { size: 32, base: 8, blocks: 2, batch: 4 },
    Shape { size: 64, base: 32, blocks: 6, batch: 8 },
    Shape { size: 128, base: 64, blocks: 6, batch: 4 },
];

impl std::fmt::Display for Shape {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { size, base, blocks, batch } = self;
        write!(formatter, "{size}px-base{base}-blocks{blocks}-batch{batch}")
    }
}

impl Shape {
    /// The paper's recipe at this size.
    pub fn config(&self) -> TrainingConfig {
        let mut config = TrainingConfig::new(Domains::single(LabelSpace::attributes(LABELS)))
            .with_preset(Preset::Paper)
            .with_image_size(self.size)
            .with_base_channels(self.base)
            .with_residual_blocks(self.blocks)
            .with_batch_size(self.batch);
        // As deep as the published one allows: 2x2 patches at 128 pixels.
        config.discriminator_downsamplings = Some(self.size.ilog2() as usize - 1);
        config
    }

    pub fn generator<B: Backend>(&self) -> Generator<B> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let config = self.config().generator();
        config.init(&mut rng, &B::Device::default()).expect("a valid generator")
    }

    pub fn discriminator<B: Backend>(&self) -> Discriminator<B> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let config = self.config().discriminator();
        config.init(&mut rng, &B::Device::default()).expect("a valid discriminator")
    }

    /// A trainer at the start of a run in `folder`.
    pub fn trainer<B: AutodiffBackend>(&self, folder: &Path) -> Trainer<B> {
        Trainer::new(folder, self.config(), &B::Device::default()).expect("a valid configuration")
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
            image_size: self.size,
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
fn noise(count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    (0..count).map(|_| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// Calls `$measure::<B>($criterion, "name")` for every backend that is compiled in, or, after `autodiff`,
/// `$measure::<Autodiff<B>>`.
#[macro_export]
macro_rules! on_every_backend {
    (@one $name:literal, $backend:ident, autodiff $measure:ident, $criterion:ident) => {
        #[cfg(feature = $name)]
        $measure::<stargan::burn::backend::Autodiff<stargan::burn::backend::$backend>>($criterion, $name);
    };
    (@one $name:literal, $backend:ident, plain $measure:ident, $criterion:ident) => {
        #[cfg(feature = $name)]
        $measure::<stargan::burn::backend::$backend>($criterion, $name);
    };
    ($kind:ident $measure:ident, $criterion:ident) => {
        $crate::on_every_backend!(@one "flex", Flex, $kind $measure, $criterion);
        $crate::on_every_backend!(@one "ndarray", NdArray, $kind $measure, $criterion);
        $crate::on_every_backend!(@one "wgpu", Wgpu, $kind $measure, $criterion);
        $crate::on_every_backend!(@one "cuda", Cuda, $kind $measure, $criterion);
    };
}

/// Writes JPEGs of CelebA's size, the bundled faces enlarged, into two class folders of `folder`.
pub fn jpegs(folder: &Path) -> Vec<PathBuf> {
    const COUNT: usize = 64;
    let faces = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/train/images");
    let mut sources: Vec<PathBuf> = std::fs::read_dir(faces)
        .expect("the bundled faces")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    sources.sort();
    let write = |(index, source): (usize, &PathBuf)| {
        let class = folder.join(["even", "odd"][index % 2]);
        std::fs::create_dir_all(&class).expect("a writable folder");
        let file = class.join(format!("{index:03}.jpg"));
        let face = image::open(source).expect("a bundled face");
        let face = face.resize_exact(178, 218, image::imageops::FilterType::CatmullRom).into_rgb8();
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90)
            .encode_image(&face)
            .expect("an encoded image");
        std::fs::write(&file, bytes).expect("a writable folder");
        file
    };
    sources.iter().take(COUNT).enumerate().map(write).collect()
}
