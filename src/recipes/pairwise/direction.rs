//! Trained generators of one direction each, and what several of them are together.

use std::collections::BTreeMap;

use burn::tensor::backend::Backend;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use image::DynamicImage;

use crate::data::transform::Transform;
use crate::error::Result;
use crate::files::onnx::model;
use crate::labels::spaces::LabelSpaces;
use crate::nn::generator::Generator;
use crate::nn::weights;
use crate::translate::images::{download, prepare, upload};
use crate::translate::relabel::{Relabelling, Translate};

/// A generator that translates from one domain to another.
#[derive(Clone, Debug)]
pub struct Direction<B: Backend> {
    generator: Generator<B>,
    transform: Transform,
    device: B::Device,
}

impl<B: Backend> Direction<B> {
    /// A `generator` without a condition, on `device`, of images after `transform`.
    pub fn new(generator: Generator<B>, transform: Transform, device: B::Device) -> Self {
        Self { generator, transform, device }
    }

    /// Translates `images` `[N, C, H, W]` in `[-1, 1]`.
    pub fn forward(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        self.generator.forward_unconditional(images)
    }

    /// Translates one image, such as one of [`load_image`](crate::load_image), of which the part is
    /// used that [`Transform::for_photo`] says; the result has the model's size.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) when the image has no pixels.
    pub fn translate(&self, image: &DynamicImage) -> Result<DynamicImage> {
        let prepared = prepare(image, self.transform.for_photo(image.width(), image.height()))?;
        Ok(download(self.forward(upload(&[prepared], &self.device))).remove(0))
    }

    /// The bytes of an ONNX file of the generator, as
    /// [`Translator::to_onnx`](crate::Translator::to_onnx) makes one, without labels.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when the generator is larger than the 2 GiB that
    /// such a file holds.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        let weights = weights::collect(&self.generator, "generator");
        model::generator(self.generator.config(), weights, self.transform, None)
    }
}

/// Directions that together translate between several domains: what stands beside one StarGAN
/// generator. A domain is an entry of a label that is 1 for its images only, as a class is, or a
/// member of an exclusive group.
#[derive(Clone, Debug)]
pub struct Pairwise<B: Backend> {
    spaces: LabelSpaces,
    transform: Transform,
    device: B::Device,
    directions: BTreeMap<(usize, usize), Direction<B>>,
}

impl<B: Backend> Pairwise<B> {
    /// No direction yet, between domains of the labels in `spaces`.
    pub fn new(spaces: LabelSpaces, transform: Transform, device: B::Device) -> Self {
        Self { spaces, transform, device, directions: BTreeMap::new() }
    }

    /// Adds the direction from the domain of label entry `from` to that of entry `to`.
    pub fn with(mut self, from: usize, to: usize, direction: Direction<B>) -> Self {
        self.directions.insert((from, to), direction);
        self
    }
}

impl<B: Backend> Translate<B> for Pairwise<B> {
    fn spaces(&self) -> &LabelSpaces {
        &self.spaces
    }

    fn transform(&self) -> Transform {
        self.transform
    }

    fn device(&self) -> &B::Device {
        &self.device
    }

    /// Each image by the direction that its labels ask for; one whose domain stays is left as it
    /// is, and so is one that no direction leads to.
    ///
    /// # Panics
    /// When there are not as many labels as images, or a label has no entry that is 1.
    fn relabel(
        &self,
        images: Tensor<B, 4>,
        _dataset: usize,
        labels: &[Relabelling<'_>],
    ) -> Tensor<B, 4> {
        let device = images.device();
        assert_eq!(images.dims()[0], labels.len(), "labels of every image");
        let domain = |label: &[f32]| {
            label.iter().position(|&entry| entry == 1.0).expect("every image has a domain")
        };
        let mut asked: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (image, Relabelling { source, target, .. }) in labels.iter().enumerate() {
            asked.entry((domain(source), domain(target))).or_default().push(image);
        }
        let mut translated = images.zeros_like();
        for (direction, positions) in asked {
            let positions: Vec<i64> = positions.into_iter().map(|at| at as i64).collect();
            let count = positions.len();
            let positions: Tensor<B, 1, Int> =
                Tensor::from_data(TensorData::new(positions, [count]), &device);
            let chosen = images.clone().select(0, positions.clone());
            let found = match self.directions.get(&direction) {
                Some(direction) => direction.forward(chosen),
                None => chosen,
            };
            translated = translated.select_assign(0, positions, found, IndexingUpdateOp::Add);
        }
        translated
    }
}
