//! A trained StarGAN v2: images in styles from noise or from other images.

use std::path::Path;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use image::DynamicImage;

use crate::data::crop::Crop;
use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::files::model;
use crate::files::pytorch::style_keys::OURS;
use crate::files::run::resolve_model;
use crate::labels::spaces::LabelSpaces;
use crate::nn::precision::Precision;
use crate::nn::style::encoder::StyleEncoder;
use crate::nn::style::generator::StyleGenerator;
use crate::nn::style::mapping::MappingNetwork;
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, normal, stream};
use crate::recipes::stargan_v2::model::StyleModel;
use crate::translate::images::{download, prepare, upload};
use crate::translate::relabel::{Relabelling, Translate};

/// A trained StarGAN v2.
///
/// As a [`Translate`] it shows some [styles from noise](Self::latent_styles) of every domain, as
/// many as [`with_styles`](Self::with_styles) says, so that grids and metrics take it like any
/// other model; [`ReferenceTranslator`](crate::recipes::ReferenceTranslator) shows those of other
/// images.
#[derive(Clone, Debug)]
pub struct StyleTranslator<B: Backend> {
    model: StyleModel,
    generator: StyleGenerator<B>,
    mapping: MappingNetwork<B>,
    encoder: StyleEncoder<B>,
    styles: u64,
    crop: Option<Crop>,
    device: B::Device,
}

/// How many styles of a domain are shown where nobody says.
const STYLES: u64 = 3;

impl<B: Backend> StyleTranslator<B> {
    /// A translator of these networks, on `device`.
    pub fn new(
        model: StyleModel,
        generator: StyleGenerator<B>,
        mapping: MappingNetwork<B>,
        encoder: StyleEncoder<B>,
        device: B::Device,
    ) -> Self {
        Self { model, generator, mapping, encoder, styles: STYLES, crop: None, device }
    }

    /// Opens a model file, a checkpoint, or the newest checkpoint of a run folder: the moving
    /// averages where there are such.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be read; [`Error::Checkpoint`] when it is no StarGAN v2, is of
    /// another version, is damaged, or its weights do not fit its description.
    pub fn open(path: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        let path = resolve_model(path.as_ref())?;
        let (model, mut weights) = model::read::<StyleModel>(&path)?;
        let broken = |problem: String| Error::checkpoint(&path, problem);
        model.check().map_err(|error| broken(error.to_string()))?;
        let averaged = weights.keys().any(|name| name.starts_with("average."));
        let names = match averaged {
            true => ["average", "average_mapping", "average_encoder"],
            false => OURS,
        };
        // What a checkpoint holds beside the model is the trainer's.
        weights.retain(|name, _| names.iter().any(|of| belongs(name, of)));
        Self::assemble(model, names, weights, device, broken)
    }

    /// The networks of a checked `model` with the `weights` under the names of G, F and E; `broken`
    /// makes the error of those that do not fit.
    pub(super) fn assemble(
        model: StyleModel,
        [g, f, e]: [&str; 3],
        mut weights: Weights,
        device: &B::Device,
        broken: impl Fn(String) -> Error,
    ) -> Result<Self> {
        let StyleModel { networks, .. } = &model;
        let rng = &mut stream(0, Purpose::Generator, 0, 0);
        let needed = [networks.generator_params(), networks.mapping_params()];
        let needed = needed.into_iter().fold(networks.encoder_params(), u64::saturating_add);
        weights::check_enough(&weights, needed).map_err(&broken)?;
        let generator = networks.init_generator(rng, device)?;
        let generator = weights::apply(generator, g, &mut weights).map_err(&broken)?;
        let mapping = networks.init_mapping(rng, device)?;
        let mapping = weights::apply(mapping, f, &mut weights).map_err(&broken)?;
        let encoder = networks.init_encoder(rng, device)?;
        let encoder = weights::apply(encoder, e, &mut weights).map_err(&broken)?;
        weights::check_empty(&weights).map_err(broken)?;
        Ok(Self::new(model, generator, mapping, encoder, device.clone()))
    }

    pub(crate) fn networks(&self) -> (&StyleGenerator<B>, &MappingNetwork<B>, &StyleEncoder<B>) {
        (&self.generator, &self.mapping, &self.encoder)
    }

    /// What the model is.
    pub fn model(&self) -> &StyleModel {
        &self.model
    }

    /// Sets how many [styles](Translate::styles) of a domain grids show and metrics measure; 3 at
    /// first.
    pub fn with_styles(mut self, styles: u64) -> Self {
        self.styles = styles;
        self
    }

    /// Sets what G and E compute in; files, images and styles are float32.
    ///
    /// # Errors
    /// [`Error::Config`] when the device does not compute in it.
    pub fn with_precision(mut self, precision: Precision) -> Result<Self> {
        precision.check::<B>(&self.device)?;
        self.generator = self.generator.with_precision(precision);
        self.encoder = self.encoder.with_precision(precision);
        Ok(self)
    }

    /// Sets the part of a photo that is translated. At first it is the one that the model was
    /// trained on, or the largest square of a photo of which that would leave out most
    /// ([`Transform::for_photo`]); that of references in any case.
    pub fn with_crop(mut self, crop: Crop) -> Self {
        self.crop = Some(crop);
        self
    }

    /// What is done to a photo of this size, in pixels, before the networks see it.
    pub fn transform_of(&self, width: u32, height: u32) -> Transform {
        let transform = self.model.transform;
        match self.crop {
            Some(crop) => Transform { crop, ..transform },
            None => transform.for_photo(width, height),
        }
    }

