//! Models of the public PyTorch code as translators, and back.

use std::path::Path;

use burn::tensor::backend::Backend;

use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::files::pytorch::model::{PublicModel, public_discriminator, public_generator, write};
use crate::files::replace::check_new;
use crate::labels::spaces::LabelSpaces;
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::weights::{self, Weights};
use crate::translate::translator::Translator;

impl<B: Backend> Translator<B> {
    /// The public `model` with names for its labels, and what is done to an image before G sees it;
    /// its channels are those that G takes.
    ///
    /// # Errors
    /// [`Error::Config`] when the number of labels or the image size does not fit the networks, or
    /// these take images of other channels than grey, RGB or RGBA.
    pub fn import(
        model: PublicModel,
        spaces: LabelSpaces,
        transform: Transform,
        device: &B::Device,
    ) -> Result<Self> {
        let (config, mut weights) = model.into_parts(spaces, transform)?;
        Self::assemble(config, "generator", &mut weights, device, |problem| {
            Error::Config(format!("the weights do not fit: {problem}"))
        })
    }

    /// Writes the generator and, where a path is given, the discriminator as safetensors with the
    /// public PyTorch code's keys, which its modules load strictly. Of a [mask](crate::nn::Head) it
    /// has no such module: docs/interop.md has one.
    ///
    /// The running statistics that they expect are written as a fresh module has them (mean 0,
    /// variance 1, no batches). They must stay unused: after `eval()` the public modules normalise
    /// by them and translate nothing.
    ///
    /// # Errors
    /// [`Error::Io`] when a file exists or can't be written; [`Error::Config`] when the model has
    /// no discriminator to write, or its generator's
    /// [upsampling](crate::nn::Upsampling::Resize) is one that the public code doesn't have, or its
    /// discriminator to be written takes rectangles.
    pub fn export_pytorch(
        &self,
        generator: impl AsRef<Path>,
        discriminator: Option<impl AsRef<Path>>,
    ) -> Result<()> {
        let config = self.config();
        let weights = weights::collect(self.networks().0, "generator");
        let weights = public_generator(&config.generator, weights)?;
        let mut files = vec![(generator.as_ref().to_owned(), weights)];
        if let Some(path) = discriminator {
            let (config, weights) = self.discriminator_to_export()?;
            files.push((path.as_ref().to_owned(), public_discriminator(config, weights)?));
        }
        files.iter().try_for_each(|(path, _)| check_new(path))?;
        files.iter().try_for_each(|(path, weights)| write(path, weights))
    }

    /// The discriminator's configuration and weights for programs that know no spectral norms, only
    /// what they amount to.
    ///
    /// # Errors
    /// [`Error::Config`] when the model has no discriminator.
    pub(crate) fn discriminator_to_export(&self) -> Result<(&DiscriminatorConfig, Weights)> {
        let (Some(network), Some(config)) = (self.networks().1, &self.config().discriminator)
        else {
            let message = "this model has no discriminator to export: leave its file out";
            return Err(Error::Config(message.to_owned()));
        };
        let network = network.clone().without_spectral_norms();
        Ok((config, weights::collect(&network, "discriminator")))
    }
}
