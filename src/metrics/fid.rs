//! What Inception says of every domain, and what it makes of the real images that this is measured
//! from, which a file can keep.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use image::DynamicImage;
use serde::{Deserialize, Serialize};

use crate::data::channels::Channels;
use crate::data::dataset::Dataset;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::data::unreadable::{Readable, UnreadablePolicy};
use crate::engine::dataset_identity::DatasetIdentity;
use crate::error::{Error, Result};
use crate::files::model;
use crate::labels::space::LabelSpace;
use crate::metrics::asked::Asked;
use crate::metrics::domain::{Domain, DomainDistance, DomainSamples, DomainSets};
use crate::metrics::feature_set::FeatureSet;
use crate::metrics::inception::{FEATURES, Inception};
use crate::metrics::loaded::{Loaded, load};
use crate::metrics::pairs::{PairScores, Pairs};
use crate::nn::weights::{Weights, check_empty};
use crate::translate::images::{CHUNK, download};

/// Images whose pixels tell data from others with the same names.
const CHECKED: usize = 16;

/// What Inception makes of the real images of every domain, from which FID, KID, precision and
/// recall are measured.
#[derive(Clone, Debug)]
pub struct FidReference {
    about: About,
    domains: Vec<FeatureSet>,
}

/// What the file says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct About {
    data: DatasetIdentity,
    labels: LabelSpace,
    size: ImageSize,
    channels: Channels,
    /// The CRC-32 of the network's weights.
    network: u32,
    /// The CRC-32 of the pixels of some images, as the network is shown them.
    pixels: u32,
    /// Images of every domain.
    images: Vec<usize>,
    /// Images that can't be read and were left out, and why.
    unreadable: BTreeMap<String, String>,
}

/// The description in the file, which no model's file has.
#[derive(Serialize, Deserialize)]
struct File {
    fid_reference: About,
}

impl About {
    /// Without the images.
    fn new(network: u32, data: &dyn Dataset, transform: Transform) -> Self {
        // Looking at all would take as long as what a file saves.
        let mut pixels = crc32fast::Hasher::new();
        for at in (0..data.len()).step_by(data.len().div_ceil(CHECKED).max(1)) {
            // What can't be read is no pixels; whether it may be is asked where all are read.
            if let Ok(image) = data.load_cropped(at, transform.size) {
                pixels.update(transform.resize(&image).as_bytes());
            }
        }
        Self {
            data: DatasetIdentity::new("reference".to_owned(), data),
            labels: data.labels().clone(),
            size: transform.size,
            channels: transform.channels,
            network,
            pixels: pixels.finalize(),
            images: Vec::new(),
            unreadable: BTreeMap::new(),
        }
    }
}

impl FidReference {
    /// Looks at all images of `data`, resized as a model with this `transform` sees them. `told` is
    /// told after each batch how many images are done, of how many.
    ///
    /// # Errors
    /// When an image can't be read and is not left out, or none can.
    pub fn measure<B: Backend>(
        inception: &Inception<B>,
        data: &dyn Dataset,
        transform: Transform,
        on_unreadable: UnreadablePolicy,
        told: &dyn Fn(usize, usize),
    ) -> Result<Self> {
        let mut sets = DomainSets::new(Domain::all(data.labels()), FEATURES);
        let mut readable = Readable::new(data, on_unreadable);
        let images: Vec<usize> = (0..data.len()).collect();
        for (done, chunk) in images.chunks(CHUNK).enumerate() {
            let Loaded { images, pixels } = load(&mut readable, chunk, transform)?;
            for (&index, features) in images.iter().zip(inception.features(&pixels)) {
                sets.add_reference(data.label(index), &features);
            }
            told(done * CHUNK + chunk.len(), data.len());
        }
        readable.check()?;
        let mut domains = sets.into_references();
        domains.iter_mut().for_each(FeatureSet::settle);
        let about = About {
            images: domains.iter().map(FeatureSet::n).collect(),
            unreadable: readable.unreadable().clone(),
            ..About::new(inception.checksum(), data, transform)
        };
        Ok(Self { about, domains })
    }

