//! Models for other runtimes.

use burn::tensor::backend::Backend;

use crate::error::Result;
use crate::files::onnx::model;
use crate::nn::weights;
use crate::translate::translator::Translator;

impl<B: Backend> Translator<B> {
    /// The bytes of an ONNX file of the generator (operators of version 17), which onnxruntime and
    /// others run on any number of images of any size that its downsamplings divide: `image`
    /// `[N, C, H, W]` in `[-1, 1]` and `label` `[N, condition_width]` to `translated`
    /// `[N, C, H, W]` and, of a generator that has one, its `mask` `[N, 1, H, W]`.
    ///
    /// Its metadata say what labels and images are; docs/interop.md has them, and how to run it.
    ///
    /// ```
    /// use stargan::burn::backend::Flex;
    /// use stargan::{Translator, replace_file};
    ///
    /// # fn main() -> stargan::Result<()> {
    /// # let folder = tempfile::tempdir().expect("a temporary folder");
    /// # let out = folder.path();
    /// let model = "examples/models/faces64.safetensors";
    /// let model = Translator::<Flex>::open(model, &Default::default())?;
    /// replace_file(out.join("G.onnx"), model.to_onnx()?)?;
    /// replace_file(out.join("D.onnx"), model.discriminator_to_onnx()?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when the generator is larger than the 2 GiB that
    /// such a file holds.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        let config = self.config();
        let weights = weights::collect(self.networks().0, "generator");
        model::generator(&config.generator, weights, config.transform, Some(&config.spaces))
    }

    /// The bytes of an ONNX file of what reads the labels of images of the model's size, the
    /// discriminator as far as its domain head: `image` `[N, C, H, W]` in `[-1, 1]` to `logits`
    /// `[N, label_width]`, of which [`LabelSpace::predict`](crate::LabelSpace::predict) makes
    /// labels.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when the model has no discriminator, or it is larger
    /// than the 2 GiB that such a file holds.
    pub fn discriminator_to_onnx(&self) -> Result<Vec<u8>> {
        let (config, weights) = self.discriminator_to_export()?;
        model::reader(config, weights, self.config().transform, &self.config().spaces)
    }
}
