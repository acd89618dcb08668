//! Models of the public PyTorch code: opened, turned into a translator, and written.

use std::fs;
use std::path::Path;

use burn::tensor::TensorData;

use crate::data::channels::Channels;
use crate::data::transform::Transform;
use crate::data::whole::regular_length;
use crate::error::shown::quoted;
use crate::error::{Error, Result};
use crate::files::model::{ModelConfig, write_tensors};
use crate::files::pytorch::infer;
use crate::files::pytorch::keys::{Key, discriminator_keys, export, generator_keys, import_all};
use crate::files::pytorch::read::{STATISTICS, read, read_networks};
use crate::files::pytorch::style_keys::NETWORKS;
use crate::files::replace::make_folders_of;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::head::Head;
use crate::nn::upsampling::Upsampling;
use crate::nn::weights::Weights;

/// The networks in files of the public PyTorch code.
///
/// The architectures are inferred from the shapes; the files do not hold the labels' names. A file
/// is refused unless every one of its arrays fits.
#[derive(Clone, Debug)]
pub struct PublicModel {
    generator: (GeneratorConfig, Weights),
    discriminator: Option<(DiscriminatorConfig, Weights)>,
}

impl PublicModel {
    /// Reads the files of a generator with the public code's own head, see
    /// [`open_with_head`](Self::open_with_head).
    ///
    /// # Errors
    /// As [`open_with_head`](Self::open_with_head).
    pub fn open(
        generator: impl AsRef<Path>,
        discriminator: Option<impl AsRef<Path>>,
    ) -> Result<Self> {
        Self::open_with_head(generator, discriminator, Head::Plain)
    }

    /// Reads a generator's file and, where there is one, its discriminator's: PyTorch checkpoints
    /// of a `state_dict`, zip or legacy, or safetensors with the same keys, in floats of 16, 32 or
    /// 64 bits. The dict may be under the key `state_dict`, `model_state_dict` or `model` of
    /// others, and its keys may begin with `module.` or `_orig_mod.`. A pickle is read as data;
    /// nothing in it can run. Running statistics are ignored. The generator's `head` must be told,
    /// since the shapes don't say what one more output is.
    ///
    /// # Errors
    /// [`Error::Io`] when a file can't be read; [`Error::Checkpoint`] when it is damaged or of
    /// another kind, when a value is not finite, and for every key that is missing, unexpected or
    /// has another shape than its network's, naming it.
    pub fn open_with_head(
        generator: impl AsRef<Path>,
        discriminator: Option<impl AsRef<Path>>,
        head: Head,
    ) -> Result<Self> {
        let infer = |weights: &Weights| infer::generator(weights, head);
        let generator = open(generator.as_ref(), infer, generator_keys, "generator")?;
        let discriminator = discriminator
            .map(|path| {
                open(path.as_ref(), infer::discriminator, discriminator_keys, "discriminator")
            })
            .transpose()?;
        generator.0.check()?;
        if let Some((config, _)) = &discriminator {
            config.check()?;
        }
        Ok(Self { generator, discriminator })
    }

    /// The generator's architecture.
    pub fn generator(&self) -> &GeneratorConfig {
        &self.generator.0
    }

    /// The discriminator's architecture, which has the image size too.
    pub fn discriminator(&self) -> Option<&DiscriminatorConfig> {
        self.discriminator.as_ref().map(|(config, _)| config)
    }

    /// What the model is, given its labels' names and what is done to an image before G sees it,
    /// whose channels are those that G takes, and the weights of both networks by our names.
    ///
    /// # Errors
    /// [`Error::Config`] when the number of labels or the image size does not fit the networks, or
    /// these take images of other channels than grey, RGB or RGBA.
    pub(crate) fn into_parts(
        self,
        spaces: LabelSpaces,
        transform: Transform,
    ) -> Result<(ModelConfig, Weights)> {
        let (generator, mut weights) = self.generator;
        let (discriminator, discriminator_weights) = self.discriminator.unzip();
        let (head, found) = (generator.head, generator.image_channels);
        let told = |error: String| match (head, found) {
            (Head::Plain, 2 | 4) => Error::Config(format!(
                "{error}; the last weight has {found} outputs: where the last of them is that of a \
                 mask, say so (head: mask)"
            )),
            _ => Error::Config(error),
        };
        let channels = Channels::try_from(found)
            .map_err(|error| told(format!("the generator's images: {error}")))?;
        let transform = transform.with_channels(channels);
        let config = ModelConfig { spaces, transform, generator, discriminator };
        config.check().map_err(|error| told(error.to_string()))?;
        weights.extend(discriminator_weights.into_iter().flatten());
        Ok((config, weights))
    }
}

