//! A classifier trained on real images, which says what translated images look like (paper, section 5.5
//! and Table 3).

use std::path::Path;

use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::data::dataset::Dataset;
use crate::data::datasets::Datasets;
use crate::data::loader::{Loader, LoaderConfig};
use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::files::model;
use crate::labels::space::{LabelKind, LabelSpace};
use crate::metrics::asked::{Asked, Relabelling, asked_of};
use crate::metrics::readings::Readings;
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::nn::weights;
use crate::optim::adam::{self, Adam, AdamConfig};
use crate::optim::schedule::Schedule;
use crate::random::{Purpose, stream};
use crate::recipes::losses::domain_loss;
use crate::translate::translator::{CHUNK, Translator, host, upload};

/// How a [`Judge`] is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeConfig {
    /// Side of the square images in pixels.
    pub image_size: usize,
    /// Channels after the first convolution: 16.
    pub base_channels: usize,
    /// Images per batch: 32.
    pub batch_size: usize,
    /// Updates: 800.
    pub iterations: u64,
    /// Adam's learning rate, constant for the first half and then falling to 0: 5e-4.
    pub learning_rate: f64,
    /// Decides the first weights and the order of the images.
    pub seed: u64,
}

impl JudgeConfig {
    /// The defaults for images of `image_size` pixels.
    pub fn new(image_size: usize) -> Self {
        Self {
            image_size,
            base_channels: 16,
            batch_size: 32,
            iterations: 800,
            learning_rate: 5e-4,
            seed: 0,
        }
    }

    /// Trains a judge of the labels of `data`, one dataset, whose images are mirrored at random.
    ///
    /// # Errors
    /// When the configuration can't work, there is not one dataset, it does not fill a batch, or an image
    /// can't be read.
    pub fn train<B: AutodiffBackend>(
        &self,
        data: impl Into<Datasets>,
        device: &B::Device,
    ) -> Result<Judge<B::InnerBackend>> {
        let Self { image_size, batch_size, iterations, seed, .. } = *self;
        let data = data.into();
        if data.len() != 1 {
            let message = format!("a judge is of one dataset, found {}", data.len());
            return Err(Error::Config(message));
        }
        if iterations == 0 || !(f64::MIN_POSITIVE..=1.0).contains(&self.learning_rate) {
            return Err(Error::Config(format!(
                "a judge needs at least 1 iteration and a learning rate above 0 and up to 1, found {iterations} \
                 and {}",
                self.learning_rate
            )));
        }
        let labels = data[0].labels().clone();
        let architecture = DiscriminatorConfig::fitting(image_size, labels.width())
            .with_base_channels(self.base_channels);
        let mut network =
            architecture.init::<B>(&mut stream(seed, Purpose::Judge, 0, 0), device)?;
        let mut adam = Adam::new(AdamConfig { beta1: 0.9, ..AdamConfig::default() });
        let loader = LoaderConfig { batch_size, image_size, seed, ..LoaderConfig::default() };
        let mut loader = Loader::new(&data, loader, 1)?;
        for iteration in 1..=iterations {
            let batch = loader.next_batch()?;
            let images = TensorData::new(batch.images, [batch_size, 3, image_size, image_size]);
            let expected = TensorData::new(batch.labels, [batch_size, labels.width()]);
            let logits = network.forward(Tensor::from_data(images, device)).domain_logits;
            let loss = domain_loss(labels.kind(), logits, Tensor::from_data(expected, device));
            let rate = Schedule::default().learning_rate(self.learning_rate, iteration, iterations);
            let gradients = adam::gradients(&network, &mut loss.backward());
            network = adam.step(network, gradients, rate);
        }
        let about = About { labels, architecture };
        Ok(Judge { network: network.valid(), about, device: device.clone() })
    }
}

/// A classifier of one dataset's labels, trained on real images only: a [`Discriminator`] without its
/// realness.
///
/// It says what a translated image looks like. What that is worth depends on how often it is right about
/// real images that it has not seen: ask for its [`accuracy`](Self::accuracy) first.
#[derive(Clone, Debug)]
pub struct Judge<B: Backend> {
    network: Discriminator<B>,
    about: About,
    device: B::Device,
}

