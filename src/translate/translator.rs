//! A StarGAN model: one generator for every domain, and the discriminator that reads labels.

use std::path::Path;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::data::crop::Crop;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::files::model::{self, ModelConfig};
use crate::files::replace::{check_new, make_folders_of};
use crate::files::run::resolve_model;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::Discriminator;
use crate::nn::generator::Generator;
use crate::nn::precision::Precision;
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, stream};
use crate::translate::images::host;
use crate::translate::output::OutputSize;
use crate::translate::relabel::{DomainLabel, Relabelling, Translate};

/// A trained model, ready to translate images of any size.
///
/// It is `Send`, `Sync` and cheap to clone: threads share its weights.
#[derive(Clone, Debug)]
pub struct Translator<B: Backend> {
    config: ModelConfig,
    generator: Generator<B>,
    discriminator: Option<Discriminator<B>>,
    device: B::Device,
    /// In place of the model's.
    crop: Option<Crop>,
    output_size: OutputSize,
}

/// What errors call a model that is in no file.
const IN_MEMORY: &str = "a model in memory";

/// What [`Translator::save`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parts {
    /// Both networks.
    #[default]
    All,
    /// The generator alone: a smaller file, whose model can't read source labels.
    Generator,
}

impl<B: Backend> Translator<B> {
    pub(crate) fn new(
        config: ModelConfig,
        generator: Generator<B>,
        discriminator: Option<Discriminator<B>>,
        device: B::Device,
    ) -> Self {
        Self {
            config,
            generator,
            discriminator,
            device,
            crop: None,
            output_size: OutputSize::default(),
        }
    }

    /// Opens a model file, a checkpoint, or the newest checkpoint of a run folder; of a checkpoint,
    /// the moving average of G where there is one.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be read; [`Error::Checkpoint`] when it is no model of this
    /// crate, of another version, damaged, or its weights do not fit its description.
    pub fn open(path: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        let path = resolve_model(path.as_ref())?;
        Self::of_file(&path, model::read(&path)?, device)
    }

    /// The model in the bytes of a model file or a checkpoint, such as one that is compiled into a
    /// program or comes over a network.
    ///
    /// ```
    /// use stargan::burn::backend::Flex;
    /// use stargan::{Parts, Translator};
    ///
    /// # fn main() -> stargan::Result<()> {
    /// # let faces = stargan::data::read_bytes("examples/models/faces64.safetensors")?;
    /// // `include_bytes!("faces64.safetensors")`, in a program that has its model in it.
    /// let model = Translator::<Flex>::from_bytes(&faces, &Default::default())?;
    /// let small = model.to_bytes(Parts::Generator)?;
    /// assert!(small.len() < faces.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Checkpoint`] as [`open`](Self::open).
    pub fn from_bytes(bytes: &[u8], device: &B::Device) -> Result<Self> {
        let path = Path::new(IN_MEMORY);
        let contents = model::decode(bytes).map_err(|problem| Error::checkpoint(path, problem))?;
        Self::of_file(path, contents, device)
    }

    /// The model of what a file at `path` says and holds.
    fn of_file(
        path: &Path,
        (config, mut weights): (ModelConfig, Weights),
        device: &B::Device,
    ) -> Result<Self> {
        let broken = |problem: String| Error::checkpoint(path, problem);
        config.check().map_err(|error| broken(error.to_string()))?;
        // What a checkpoint holds beside the model is the trainer's.
        let averaged = weights.keys().any(|name| name.starts_with("average."));
        let prefix = if averaged { "average" } else { "generator" };
        weights.retain(|name, _| {
            let other = averaged && name.starts_with("generator.");
            !(name.starts_with("adam.") || other)
        });
        let translator = Self::assemble(config, prefix, &mut weights, device, broken)?;
        weights::check_empty(&weights).map_err(broken)?;
        Ok(translator)
    }

