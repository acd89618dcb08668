//! A classifier trained on real images, which says what translated images look like (paper,
//! section 5.5 and Table 3).

mod network;

use std::path::Path;

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use image::DynamicImage;
use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use crate::data::datasets::Datasets;
use crate::data::loader::Loader;
use crate::data::loader_config::LoaderConfig;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::data::unreadable::UnreadablePolicy;
use crate::error::{Error, Result};
use crate::files::model;
use crate::labels::space::{LabelKind, LabelSpace};
use crate::metrics::asked::{Asked, asked_of, style_of};
use crate::metrics::judge::network::{Architecture, Network};
use crate::metrics::readings::Readings;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::resnet::ResNet18Config;
use crate::optim::adam::{Adam, AdamConfig};
use crate::optim::schedule::Schedule;
use crate::random::{Purpose, stream};
use crate::recipes::losses::domain_loss;
use crate::translate::images::{CHUNK, host, upload};
use crate::translate::relabel::Translate;

/// What a [`Judge`] reads labels with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JudgeNetwork {
    /// The discriminator's trunk with its domain head: small, and fitted to the size of the images.
    #[default]
    Trunk,
    /// ResNet-18 as torchvision has it, with as many last outputs as labels; the paper's. Images of
    /// 64 pixels and more leave its last feature maps more than one pixel.
    ResNet18,
}

/// How a [`Judge`] is trained.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JudgeConfig {
    /// The size of the images.
    pub image_size: ImageSize,
    /// The channels of the images.
    pub channels: Channels,
    /// What it reads with: the trunk.
    pub network: JudgeNetwork,
    /// Channels of the trunk after its first convolution: 16.
    pub base_channels: usize,
    /// Images per batch: 32, or all where there are fewer.
    pub batch_size: usize,
    /// Updates: 800.
    pub iterations: u64,
    /// Adam's learning rate, constant for the first half and then falling to 0: 5e-4.
    pub learning_rate: f64,
    /// Decides the first weights and the order of the images.
    pub seed: u64,
    /// What happens when an image can't be read: it is an error.
    pub on_unreadable: UnreadablePolicy,
}

impl JudgeConfig {
    /// The defaults for RGB images of `image_size`, a number for squares.
    pub fn new(image_size: impl Into<ImageSize>) -> Self {
        Self {
            image_size: image_size.into(),
            channels: Channels::Rgb,
            network: JudgeNetwork::Trunk,
            base_channels: 16,
            batch_size: 32,
            iterations: 800,
            learning_rate: 5e-4,
            seed: 0,
            on_unreadable: UnreadablePolicy::Fail,
        }
    }

    /// Sets the channels of the images.
    pub fn with_channels(mut self, channels: Channels) -> Self {
        self.channels = channels;
        self
    }

    /// Sets what it reads with.
    pub fn with_network(mut self, network: JudgeNetwork) -> Self {
        self.network = network;
        self
    }

    /// Sets the channels of the trunk after its first convolution.
    pub fn with_base_channels(mut self, channels: usize) -> Self {
        self.base_channels = channels;
        self
    }

    /// Sets the number of images per batch.
    pub fn with_batch_size(mut self, images: usize) -> Self {
        self.batch_size = images;
        self
    }

    /// Sets the number of updates.
    pub fn with_iterations(mut self, iterations: u64) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets Adam's learning rate.
    pub fn with_learning_rate(mut self, rate: f64) -> Self {
        self.learning_rate = rate;
        self
    }

    /// Sets what decides the first weights and the order of the images.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets what happens when an image can't be read.
    pub fn with_on_unreadable(mut self, policy: UnreadablePolicy) -> Self {
        self.on_unreadable = policy;
        self
    }