    /// Opens a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read; [`Error::Checkpoint`] when it holds no such
    /// statistics or is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (File { fid_reference: about }, mut arrays) = model::read::<File>(path)?;
        let broken = |problem: String| Error::checkpoint(path, problem);
        about.labels.check().map_err(|error| broken(error.to_string()))?;
        if about.images.len() != Domain::all(&about.labels).len() {
            return Err(broken("it has not as many sets of images as domains".to_owned()));
        }
        let sets = about.images.iter().enumerate();
        let domains: Result<Vec<FeatureSet>, String> = sets
            .map(|(at, &n)| FeatureSet::from_arrays(FEATURES, n, &at.to_string(), &mut arrays))
            .collect();
        let domains = domains.map_err(broken)?;
        check_empty(&arrays).map_err(broken)?;
        Ok(Self { about, domains })
    }

    /// Writes a file that [`open`](Self::open) reads: up to 51 MB per domain.
    ///
    /// # Errors
    /// [`Error::Io`] when the file exists or can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path.exists() {
            return Err(Error::io(path, std::io::ErrorKind::AlreadyExists.into()));
        }
        let sets = self.domains.iter().enumerate();
        let arrays: Weights = sets.flat_map(|(at, set)| set.arrays(&at.to_string())).collect();
        model::write(path, &File { fid_reference: self.about.clone() }, &arrays)
    }

    /// Checks that this is what `inception` makes of `data` as a model with this `transform` sees
    /// them. Of the pixels those of 16 images are compared.
    ///
    /// # Errors
    /// [`Error::Config`] with the first difference.
    pub fn check<B: Backend>(
        &self,
        inception: &Inception<B>,
        data: &dyn Dataset,
        transform: Transform,
    ) -> Result<()> {
        let found = About::new(inception.checksum(), data, transform);
        self.about.labels.check_same(&found.labels)?;
        let differs = |difference: String| {
            let message = format!("the statistics are of other images: {difference}");
            Err(Error::Config(message))
        };
        let [before, now] = [&self.about.data, &found.data].map(std::slice::from_ref);
        if let Err(difference) = DatasetIdentity::check_same(before, now) {
            return differs(difference);
        }
        self.check_images(found.network, transform)?;
        if self.about.pixels != found.pixels {
            return differs("they have these names and labels, but other pixels".to_owned());
        }
        Ok(())
    }

    /// Checks that a network of these weights saw images of this size and these channels.
    fn check_images(&self, network: u32, transform: Transform) -> Result<()> {
        let About { size, channels, .. } = self.about;
        if self.about.network != network {
            let message = "the statistics are of a network with other weights".to_owned();
            return Err(Error::Config(message));
        }
        if (size, channels) != (transform.size, transform.channels) {
            return Err(Error::Config(format!(
                "the statistics are of {} images of {size} pixels, the model's are {} ones of {}",
                channels.name(),
                transform.channels.name(),
                transform.size
            )));
        }
        Ok(())
    }

    /// The images that could not be read, by name, each with the reason.
    pub(super) fn unreadable(&self) -> &BTreeMap<String, String> {
        &self.about.unreadable
    }
}

/// What Inception has seen of translations and their sources.
pub(super) struct Fid<'a, B: Backend> {
    inception: &'a Inception<B>,
    data: &'a dyn Dataset,
    sets: DomainSets,
    has_reference: bool,
    /// Where they are asked for.
    pairs: Option<Pairs>,
}

/// What Inception says.
#[derive(Default)]
pub(super) struct Found {
    /// The FID of every domain.
    pub distances: Vec<DomainDistance>,
    /// How alike its images and real ones are.
    pub samples: Vec<DomainSamples>,
    pub pairs: Option<PairScores>,
}

impl<'a, B: Backend> Fid<'a, B> {
    /// Nothing yet.
    ///
    /// # Errors
    /// When the reference has other labels than the data, or is of other images than the model's.
    pub fn new(
        inception: &'a Inception<B>,
        data: &'a dyn Dataset,
        reference: Option<&FidReference>,
        transform: Transform,
    ) -> Result<Self> {
        let mut sets = DomainSets::new(Domain::all(data.labels()), FEATURES);
        if let Some(reference) = reference {
            reference.about.labels.check_same(data.labels())?;
            reference.check_images(inception.checksum(), transform)?;
            sets = sets.with_references(&reference.domains);
        }
        Ok(Self { inception, data, sets, has_reference: reference.is_some(), pairs: None })
    }

    /// Measures every ordered pair of domains too, where an image is of one at most.
    pub fn with_pairs(mut self) -> Self {
        let labels = self.data.labels();
        self.pairs = labels.is_exclusive().then(|| Pairs::new(labels.width(), FEATURES));
        self
    }

    /// Real images of the data; gives back their features.
    pub fn real(&mut self, images: &[usize], pixels: &[DynamicImage]) -> Vec<Vec<f32>> {
        let features = self.inception.features(pixels);
        for (&image, features) in images.iter().zip(&features) {
            self.sets.add_real(self.data.label(image), features);
        }
        features
    }

    /// Translations, rounded to 8 bits as files of them are, and the features of their sources,
    /// which are at `position`.
    pub fn translated(
        &mut self,
        asked: &[Asked],
        images: Tensor<B, 4>,
        position: impl Fn(&Asked) -> usize,
        sources: &[Vec<f32>],
    ) {
        let features = self.inception.features(&download(images));
        for (asked, features) in asked.iter().zip(features) {
            let Asked { image, name, label } = asked;
            let source = &sources[position(asked)];
            self.sets.add_translated(*name, label[*name], &features, source);
            if let Some(pairs) = &mut self.pairs {
                pairs.add(self.data.label(*image), label, &features);
            }
        }
    }

    pub fn finish(self) -> Found {
        let Self { sets, has_reference, .. } = &self;
        let names = self.data.labels().names();
        let real = |name| sets.real(name, *has_reference);
        Found {
            distances: sets.distances(*has_reference),
            samples: sets.samples(*has_reference),
            pairs: self.pairs.as_ref().map(|pairs| pairs.scores(names, real)),
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests;
