//! Translating images with a trained model.

use std::fs;
use std::path::Path;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use image::{DynamicImage, RgbImage, imageops};

use crate::data::{to_network, to_rgb_image};
use crate::discriminator::Discriminator;
use crate::domains::{DomainEdit, Domains};
use crate::error::{Error, Result};
use crate::generator::Generator;
use crate::model::{self, ModelConfig};
use crate::random::{Purpose, stream};
use crate::train::resolve_model;
use crate::weights::{self, Weights};

/// Images that go through the generator at once.
pub(crate) const CHUNK: usize = 16;

/// A label of one dataset: the image's own, or one to translate to.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainLabel {
    /// The dataset, from 0.
    pub dataset: usize,
    /// The label, as wide as the dataset's label space.
    pub label: Vec<f32>,
}

/// A picture of images and their translations.
#[derive(Clone, Debug)]
pub struct Grid {
    /// A row per image: the image, then its translation to every target.
    pub image: RgbImage,
    /// What the columns show: `input`, then the targets' names.
    pub columns: Vec<String>,
}

impl Grid {
    /// Rows of equally large images as one picture; `columns` says what they show.
    ///
    /// # Panics
    /// When there is no image.
    pub fn of(rows: &[Vec<RgbImage>], columns: Vec<String>) -> Self {
        let (width, height) = rows[0][0].dimensions();
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
        let mut image = RgbImage::new(width * longest, height * rows.len() as u32);
        for (y, row) in (0..).zip(rows) {
            for (x, cell) in (0..).zip(row) {
                let (x, y) = (x * i64::from(width), y * i64::from(height));
                imageops::replace(&mut image, cell, x, y);
            }
        }
        Self { image, columns }
    }
}

/// A trained model, ready to translate images of any size; results have the model's size.
#[derive(Clone, Debug)]
pub struct Translator<B: Backend> {
    config: ModelConfig,
    generator: Generator<B>,
    discriminator: Option<Discriminator<B>>,
    device: B::Device,
}

impl<B: Backend> Translator<B> {
    pub(crate) fn new(
        config: ModelConfig,
        generator: Generator<B>,
        discriminator: Option<Discriminator<B>>,
        device: B::Device,
    ) -> Self {
        Self { config, generator, discriminator, device }
    }

    /// Opens a model file, a checkpoint, or the newest checkpoint of a run folder; of a checkpoint,
    /// the moving average of G where there is one.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be read; [`Error::Checkpoint`] when it is no model of this crate,
    /// of another version, damaged, or its weights do not fit its description.
    pub fn open(path: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        let path = resolve_model(path.as_ref())?;
        let (config, mut weights) = model::read::<ModelConfig>(&path)?;
        let broken = |problem: String| Error::checkpoint(&path, problem);
        config.validate().map_err(|error| broken(error.to_string()))?;
        // What a checkpoint holds beside the model is the trainer's.
        let averaged = weights.keys().any(|name| name.starts_with("average."));
        let prefix = if averaged { "average" } else { "generator" };
        weights.retain(|name, _| {
            let other = averaged && name.starts_with("generator.");
            !(name.starts_with("adam.") || other)
        });
        let translator = Self::assemble(config, prefix, &mut weights, device, broken)?;
        weights::expect_empty(&weights).map_err(broken)?;
        Ok(translator)
    }

    /// The networks of `config` with the weights under `generator_prefix.` and `discriminator.`, which are taken
    /// out of `weights`; `broken` makes the error of those that do not fit.
    pub(crate) fn assemble(
        config: ModelConfig,
        generator_prefix: &str,
        weights: &mut Weights,
        device: &B::Device,
        broken: impl Fn(String) -> Error,
    ) -> Result<Self> {
        let discriminator = config.discriminator.as_ref().map_or(0, |config| config.num_params());
        let params = config.generator.num_params().saturating_add(discriminator);
        weights::expect_enough(weights, params).map_err(&broken)?;
        let mut rng = stream(0, Purpose::Generator, 0, 0);
        let generator = config.generator.init(&mut rng, device)?;
        let generator = weights::apply(generator, generator_prefix, weights).map_err(&broken)?;
        let discriminator = match &config.discriminator {
            Some(discriminator) => {
                let discriminator = discriminator.init(&mut rng, device)?;
                Some(weights::apply(discriminator, "discriminator", weights).map_err(&broken)?)
            }
            None => None,
        };
        Ok(Self::new(config, generator, discriminator, device.clone()))
    }