    /// Trains a judge of the labels of `data`, one dataset, whose images are mirrored at random.
    ///
    /// # Errors
    /// When the configuration can't work, there is not one dataset, it is empty, or an image can't
    /// be read.
    pub fn train<B: AutodiffBackend>(
        &self,
        data: impl Into<Datasets>,
        device: &B::Device,
    ) -> Result<Judge<B::InnerBackend>> {
        let Self { image_size, channels, batch_size, iterations, seed, on_unreadable, .. } = *self;
        let data = data.into();
        if data.len() != 1 {
            let message = format!("a judge is of one dataset, found {}", data.len());
            return Err(Error::Config(message));
        }
        if iterations == 0 || !(f64::MIN_POSITIVE..=1.0).contains(&self.learning_rate) {
            return Err(Error::Config(format!(
                "a judge needs at least 1 iteration and a learning rate above 0 and up to 1, \
                 found {iterations} and {}",
                self.learning_rate
            )));
        }
        let batch_size = batch_size.min(data[0].len().max(1));
        let labels = data[0].labels().clone();
        let (image_channels, label_width) = (channels.count(), labels.width());
        let architecture = match self.network {
            JudgeNetwork::Trunk => Architecture::Trunk(
                DiscriminatorConfig::fitting(image_size, label_width)
                    .with_image_channels(image_channels)
                    .with_base_channels(self.base_channels),
            ),
            JudgeNetwork::ResNet18 => Architecture::ResNet18 {
                resnet18: ResNet18Config { image_size, image_channels, label_width },
            },
        };
        let mut network =
            architecture.init::<B>(&mut stream(seed, Purpose::Judge, 0, 0), device)?;
        let mut adam = Adam::new(AdamConfig { beta1: 0.9, ..AdamConfig::default() });
        let loader = LoaderConfig {
            batch_size,
            image_size,
            channels,
            seed,
            on_unreadable,
            ..LoaderConfig::default()
        };
        let mut loader = Loader::new(&data, loader, 1)?;
        for iteration in 1..=iterations {
            let batch = loader.next_batch()?;
            let expected = batch.labels.clone();
            let expected = TensorData::new(expected, [batch_size, label_width]);
            let logits = network.logits(network.features(batch.into_images(device)));
            let loss = domain_loss(labels.kind(), logits, Tensor::from_data(expected, device));
            let rate = Schedule::default().learning_rate(self.learning_rate, iteration, iterations);
            network = network.step(&mut adam, loss, rate);
        }
        let about = About { labels, architecture, crop: Some(data[0].crop()) };
        Ok(Judge { network: network.valid(), about, device: device.clone() })
    }
}

/// A classifier of one dataset's labels, trained on real images only.
///
/// It says what a translated image looks like. What that is worth depends on how often it is right
/// about real images that it has not seen: ask for its [`accuracy`](Self::accuracy) first.
#[derive(Clone, Debug)]
pub struct Judge<B: Backend> {
    network: Network<B>,
    about: About,
    device: B::Device,
}

/// What a judge's file says of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct About {
    labels: LabelSpace,
    architecture: Architecture,
    /// Of the images that it was trained on; earlier files don't say.
    #[serde(default)]
    crop: Option<Crop>,
}

/// The description in a judge's file, which no model's file has.
#[derive(Serialize, Deserialize)]
struct File {
    judge: About,
}

/// What a judge makes of some images.
pub(super) struct Look {
    /// The labels that it reads, of zeros and ones.
    pub labels: Vec<Vec<f32>>,
    /// The last feature maps before the labels are read from them, averaged over their pixels.
    pub features: Vec<Vec<f32>>,
}

impl<B: Backend> Judge<B> {
    /// Opens a judge that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read; [`Error::Checkpoint`] when it holds no judge, or
    /// is damaged.
    pub fn open(path: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        let path = path.as_ref();
        let (File { judge: about }, weights) = model::read::<File>(path)?;
        let broken = |problem: String| Error::checkpoint(path, problem);
        about.labels.check().map_err(|error| broken(error.to_string()))?;
        let mut rng = stream(0, Purpose::Judge, 0, 0);
        let network = about.architecture.load(weights, &mut rng, device).map_err(broken)?;
        if about.architecture.label_width() != about.labels.width() {
            return Err(broken("its labels are not as wide as its network".to_owned()));
        }
        Channels::try_from(about.architecture.image_channels()).map_err(broken)?;
        Ok(Self { network, about, device: device.clone() })
    }