    /// The networks of `config` with the weights under `generator_prefix.` and `discriminator.`,
    /// which are taken out of `weights`; `broken` makes the error of those that do not fit.
    pub(crate) fn assemble(
        config: ModelConfig,
        generator_prefix: &str,
        weights: &mut Weights,
        device: &B::Device,
        broken: impl Fn(String) -> Error,
    ) -> Result<Self> {
        let discriminator = config.discriminator.as_ref().map_or(0, |config| config.num_params());
        let params = config.generator.num_params().saturating_add(discriminator);
        weights::check_enough(weights, params).map_err(&broken)?;
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

    /// Writes a model file that [`open`](Self::open) reads on every backend.
    ///
    /// # Errors
    /// [`Error::Io`] when the file exists or can't be written.
    pub fn save(&self, path: impl AsRef<Path>, parts: Parts) -> Result<()> {
        let path = path.as_ref();
        check_new(path)?;
        self.replace(path, parts)
    }

    /// As [`save`](Self::save), in place of an earlier file, which stays until the new one is
    /// whole.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be written.
    pub fn replace(&self, path: impl AsRef<Path>, parts: Parts) -> Result<()> {
        let path = path.as_ref();
        let (config, weights) = self.contents(parts);
        make_folders_of(path)?;
        model::write(path, &config, &weights)
    }

    /// The bytes of the file that [`save`](Self::save) writes.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the model's description is longer than any file's.
    pub fn to_bytes(&self, parts: Parts) -> Result<Vec<u8>> {
        let (config, weights) = self.contents(parts);
        model::encode(&config, &weights)
            .map_err(|problem| Error::checkpoint(Path::new(IN_MEMORY), problem))
    }

    /// What a file of `parts` says and holds.
    fn contents(&self, parts: Parts) -> (ModelConfig, Weights) {
        let mut config = self.config.clone();
        let mut weights: Weights = weights::collect(&self.generator, "generator");
        match &self.discriminator {
            Some(discriminator) if parts == Parts::All => {
                weights.extend(weights::collect(discriminator, "discriminator"));
            }
            _ => config.discriminator = None,
        }
        (config, weights)
    }

    pub(crate) fn networks(&self) -> (&Generator<B>, Option<&Discriminator<B>>) {
        (&self.generator, self.discriminator.as_ref())
    }

    /// What the model is.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Sets what its networks compute in; files, images and logits are float32.
    ///
    /// # Errors
    /// [`Error::Config`] when the device does not compute in it.
    pub fn with_precision(mut self, precision: Precision) -> Result<Self> {
        precision.check::<B>(&self.device)?;
        self.generator = self.generator.with_precision(precision);
        self.discriminator =
            self.discriminator.map(|discriminator| discriminator.with_precision(precision));
        Ok(self)
    }

    /// Takes `crop` of every image in place of the model's own, also where that leaves out most of
    /// an image. Files are as before.
    pub fn with_crop(mut self, crop: Crop) -> Self {
        self.crop = Some(crop);
        self
    }

    /// Sets the size of what it makes of an image; labels are read, and grids and metrics are made,
    /// at the model's size. Files are as before.
    ///
    /// # Errors
    /// [`Error::Config`] when the generator can't work at the size.
    pub fn with_output_size(mut self, size: OutputSize) -> Result<Self> {
        self.output_size = size;
        if let OutputSize::Side(_) = size {
            let seen = self.seen_size();
            Transform { size: seen, ..self.config.transform }.check()?;
            self.config.generator.check_image_size(self.config.generator.next_size(seen))?;
        }
        Ok(self)
    }

    /// The size of what the generator is given.
    pub(super) fn seen_size(&self) -> ImageSize {
        let size = self.config.transform.size;
        match self.output_size {
            OutputSize::Side(side) => {
                let [width, height] = size.with_shorter_side(side).map(|side| side as usize);
                ImageSize::new(width, height)
            }
            _ => size,
        }
    }

    /// The size of what it makes of an image.
    pub fn output_size(&self) -> OutputSize {
        self.output_size
    }

    /// What is done to an image of this size before the model sees it: the model's own crop, that
    /// of the images trained on, but the largest centre part where that would leave out most of the
    /// image ([`Transform::for_photo`]), and what [`with_crop`](Self::with_crop) says in any case.
    /// How much is left out [`Transform::left_out`] says.
    pub fn transform_of(&self, width: u32, height: u32) -> Transform {
        let transform = self.config.transform;
        match self.crop {
            Some(crop) => Transform { crop, ..transform },
            None => transform.for_photo(width, height),
        }
    }

    /// The label spaces the model knows.
    pub fn spaces(&self) -> &LabelSpaces {
        &self.config.spaces
    }

    /// The generator on tensors: `images` `[N, C, H, W]` in `[-1, 1]`, one label each.
    ///
    /// # Panics
    /// When there is not one label per image, or a label does not fit its dataset.
    pub fn forward(&self, images: Tensor<B, 4>, targets: &[DomainLabel]) -> Tensor<B, 4> {
        let condition =
            |target: &DomainLabel| self.spaces().condition(target.dataset, &target.label);
        let conditions: Vec<_> = targets.iter().map(condition).collect();
        self.forward_conditions(images, &conditions)
    }

    /// The generator on tensors, told the condition vectors themselves, such as one with another
    /// mask than [`LabelSpaces::condition`] makes: `images` `[N, C, H, W]` in `[-1, 1]`, one
    /// condition each.
    ///
    /// # Panics
    /// When there is not one condition per image, or one has not
    /// [`condition_width`](LabelSpaces::condition_width) entries.
    pub fn forward_conditions(
        &self,
        images: Tensor<B, 4>,
        conditions: &[Vec<f32>],
    ) -> Tensor<B, 4> {
        self.forward_masked(images, conditions).0
    }

    /// What the generator is given for labels of a dataset.
    pub(super) fn conditions_of(
        &self,
        dataset: usize,
        labels: &[Relabelling<'_>],
    ) -> Vec<Vec<f32>> {
        let condition =
            |labels: &Relabelling<'_>| self.config.spaces.condition(dataset, labels.target);
        labels.iter().map(condition).collect()
    }

    /// [`forward_conditions`](Self::forward_conditions), and [`Generator::forward_masked`]'s masks.
    pub(super) fn forward_masked(
        &self,
        images: Tensor<B, 4>,
        conditions: &[Vec<f32>],
    ) -> (Tensor<B, 4>, Option<Tensor<B, 4>>) {
        let width = self.spaces().condition_width();
        assert!(conditions.iter().all(|condition| condition.len() == width), "another width");
        let conditions = TensorData::new(conditions.concat(), [conditions.len(), width]);
        self.generator.forward_masked(images, Tensor::from_data(conditions, &self.device))
    }

    /// The network that reads labels.
    pub(crate) fn reader(&self) -> Result<&Discriminator<B>> {
        self.discriminator.as_ref().ok_or_else(|| {
            Error::Label(
                "this model has no discriminator, so the images' own labels can't be predicted; \
                 give the source label of every dataset that the edit concerns"
                    .to_owned(),
            )
        })
    }

    /// The discriminator's logits of the labels of `dataset`, of every image.
    pub(crate) fn domain_logits(
        &self,
        images: Tensor<B, 4>,
        dataset: usize,
    ) -> Result<Vec<Vec<f32>>> {
        let discriminator = self.reader()?;
        let range = self.config.spaces.logit_range(dataset);
        let n = images.dims()[0];
        let logits = discriminator.forward(images).domain_logits;
        let logits = host(logits.slice([0..n, range.clone()]).into_data());
        Ok(logits.chunks_exact(range.len()).map(<[f32]>::to_vec).collect())
    }

    /// Where the model computes.
    pub fn device(&self) -> &B::Device {
        &self.device
    }
}

impl<B: Backend> Translate<B> for Translator<B> {
    fn spaces(&self) -> &LabelSpaces {
        &self.config.spaces
    }

    fn transform(&self) -> Transform {
        let transform = self.config.transform;
        Transform { crop: self.crop.unwrap_or(transform.crop), ..transform }
    }

    fn device(&self) -> &B::Device {
        &self.device
    }

    fn relabel(
        &self,
        images: Tensor<B, 4>,
        dataset: usize,
        labels: &[Relabelling<'_>],
    ) -> Tensor<B, 4> {
        self.forward_conditions(images, &self.conditions_of(dataset, labels))
    }

    fn read_labels(&self, images: Tensor<B, 4>, dataset: usize) -> Result<Vec<Vec<f32>>> {
        let space = self.config.spaces.space(dataset);
        let logits = self.domain_logits(images, dataset)?;
        Ok(logits.iter().map(|logits| space.predict(logits)).collect())
    }
}