/// Reads one network.
fn open<C>(
    path: &Path,
    infer: impl Fn(&Weights) -> Result<C, String>,
    keys: fn(&C) -> Vec<Key>,
    prefix: &str,
) -> Result<(C, Weights)> {
    let bytes = bytes_of(path)?;
    let take = || -> Result<(C, Weights), String> {
        let public = read(&bytes)?;
        let config = infer(&public).map_err(|problem| {
            let first: Vec<_> = public.keys().take(3).map(quoted).collect();
            format!("{problem} (its first keys: {})", first.join(", "))
        })?;
        let weights = import_all([(keys(&config), "", prefix)], public)?;
        Ok((config, weights))
    };
    take().map_err(|problem| {
        let problem = match read_networks(&bytes, &NETWORKS) {
            Ok(_) => "these are the networks of StarGAN v2: PublicStyleModel reads them, import \
                      --nets-ema in the program"
                .to_owned(),
            Err(_) => problem,
        };
        Error::checkpoint(path, problem)
    })
}

/// The bytes of a regular file of any length.
pub(super) fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    regular_length(path)?;
    fs::read(path).map_err(|error| Error::io(path, error))
}

/// The weights of a generator by the public code's names, with the running statistics of fresh
/// modules. A mask is one more output of its last convolution.
///
/// # Errors
/// [`Error::Config`] naming the first that is missing, or when the public code has no such network.
pub(crate) fn public_generator(config: &GeneratorConfig, weights: Weights) -> Result<Weights> {
    if config.upsampling != Upsampling::Transposed {
        return Err(Error::Config(
            "the public PyTorch code doubles sizes by transposed convolutions only, this \
             generator by resize-convolutions (upsampling: resize), whose weights its modules \
             can't hold; keep the model in this crate's own format"
                .to_owned(),
        ));
    }
    named(&generator_keys(config), weights, "generator")
}

/// The same of a discriminator.
///
/// # Errors
/// As [`public_generator`].
pub(crate) fn public_discriminator(
    config: &DiscriminatorConfig,
    weights: Weights,
) -> Result<Weights> {
    let size = config.image_size;
    if !size.is_square() {
        return Err(Error::Config(format!(
            "the public PyTorch code's discriminator takes squares, this one images of {size} \
             pixels, whose weights its modules can't hold; export the generator alone"
        )));
    }
    named(&discriminator_keys(config), weights, "discriminator")
}

fn named(keys: &[Key], weights: Weights, prefix: &str) -> Result<Weights> {
    let mut public = export(keys, weights, prefix, "").map_err(Error::Config)?;
    // A weight of one side is a norm's: a convolution's has four.
    for key in keys.iter().filter(|key| key.shape.len() == 1 && key.public.ends_with(".weight")) {
        let norm = key.public.trim_end_matches("weight");
        let channels = key.shape[0];
        for (name, data) in STATISTICS.iter().zip([
            TensorData::zeros::<f32, _>([channels]),
            TensorData::ones::<f32, _>([channels]),
            TensorData::new(vec![0_i64], Vec::<usize>::new()),
        ]) {
            public.insert(format!("{norm}{name}"), data);
        }
    }
    Ok(public)
}

/// Writes a safetensors file of `weights`, with the folders that it is in.
pub(crate) fn write(path: &Path, weights: &Weights) -> Result<()> {
    make_folders_of(path)?;
    write_tensors(path, None, weights)
}

#[cfg(all(test, feature = "flex"))]
mod tests;