    /// Writes a file that [`open`](Self::open) reads on every backend.
    ///
    /// # Errors
    /// [`Error::Io`] when the file exists or can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path.exists() {
            return Err(Error::io(path, std::io::ErrorKind::AlreadyExists.into()));
        }
        let file = File { judge: self.about.clone() };
        model::write(path, &file, &self.network.weights())
    }

    /// The labels that it reads.
    pub fn labels(&self) -> &LabelSpace {
        &self.about.labels
    }

    /// The part that was used of the images that it was trained on: of images that are cropped
    /// otherwise, what it reads is worth less. None where its file, of an earlier version, does not
    /// say.
    pub fn crop(&self) -> Option<Crop> {
        self.about.crop
    }

    /// The size of the images that it takes.
    pub fn image_size(&self) -> ImageSize {
        self.about.architecture.image_size()
    }

    /// The channels of the images that it takes.
    pub fn channels(&self) -> Channels {
        Channels::of_count(self.about.architecture.image_channels()).unwrap_or_default()
    }

    /// Where it computes.
    pub fn device(&self) -> &B::Device {
        &self.device
    }

    /// The number of features of an image: the channels of the network's last feature maps.
    pub(super) fn feature_width(&self) -> usize {
        self.about.architecture.feature_width()
    }

    /// What is done to an image of `data` before it takes it.
    pub(super) fn transform(&self, data: &dyn Dataset) -> Transform {
        Transform::new(data.crop(), self.image_size()).with_channels(self.channels())
    }

    /// Image `index` of `data` as it takes it.
    fn prepare(&self, data: &dyn Dataset, index: usize) -> Result<DynamicImage> {
        Ok(self.transform(data).resize(&data.load_cropped(index, self.image_size())?))
    }

    /// Refuses a model that makes images of another size or of other channels than it takes: to be
    /// asked before many are translated.
    ///
    /// # Errors
    /// [`Error::Config`] with both.
    pub fn check_model(&self, model: &(impl Translate<B> + ?Sized)) -> Result<()> {
        let Transform { size, channels, .. } = model.transform();
        if channels != self.channels() {
            return Err(Error::Config(format!(
                "the judge takes images of {} channels, the model makes those of {channels}",
                self.channels()
            )));
        }
        if size != self.image_size() {
            return Err(Error::Config(format!(
                "the judge takes {} pixel images, the model makes {size} pixel ones",
                self.image_size()
            )));
        }
        Ok(())
    }

    /// Looks at `images` `[N, C, H, W]` in `[-1, 1]`.
    pub(super) fn look(&self, images: Tensor<B, 4>) -> Look {
        let features = self.network.features(images);
        let [n, width, ..] = features.dims();
        let averaged = features.clone().flatten::<3>(2, 3).mean_dim(2);
        let rows = |values: Vec<f32>, width: usize| -> Vec<Vec<f32>> {
            values.chunks_exact(width).map(<[f32]>::to_vec).collect()
        };
        let logits = host(self.network.logits(features).into_data());
        let labels = logits.chunks_exact(self.labels().width());
        let labels: Vec<_> = labels.map(|row| self.labels().predict(row)).collect();
        debug_assert_eq!(labels.len(), n);
        Look { labels, features: rows(host(averaged.into_data()), width) }
    }

    /// How often the judge reads the labels of `data` rightly; its accuracy, where these are real
    /// images that it was not trained on. An image counts for its class, or for every attribute.
    ///
    /// # Errors
    /// When the data have other labels than the judge, or an image can't be read.
    pub fn accuracy(&self, data: &dyn Dataset) -> Result<Readings> {
        self.labels().check_same(data.labels())?;
        let mut readings = Readings::new(self.labels());
        let images: Vec<usize> = (0..data.len()).collect();
        for chunk in images.chunks(CHUNK) {
            let images = chunk
                .iter()
                .map(|&index| self.prepare(data, index))
                .collect::<Result<Vec<DynamicImage>>>()?;
            for (&index, read) in chunk.iter().zip(self.read(upload(&images, &self.device))) {
                let expected = data.label(index);
                for name in 0..self.labels().width() {
                    if self.labels().kind() == LabelKind::Attributes || expected[name] == 1.0 {
                        readings.add(name, read[name] == expected[name]);
                    }
                }
            }
        }
        Ok(readings)
    }

    /// How often the judge reads from a translated image what was asked for: every image of `data`,
    /// which are like the model's `dataset`, is translated to every label that a sample grid shows
    /// of it ([`LabelSpace::targets`]), but not to its own.
    ///
    /// # Errors
    /// When the labels or the image sizes of data, model and judge differ, or an image can't be
    /// read.
    pub fn measure(
        &self,
        model: &(impl Translate<B> + ?Sized),
        data: &dyn Dataset,
        dataset: usize,
    ) -> Result<Readings> {
        model.spaces().check_space(dataset, data.labels())?;
        self.check_model(model)?;
        self.labels().check_same(data.labels())?;
        let transform = model.transform();
        let mut readings = Readings::new(self.labels());
        let asked: Vec<Asked> = (0..data.len()).flat_map(|at| asked_of(data, at)).collect();
        for chunk in asked.chunks(CHUNK) {
            let images = chunk
                .iter()
                .map(|asked| Ok(transform.resize(&data.load_cropped(asked.image, transform.size)?)))
                .collect::<Result<Vec<DynamicImage>>>()?;
            let labels: Vec<_> = chunk
                .iter()
                .map(|asked| asked.there(data, style_of(asked.image, model.styles(), 0)))
                .collect();
            let images = upload(&images, model.device());
            let read = self.read(model.relabel(images, dataset, &labels));
            for (Asked { name, label, .. }, read) in chunk.iter().zip(read) {
                readings.add(*name, read[*name] == label[*name]);
            }
        }
        Ok(readings)
    }

    /// The labels of `images` `[N, C, H, W]` in `[-1, 1]`, of zeros and ones.
    ///
    /// # Panics
    /// When the images have another size than those it was trained on.
    pub fn read(&self, images: Tensor<B, 4>) -> Vec<Vec<f32>> {
        self.look(images).labels
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests;