    /// Writes a model file that [`open`](Self::open) reads on every backend; without the
    /// discriminator the file is smaller, and source labels can then not be predicted.
    ///
    /// # Errors
    /// [`Error::Io`] when the file exists or can't be written.
    pub fn save(&self, path: impl AsRef<Path>, with_discriminator: bool) -> Result<()> {
        let path = path.as_ref();
        if path.exists() {
            return Err(Error::io(path, std::io::ErrorKind::AlreadyExists.into()));
        }
        let mut config = self.config.clone();
        let mut weights: Weights = weights::collect(&self.generator, "generator");
        match &self.discriminator {
            Some(discriminator) if with_discriminator => {
                weights.extend(weights::collect(discriminator, "discriminator"));
            }
            _ => config.discriminator = None,
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        model::write(path, &config, &weights)
    }

    pub(crate) fn networks(&self) -> (&Generator<B>, Option<&Discriminator<B>>) {
        (&self.generator, self.discriminator.as_ref())
    }

    /// What the model is.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The label spaces the model knows.
    pub fn domains(&self) -> &Domains {
        &self.config.domains
    }

    /// Translates one image. Its own label is [predicted](Self::predict) where the edit keeps a part of it, then
    /// the edit is applied,
    /// such as `"Blond_Hair"`, `"+Male,-Young"` or `"Male=0.5"` (see [`Edit`](crate::Edit)).
    ///
    /// Of a model that was trained on several datasets, any label of any of them applies to any image, as
    /// `"expressions:happy"`, or `"happy"` where only one has it. Terms of two datasets, such as
    /// `"Blond_Hair,happy"`, are two translations, the second of what the first has made
    /// (see [`Domains::edits`]).
    ///
    /// # Errors
    /// [`Error::Label`] when the edit makes no sense, or a label would have to be predicted and the model has no
    /// discriminator.
    pub fn translate(&self, image: &DynamicImage, edit: &str) -> Result<RgbImage> {
        let mut translated = self.translate_batch(std::slice::from_ref(image), edit)?;
        Ok(translated.remove(0))
    }

    /// Translates images as [`translate`](Self::translate) does, several at a time.
    ///
    /// # Errors
    /// As [`translate`](Self::translate).
    pub fn translate_batch(&self, images: &[DynamicImage], edit: &str) -> Result<Vec<RgbImage>> {
        let images: Vec<RgbImage> = images.iter().map(|image| self.prepare(image)).collect();
        self.apply(&images, None, edit)
    }

    /// Translates one image whose own label is known, such as `"Black_Hair,Male"` or, in two datasets,
    /// `"Black_Hair,happy"`; where the edit changes labels of further datasets, these are predicted.
    ///
    /// # Errors
    /// [`Error::Label`] when the source or the edit makes no sense, or the edit changes nothing in a dataset of
    /// the source.
    pub fn translate_from(
        &self,
        image: &DynamicImage,
        source: &str,
        edit: &str,
    ) -> Result<RgbImage> {
        Ok(self.apply(&[self.prepare(image)], Some(source), edit)?.remove(0))
    }

    /// Translates one image to an explicit label.
    ///
    /// # Errors
    /// [`Error::Label`] when the dataset does not exist or the label does not fit it.
    pub fn translate_to(&self, image: &DynamicImage, target: &DomainLabel) -> Result<RgbImage> {
        if target.dataset >= self.domains().len() {
            return Err(Error::Label(format!(
                "dataset {} does not exist, the model knows {}",
                target.dataset,
                self.domains().len()
            )));
        }
        self.domains().space(target.dataset).check_label(&target.label)?;
        let condition = self.domains().condition(target.dataset, &target.label);
        Ok(self.translate_conditions(image, &[condition]).remove(0))
    }

    /// Translates one image as each of the condition vectors says, such as one with another mask than
    /// [`Domains::condition`] makes.
    ///
    /// # Panics
    /// When a condition has not [`condition_width`](Domains::condition_width) entries.
    pub fn translate_conditions(
        &self,
        image: &DynamicImage,
        conditions: &[Vec<f32>],
    ) -> Vec<RgbImage> {
        self.generate(&vec![self.prepare(image); conditions.len()], conditions)
    }

    /// The image's own label in `dataset`, as the discriminator's domain head reads it: 0 or 1 per
    /// entry.
    ///
    /// # Errors
    /// [`Error::Label`] when the model has no discriminator.
    ///
    /// # Panics
    /// When `dataset` does not exist.
    pub fn predict(&self, image: &DynamicImage, dataset: usize) -> Result<Vec<f32>> {
        Ok(self.predict_prepared(&[self.prepare(image)], dataset)?.remove(0))
    }

    /// A grid of `images` with their own labels where known: each followed by its translation to
    /// every target of every dataset ([`LabelSpace::targets`](crate::labels::LabelSpace::targets)).
    ///
    /// # Errors
    /// [`Error::Label`] when there are no images, a label does not fit, or one would have to be
    /// predicted and the model has no discriminator.
    pub fn grid(&self, images: &[(DynamicImage, Option<DomainLabel>)]) -> Result<Grid> {
        if images.is_empty() {
            return Err(Error::Label("a grid needs at least one image".to_owned()));
        }
        let mut rows = Vec::new();
        let mut columns = Vec::new();
        for (image, known) in images {
            let prepared = self.prepare(image);
            let mut conditions = Vec::new();
            columns = vec!["input".to_owned()];
            for dataset in 0..self.domains().len() {
                let known = known.as_ref().filter(|known| known.dataset == dataset);
                let source = match known {
                    Some(known) => {
                        self.domains().space(dataset).check_label(&known.label)?;
                        known.label.clone()
                    }
                    None => {
                        self.predict_prepared(std::slice::from_ref(&prepared), dataset)?.remove(0)
                    }
                };
                for target in self.domains().targets(dataset, &source) {
                    columns.push(target.name);
                    conditions.push(self.domains().condition(dataset, &target.label));
                }
            }
            let inputs = vec![prepared.clone(); conditions.len()];
            let mut row = vec![prepared];
            row.extend(self.generate(&inputs, &conditions));
            rows.push(row);
        }
        Ok(Grid::of(&rows, columns))
    }

    /// A grid of `images`, each followed by its translation by every one of `edits`. All images have
    /// the label `source` (see [`translate_from`](Self::translate_from)); without it, every image's
    /// own is [predicted](Self::predict). A column is named after its edit.
    ///
    /// # Errors
    /// [`Error::Label`] when there are no images, the source or an edit makes no sense, they belong to
    /// different datasets, or a source would have to be predicted and the model has no discriminator.
    pub fn grid_of_edits(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edits: &[impl AsRef<str>],
    ) -> Result<Grid> {
        if images.is_empty() {
            return Err(Error::Label("a grid needs at least one image".to_owned()));
        }
        let images: Vec<RgbImage> = images.iter().map(|image| self.prepare(image)).collect();
        let mut rows: Vec<_> = images.iter().map(|image| vec![image.clone()]).collect();
        let mut columns = vec!["input".to_owned()];
        for edit in edits.iter().map(AsRef::as_ref) {
            for (row, image) in rows.iter_mut().zip(self.apply(&images, source, edit)?) {
                row.push(image);
            }
            columns.push(edit.to_owned());
        }
        Ok(Grid::of(&rows, columns))
    }

    /// The edit's translations of prepared images, one after the other. An image's own label is
    /// `source` in that label's dataset and predicted in others.
    fn apply(
        &self,
        images: &[RgbImage],
        source: Option<&str>,
        edit: &str,
    ) -> Result<Vec<RgbImage>> {
        let edits = self.domains().edits(edit)?;
        let known = match source {
            Some(source) => self.domains().source_labels(source)?,
            None => Vec::new(),
        };
        let names = |datasets: &mut dyn Iterator<Item = usize>| {
            datasets.map(|dataset| self.domains().name(dataset)).collect::<Vec<_>>().join(" and ")
        };
        if let Some((dataset, _)) =
            known.iter().find(|(dataset, _)| edits.iter().all(|edit| edit.dataset != *dataset))
        {
            return Err(Error::Label(format!(
                "the source label is of {}, the edit only of {}: leave that label out, or edit it",
                names(&mut [*dataset].into_iter()),
                names(&mut edits.iter().map(|edit| edit.dataset))
            )));
        }
        let mut images = images.to_vec();
        for DomainEdit { dataset, edit } in edits {
            let sources = match known.iter().find(|(known, _)| *known == dataset) {
                Some((_, label)) => vec![label.clone(); images.len()],
                None if edit.is_whole() => {
                    vec![vec![0.0; self.domains().space(dataset).width()]; images.len()]
                }
                None => self.predict_prepared(&images, dataset)?,
            };
            let conditions: Vec<_> = sources
                .iter()
                .map(|source| self.domains().condition(dataset, &edit.apply(source)))
                .collect();
            images = self.generate(&images, &conditions);
        }
        Ok(images)
    }

    /// The generator on tensors: `images` `[N, C, S, S]` in `[-1, 1]`, one label each.
    ///
    /// # Panics
    /// When there is not one label per image, or a label does not fit its dataset.
    pub fn forward(&self, images: Tensor<B, 4>, targets: &[DomainLabel]) -> Tensor<B, 4> {
        let condition =
            |target: &DomainLabel| self.domains().condition(target.dataset, &target.label);
        let conditions: Vec<_> = targets.iter().map(condition).collect();
        self.forward_conditions(images, &conditions)
    }

    /// The generator on tensors, told the condition vectors themselves, such as one with another mask than
    /// [`Domains::condition`] makes: `images` `[N, C, S, S]` in `[-1, 1]`, one condition each.
    ///
    /// # Panics
    /// When there is not one condition per image, or one has not
    /// [`condition_width`](Domains::condition_width) entries.
    pub fn forward_conditions(
        &self,
        images: Tensor<B, 4>,
        conditions: &[Vec<f32>],
    ) -> Tensor<B, 4> {
        let width = self.domains().condition_width();
        assert!(conditions.iter().all(|condition| condition.len() == width), "another width");
        let conditions = TensorData::new(conditions.concat(), [conditions.len(), width]);
        self.generator.forward(images, Tensor::from_data(conditions, &self.device))
    }

    /// Where the model computes.
    pub fn device(&self) -> &B::Device {
        &self.device
    }

    /// The image cropped and resized as the model's transform says.
    pub fn prepare(&self, image: &DynamicImage) -> RgbImage {
        self.config.transform.resize_to_u8(&image.to_rgb8())
    }

    fn predict_prepared(&self, images: &[RgbImage], dataset: usize) -> Result<Vec<Vec<f32>>> {
        let discriminator = self.discriminator.as_ref().ok_or_else(|| {
            Error::Label(
                "this model has no discriminator, so the images' own labels can't be predicted; give the source \
                 label (--source), of every dataset that the edit concerns"
                    .to_owned(),
            )
        })?;
        let range = self.domains().logit_range(dataset);
        let space = self.domains().space(dataset);
        let mut labels = Vec::with_capacity(images.len());
        for chunk in images.chunks(CHUNK) {
            let logits = discriminator.forward(upload(chunk, &self.device)).domain_logits;
            let logits = logits.slice([0..chunk.len(), range.clone()]);
            let logits = host(logits.into_data());
            labels.extend(logits.chunks_exact(range.len()).map(|logits| space.predict(logits)));
        }
        Ok(labels)
    }

    /// Translates prepared images, each as its condition says.
    fn generate(&self, images: &[RgbImage], conditions: &[Vec<f32>]) -> Vec<RgbImage> {
        let size = self.config.transform.size;
        let mut translated = Vec::with_capacity(images.len());
        for (images, conditions) in images.chunks(CHUNK).zip(conditions.chunks(CHUNK)) {
            let output = self.forward_conditions(upload(images, &self.device), conditions);
            let values = host(output.into_data());
            translated.extend(
                values
                    .chunks_exact(values.len() / images.len())
                    .map(|image| to_rgb_image(image, size, size)),
            );
        }
        translated
    }
}

/// Square images of one size as the networks take them: `[N, 3, S, S]` in `[-1, 1]`.
pub(crate) fn upload<B: Backend>(images: &[RgbImage], device: &B::Device) -> Tensor<B, 4> {
    let size = images[0].width() as usize;
    let values: Vec<f32> = images.iter().flat_map(to_network).collect();
    Tensor::from_data(TensorData::new(values, [images.len(), 3, size, size]), device)
}

/// Float tensor data as `f32`, whatever the backend's precision.
pub(crate) fn host(data: TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}