/// What a judge's file says of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct About {
    labels: LabelSpace,
    architecture: DiscriminatorConfig,
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
    /// [`Error::Io`] when the file can't be read; [`Error::Checkpoint`] when it holds no judge, or is damaged.
    pub fn open(path: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        let path = path.as_ref();
        let (File { judge: about }, mut weights) = model::read::<File>(path)?;
        let network = || -> Result<Discriminator<B>> {
            about.labels.check()?;
            about.architecture.init(&mut stream(0, Purpose::Judge, 0, 0), device)
        };
        let broken = |problem: String| Error::checkpoint(path, problem);
        let network = network().map_err(|error| broken(error.to_string()))?;
        let network = weights::apply(network, "judge", &mut weights).map_err(broken)?;
        weights::check_empty(&weights).map_err(broken)?;
        if about.architecture.label_width != about.labels.width() {
            return Err(broken("its labels are not as wide as its network".to_owned()));
        }
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
        model::write(path, &file, &weights::collect(&self.network, "judge"))
    }

    /// The labels that it reads.
    pub fn labels(&self) -> &LabelSpace {
        &self.about.labels
    }

    /// Side of the square images that it takes, in pixels.
    pub fn image_size(&self) -> usize {
        self.about.architecture.image_size
    }

    /// Where it computes.
    pub fn device(&self) -> &B::Device {
        &self.device
    }

    /// The number of features of an image: the channels of the network's last feature maps.
    pub(super) fn feature_width(&self) -> usize {
        self.about.architecture.base_channels << (self.about.architecture.downsamplings - 1)
    }

    /// Image `index` of `data` as it takes it.
    pub(super) fn prepare(&self, data: &dyn Dataset, index: usize) -> Result<RgbImage> {
        let transform = Transform { crop: data.crop(), size: self.image_size() as u32 };
        Ok(transform.crop_and_resize(&data.load(index)?))
    }

    /// Refuses a translator that makes images of another size.
    pub(super) fn check_size(&self, translator: &Translator<B>) -> Result<()> {
        let size = translator.config().transform.size as usize;
        if size != self.image_size() {
            return Err(Error::Config(format!(
                "the judge takes {} pixel images, the translator makes {size} pixel ones",
                self.image_size()
            )));
        }
        Ok(())
    }

    /// Looks at `images` `[N, 3, S, S]` in `[-1, 1]`.
    pub(super) fn look(&self, images: Tensor<B, 4>) -> Look {
        let features = self.network.features(images);
        let [n, width, ..] = features.dims();
        let averaged = features.clone().flatten::<3>(2, 3).mean_dim(2);
        let rows = |values: Vec<f32>, width: usize| -> Vec<Vec<f32>> {
            values.chunks_exact(width).map(<[f32]>::to_vec).collect()
        };
        let logits = host(self.network.heads(features).domain_logits.into_data());
        let labels = logits.chunks_exact(self.labels().width());
        let labels: Vec<_> = labels.map(|row| self.labels().predict(row)).collect();
        debug_assert_eq!(labels.len(), n);
        Look { labels, features: rows(host(averaged.into_data()), width) }
    }

    /// How often the judge reads the labels of `data` rightly; its accuracy, where these are real images
    /// that it was not trained on. An image counts for its class, or for every attribute.
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
                .collect::<Result<Vec<RgbImage>>>()?;
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

    /// How often the judge reads from a translated image what was asked for: every image of `data`, which
    /// are like the translator's `dataset`, is translated to every label that a sample grid shows of it
    /// ([`LabelSpace::targets`]), but not to its own.
    ///
    /// # Errors
    /// When the labels or the image sizes of data, translator and judge differ, or an image can't be read.
    pub fn measure(
        &self,
        translator: &Translator<B>,
        data: &dyn Dataset,
        dataset: usize,
    ) -> Result<Readings> {
        translator.spaces().check_space(dataset, data.labels())?;
        let condition = |label: &[f32]| translator.spaces().condition(dataset, label);
        self.measure_conditions(translator, data, condition)
    }

    /// [`measure`](Self::measure) with the generator told `condition` of a target label, such as one with
    /// another mask.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    ///
    /// # Panics
    /// When a condition has not the model's
    /// [`condition_width`](crate::labels::spaces::LabelSpaces::condition_width) entries.
    pub fn measure_conditions(
        &self,
        translator: &Translator<B>,
        data: &dyn Dataset,
        condition: impl Fn(&[f32]) -> Vec<f32>,
    ) -> Result<Readings> {
        self.check_size(translator)?;
        self.measure_with(data, translator.config().transform, |images, labels| {
            let conditions: Vec<_> = labels.iter().map(|labels| condition(labels.target)).collect();
            translator.forward_conditions(images, &conditions)
        })
    }

    /// [`measure`](Self::measure) of anything that translates: `translate` is given images `[N, 3, S, S]` in
    /// `[-1, 1]` after `transform`, with the labels of each, and returns as many of the same shape and range.
    ///
    /// # Errors
    /// When the labels of the data differ from the judge's, or an image can't be read.
    ///
    /// # Panics
    /// When the transform makes images of another size than the judge's.
    pub fn measure_with(
        &self,
        data: &dyn Dataset,
        transform: Transform,
        translate: impl Fn(Tensor<B, 4>, &[Relabelling<'_>]) -> Tensor<B, 4>,
    ) -> Result<Readings> {
        self.labels().check_same(data.labels())?;
        let mut readings = Readings::new(self.labels());
        let asked: Vec<Asked> = (0..data.len()).flat_map(|at| asked_of(data, at)).collect();
        for chunk in asked.chunks(CHUNK) {
            let images = chunk
                .iter()
                .map(|asked| Ok(transform.crop_and_resize(&data.load_cropped(asked.image)?)))
                .collect::<Result<Vec<RgbImage>>>()?;
            let labels: Vec<_> = chunk
                .iter()
                .map(|asked| Relabelling { source: data.label(asked.image), target: &asked.label })
                .collect();
            let read = self.read(translate(upload(&images, &self.device), &labels));
            for (Asked { name, label, .. }, read) in chunk.iter().zip(read) {
                readings.add(*name, read[*name] == label[*name]);
            }
        }
        Ok(readings)
    }

    /// The labels of `images` `[N, 3, S, S]` in `[-1, 1]`, of zeros and ones.
    ///
    /// # Panics
    /// When the images have another size than those it was trained on.
    pub fn read(&self, images: Tensor<B, 4>) -> Vec<Vec<f32>> {
        self.look(images).labels
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;
    use crate::data::celeba::CelebA;
    use crate::data::folder::Folder;
    use crate::engine::trainer::Trainer;
    use crate::labels::spaces::LabelSpaces;
    use crate::recipes::stargan::config::TrainingConfig;

    const EXPRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions");

    fn judge(data: &Folder, iterations: u64) -> Judge<Flex> {
        let config = JudgeConfig { base_channels: 8, iterations, ..JudgeConfig::new(16) };
        config.train::<Autodiff<Flex>>(data, &Default::default()).unwrap()
    }

    #[test]
    fn it_learns_to_read_expressions_of_people_it_has_not_seen() {
        let _turn = crate::tests::one_at_a_time();
        let train = Folder::open(format!("{EXPRESSIONS}/train")).unwrap();
        let test = Folder::open(format!("{EXPRESSIONS}/test")).unwrap();
        let accuracy = judge(&train, 200).accuracy(&test).unwrap();
        assert_eq!(accuracy.by_name.len(), 5);
        assert!(accuracy.by_name.iter().all(|(_, agreement)| agreement.n == 50));
        let total = accuracy.total();
        assert_eq!(total.n, 250);
        // Guessing reads 20 % rightly, and no luck with 250 images makes that 60 %.
        assert!(total.share() > Some(0.6), "{accuracy:?}");
    }

    #[test]
    fn translations_count_for_the_label_asked_for_and_never_for_the_own_one() {
        let _turn = crate::tests::one_at_a_time();
        let test = Folder::open(format!("{EXPRESSIONS}/test")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = TrainingConfig::new(LabelSpaces::single(test.labels().clone()))
            .with_image_size(16)
            .with_base_channels(4)
            .with_residual_blocks(1);
        let run = folder.path().join("run");
        let trainer = Trainer::<Autodiff<Flex>>::new(&run, config, &Default::default()).unwrap();
        let translator = trainer.translator();
        let judge = judge(&test, 1);
        let readings = judge.measure(&translator, &test, 0).unwrap();
        // 50 people in 5 expressions: each class is asked for by the 200 images of the others.
        assert!(readings.by_name.iter().all(|(_, agreement)| agreement.n == 200), "{readings:?}");

        let transform = translator.config().transform;
        let by_hand = judge.measure_with(&test, transform, |images, labels| {
            assert!(labels.iter().all(|labels| labels.source != labels.target));
            let targets = labels.iter().map(|labels| labels.target.to_vec()).collect::<Vec<_>>();
            translator.forward_conditions(images, &targets)
        });
        assert_eq!(by_hand.unwrap(), readings);

        let larger = JudgeConfig { iterations: 1, ..JudgeConfig::new(32) };
        let larger = larger.train::<Autodiff<Flex>>(&test, &Default::default()).unwrap();
        let error = larger.measure(&translator, &test, 0).unwrap_err().to_string();
        assert!(error.contains("takes 32 pixel images, the translator makes 16"), "{error}");
        assert!(judge.measure(&translator, &test, 1).is_err(), "there is one dataset");

        for (config, expected) in [
            (JudgeConfig { iterations: 0, ..JudgeConfig::new(16) }, "at least 1 iteration"),
            (JudgeConfig { learning_rate: f64::NAN, ..JudgeConfig::new(16) }, "a learning rate"),
            (JudgeConfig::new(17), "divisible"),
        ] {
            let error = config.train::<Autodiff<Flex>>(&test, &Default::default()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let two = Datasets::from(&test).with(&test);
        let error = JudgeConfig::new(16).train::<Autodiff<Flex>>(two, &Default::default());
        assert!(error.unwrap_err().to_string().contains("of one dataset, found 2"));
    }

    #[test]
    fn a_saved_judge_reads_as_before_and_is_no_model() {
        let _turn = crate::tests::one_at_a_time();
        let test = Folder::open(format!("{EXPRESSIONS}/test")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("judge.safetensors");
        let judge = judge(&test, 2);
        judge.save(&path).unwrap();
        let opened = Judge::<Flex>::open(&path, &Default::default()).unwrap();
        assert_eq!((opened.labels(), opened.image_size()), (judge.labels(), 16));
        assert_eq!(opened.accuracy(&test).unwrap(), judge.accuracy(&test).unwrap());
        assert!(judge.save(&path).unwrap_err().to_string().contains("exists"));
        let error = Translator::<Flex>::open(&path, &Default::default()).unwrap_err().to_string();
        assert!(error.contains("its description is invalid"), "{error}");
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");
        let error = Judge::<Flex>::open(model, &Default::default()).unwrap_err().to_string();
        assert!(error.contains("missing field `judge`"), "{error}");
    }

    #[test]
    fn attributes_count_one_by_one() {
        let _turn = crate::tests::one_at_a_time();
        let labels = LabelSpace::attributes(["Male", "Eyeglasses"]);
        let faces = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces");
        let open = |part: &str| CelebA::open(format!("{faces}/{part}"), &labels).unwrap();
        let config = JudgeConfig { base_channels: 8, iterations: 150, ..JudgeConfig::new(16) };
        let judge = config.train::<Autodiff<Flex>>(&open("train"), &Default::default()).unwrap();
        let test = open("test");
        let accuracy = judge.accuracy(&test).unwrap();
        assert!(accuracy.by_name.iter().all(|(_, agreement)| agreement.n == test.len()));
        // Half of the faces wear glasses, which cover a tenth of the picture.
        assert!(accuracy.by_name[1].1.share() > Some(0.8), "{accuracy:?}");
    }
}
