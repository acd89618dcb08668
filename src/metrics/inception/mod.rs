//! Inception-v3, from whose features the FID is computed.

mod layer;
mod resize;
mod table;
#[cfg(all(test, feature = "flex"))]
pub(super) mod tests;

use std::fmt;
use std::path::Path;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use image::{DynamicImage, GenericImageView};

use crate::data::channels::Channels;
use crate::error::{Error, Result};
use crate::metrics::inception::layer::{Layer, Loader, forward};
use crate::metrics::inception::resize::resize;
use crate::metrics::inception::table::{CHANNELS, network};
use crate::metrics::public_file::PublicFile;
use crate::nn::weights::Weights;
use crate::translate::images::{CHUNK, host, upload};

/// The weights of the network of 2015, converted from TensorFlow's.
const FILE: PublicFile = PublicFile {
    name: "pt_inception-2015-12-05-6726825d.pth",
    what: "the weights of Inception-v3 that FIDs are computed with",
    checksum: "6726825d",
};

/// Features of an image.
pub(super) const FEATURES: usize = 2048;

/// Of the images that the network takes.
const SIDE: usize = 299;

/// What the names of the classes' weights begin with, which are not asked for.
const CLASSES: &str = "fc.";

/// Problems of weights that an error lists.
const MOST_PROBLEMS: usize = 3;

/// Inception-v3 as it is used for the FID (Heusel et al., 2017): the network of 2015, up to its
/// last pooling. It sees what pytorch-fid and torch-fidelity show it but for rounding: images in
/// RGB, resized to 299 x 299 pixels as pytorch-fid does, in `[-1, 1]`.
#[derive(Clone)]
pub struct Inception<B: Backend> {
    layers: Vec<Layer<B>>,
    /// The CRC-32 of the weights.
    checksum: u32,
    device: B::Device,
}

impl<B: Backend> fmt::Debug for Inception<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inception").field("device", &self.device).finish_non_exhaustive()
    }
}

impl<B: Backend> Inception<B> {
    /// Opens the public file of weights, `pt_inception-2015-12-05-6726825d.pth`, whatever it is
    /// called here. Nothing is downloaded.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when it can't be read or has another checksum, with the file that is
    /// meant and where to read of it.
    pub fn open(path: impl AsRef<Path>, device: &B::Device) -> Result<Self> {
        let path = path.as_ref();
        let weights = FILE.read(path)?;
        Self::load(weights, device).map_err(|problem| Error::checkpoint(path, problem))
    }

    /// The network with other weights, under the names of the public file, such as
    /// `Mixed_5b.branch1x1.conv.weight` and `Mixed_5b.branch1x1.bn.running_var`. What such features
    /// measure is no FID.
    ///
    /// # Errors
    /// [`Error::Config`] with the first weights that are missing, have another shape or are not the
    /// network's.
    pub fn from_weights(weights: Weights, device: &B::Device) -> Result<Self> {
        Self::load(weights, device).map_err(Error::Config)
    }

    fn load(mut weights: Weights, device: &B::Device) -> Result<Self, String> {
        weights.retain(|name, _| !name.starts_with(CLASSES));
        let mut hasher = crc32fast::Hasher::new();
        weights.values().for_each(|values| hasher.update(&values.bytes));
        let mut loader = Loader::<B> { weights: &mut weights, device, problems: Vec::new() };
        let (layers, features) = loader.layers(&network(), CHANNELS);
        debug_assert_eq!(features, FEATURES);
        let mut problems = loader.problems;
        let left = weights.keys();
        problems.extend(left.map(|name| format!("{name} is no weight of the network")));
        if problems.is_empty() {
            return Ok(Self { layers, checksum: hasher.finalize(), device: device.clone() });
        }
        let more = problems.len().saturating_sub(MOST_PROBLEMS);
        let mut said = problems[..problems.len().min(MOST_PROBLEMS)].join("; ");
        if more > 0 {
            said += &format!("; and {more} more");
        }
        Err(said)
    }

    /// What tells its weights from others.
    pub(super) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// The 2048 features of every image, of any size and channels, each 0 or more. They are
    /// computed 16 images at a time.
    ///
    /// # Panics
    /// When an image has no pixels.
    pub fn features(&self, images: &[DynamicImage]) -> Vec<Vec<f32>> {
        let mut features = Vec::new();
        for chunk in images.chunks(CHUNK) {
            let rgb: Vec<_> =
                chunk.iter().map(|image| Channels::Rgb.convert(image.clone())).collect();
            let alike = rgb.chunk_by(|a, b| a.dimensions() == b.dimensions());
            let resized = alike.map(|images| resize(upload::<B>(images, &self.device), SIDE));
            let maps = forward(&self.layers, Tensor::cat(resized.collect(), 0));
            let means = maps.flatten::<3>(2, 3).mean_dim(2);
            let values = host(means.into_data());
            features.extend(values.chunks_exact(FEATURES).map(<[f32]>::to_vec));
        }
        features
    }
}