    /// The style `[1, style_width]` of `domain` that the `number`-th noise has; one noise is
    /// another style in every domain.
    ///
    /// # Panics
    /// When there is no such domain.
    pub fn latent_style(&self, number: u64, domain: usize) -> Tensor<B, 2> {
        self.latent_styles(&[number], &[domain])
    }

    /// The styles `[N, style_width]` that noises of these `numbers` have, each in its of `domains`.
    ///
    /// # Panics
    /// When there are not as many domains, or one does not exist.
    pub fn latent_styles(&self, numbers: &[u64], domains: &[usize]) -> Tensor<B, 2> {
        let width = self.model.networks.latent_width;
        let noise = |&number: &u64| {
            let mut rng = stream(number, Purpose::Latent, 0, 0);
            (0..width).map(move |_| normal(&mut rng) as f32)
        };
        let latents: Vec<f32> = numbers.iter().flat_map(noise).collect();
        let latents = TensorData::new(latents, [numbers.len(), width]);
        let latents = Tensor::from_data(latents, &self.device);
        self.mapping.forward(latents, self.domains(domains))
    }

    /// The styles `[N, style_width]` of `images` `[N, C, H, W]` in `[-1, 1]`, each as an image of
    /// its of `domains`.
    ///
    /// # Panics
    /// When there are not as many domains, or one does not exist.
    pub fn reference_styles(&self, images: Tensor<B, 4>, domains: &[usize]) -> Tensor<B, 2> {
        self.encoder.forward(images, self.domains(domains))
    }

    /// The style `[1, style_width]` of one `image`, such as one of
    /// [`load_image`](crate::load_image), as one of `domain`.
    ///
    /// # Errors
    /// [`Error::Data`] when the image has no pixels; [`Error::Label`] when there is no such domain.
    pub fn reference_style(&self, image: &DynamicImage, domain: usize) -> Result<Tensor<B, 2>> {
        self.check_domain(domain)?;
        Ok(self
            .reference_styles(upload(&[self.prepare_reference(image)?], &self.device), &[domain]))
    }

    /// One `image` in a style `[1, style_width]`; the result has the model's size.
    ///
    /// # Errors
    /// [`Error::Data`] when the image has no pixels.
    ///
    /// # Panics
    /// When the style has another width.
    pub fn translate(&self, image: &DynamicImage, style: Tensor<B, 2>) -> Result<DynamicImage> {
        let images = upload(&[self.prepare(image)?], &self.device);
        Ok(download(self.forward(images, style)).remove(0))
    }

    /// `images` `[N, C, H, W]` in `[-1, 1]` in the `styles` `[N, style_width]`, or all in one; the
    /// result has the images' shape and range.
    ///
    /// # Panics
    /// When the shapes do not fit the model.
    pub fn forward(&self, images: Tensor<B, 4>, styles: Tensor<B, 2>) -> Tensor<B, 4> {
        let [n, ..] = images.dims();
        let styles = if styles.dims()[0] == 1 { styles.repeat_dim(0, n) } else { styles };
        self.generator.forward(images, styles).clamp(-1.0, 1.0)
    }

    /// An image as the networks see it.
    pub(crate) fn prepare(&self, image: &DynamicImage) -> Result<DynamicImage> {
        prepare(image, self.transform_of(image.width(), image.height()))
    }

    /// A reference as the networks see it.
    pub(crate) fn prepare_reference(&self, image: &DynamicImage) -> Result<DynamicImage> {
        prepare(image, self.model.transform.for_photo(image.width(), image.height()))
    }

    /// Refuses a domain that there isn't.
    pub(crate) fn check_domain(&self, domain: usize) -> Result<()> {
        let names = self.model.spaces.space(0).names();
        if domain < names.len() {
            return Ok(());
        }
        Err(Error::Label(format!(
            "there is no domain {domain}; from 0 they are {}",
            names.join(", ")
        )))
    }

    /// A row per domain, with a 1 at its place: `[N, domains]`.
    fn domains(&self, domains: &[usize]) -> Tensor<B, 2> {
        let width = self.model.networks.domains;
        let mut rows = vec![0.0_f32; domains.len() * width];
        for (row, &domain) in rows.chunks_exact_mut(width).zip(domains) {
            row[domain] = 1.0;
        }
        Tensor::from_data(TensorData::new(rows, [domains.len(), width]), &self.device)
    }
}

/// Whether the array `name` is of the network that files call `network`.
fn belongs(name: &str, network: &str) -> bool {
    name.strip_prefix(network).is_some_and(|rest| rest.starts_with('.'))
}

impl<B: Backend> Translate<B> for StyleTranslator<B> {
    fn spaces(&self) -> &LabelSpaces {
        &self.model.spaces
    }

    fn transform(&self) -> Transform {
        self.model.transform
    }

    fn device(&self) -> &B::Device {
        &self.device
    }

    fn styles(&self) -> u64 {
        self.styles
    }

    /// # Panics
    /// When there are not as many labels as images, or a target has no entry of 1.
    fn relabel(
        &self,
        images: Tensor<B, 4>,
        _dataset: usize,
        labels: &[Relabelling<'_>],
    ) -> Tensor<B, 4> {
        assert_eq!(images.dims()[0], labels.len(), "labels of every image");
        let numbers: Vec<u64> = labels.iter().map(|label| label.style).collect();
        let domains: Vec<usize> = labels.iter().map(|label| domain_of(label.target)).collect();
        self.forward(images, self.latent_styles(&numbers, &domains))
    }
}

/// The domain that a label says.
///
/// # Panics
/// When it says none.
pub(crate) fn domain_of(label: &[f32]) -> usize {
    label.iter().position(|&entry| entry == 1.0).expect("a domain")
}
