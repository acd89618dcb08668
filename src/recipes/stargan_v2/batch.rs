//! A batch of StarGAN v2 on the device, with its references and its noise.

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};

use crate::data::loader::{Batch, References};
use crate::nn::style::encoder::StyleEncoder;
use crate::nn::style::mapping::MappingNetwork;
use crate::random::{Purpose, normal, stream};

/// One batch with everything that is random about its step; `y` is in it as a row of the domains'
/// number with a 1 for the image's own.
#[derive(Clone, Debug)]
pub struct StyleBatch<B: Backend> {
    /// `x`, `[N, C, H, W]` in `[-1, 1]`.
    pub real: Tensor<B, 4>,
    /// `y`, the images' own domains, `[N, domains]`.
    pub source: Tensor<B, 2>,
    /// `y~`, the domains to translate to, `[N, domains]`.
    pub target: Tensor<B, 2>,
    /// Two images of the target domain for each, `[N, C, H, W]`.
    pub references: [Tensor<B, 4>; 2],
    /// `z1` and `z2`, `[N, latent_width]`, standard normal.
    pub latents: [Tensor<B, 2>; 2],
}

/// Where styles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StyleSource {
    /// From noise: `s = F_y(z)`.
    Latent,
    /// From images: `s = E_y(x_ref)`.
    Reference,
}

impl StyleSource {
    /// Both, in the order of the updates.
    pub const ALL: [Self; 2] = [Self::Latent, Self::Reference];

    /// What its losses are called by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Latent => "latent",
            Self::Reference => "reference",
        }
    }
}

impl<B: Backend> StyleBatch<B> {
    /// The rows of `batch` that this worker has the images of, on the device, with the noise of its
    /// iteration.
    ///
    /// # Panics
    /// When the batch has no references.
    pub(crate) fn new(batch: Batch, latent_width: usize, seed: u64, device: &B::Device) -> Self {
        let (shape, rows) = (batch.shape(), batch.rows.clone());
        let (n, width) = (rows.len(), batch.labels.len() / batch.batch_size);
        let mut rng = stream(seed, Purpose::Latent, batch.dataset as u64, batch.iteration);
        // Of the whole batch, so that any number of workers draw the same.
        let mut latents = || {
            let values: Vec<f32> =
                (0..batch.batch_size * latent_width).map(|_| normal(&mut rng) as f32).collect();
            let of_rows = values[rows.start * latent_width..rows.end * latent_width].to_vec();
            Tensor::from_data(TensorData::new(of_rows, [n, latent_width]), device)
        };
        let latents = [latents(), latents()];
        let References { images, labels } = batch.references.expect("batches with references");
        let domains = |labels: &[f32]| {
            let of_rows = labels[rows.start * width..rows.end * width].to_vec();
            Tensor::from_data(TensorData::new(of_rows, [n, width]), device)
        };
        let on_device = |images| Tensor::from_data(TensorData::new(images, shape), device);
        Self {
            real: on_device(batch.images),
            source: domains(&batch.labels),
            target: domains(&labels),
            references: images.map(on_device),
            latents,
        }
    }

    /// The first or the second style of every image, without a graph: `[N, style_width]`.
    ///
    /// # Panics
    /// When `number` is neither 0 nor 1.
    pub fn style(
        &self,
        number: usize,
        source: StyleSource,
        mapping: &MappingNetwork<B>,
        encoder: &StyleEncoder<B>,
    ) -> Tensor<B, 2> {
        let target = self.target.clone();
        match source {
            StyleSource::Latent => mapping.forward(self.latents[number].clone(), target),
            StyleSource::Reference => encoder.forward(self.references[number].clone(), target),
        }
    }

    /// The first style from noise with its graph: `[N, style_width]`.
    pub fn tracked_style<A>(&self, mapping: &MappingNetwork<A>) -> Tensor<A, 2>
    where
        A: AutodiffBackend<InnerBackend = B>,
    {
        let latents = Tensor::from_inner(self.latents[0].clone());
        mapping.forward(latents, Tensor::from_inner(self.target.clone()))
    }
}
