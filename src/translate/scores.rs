//! How sure a model is of the labels that it reads.

use burn::tensor::backend::Backend;
use image::DynamicImage;

use crate::error::Result;
use crate::labels::probability::LabelProbability;
use crate::translate::images::upload;
use crate::translate::translator::Translator;

impl<B: Backend> Translator<B> {
    /// The probability of every label of `dataset`, as the discriminator's domain head gives it:
    /// what [`predict`](Self::predict) decides on. Those of an exclusive group, and of classes, sum
    /// to 1 ([`LabelSpace::probabilities`](crate::LabelSpace::probabilities)). Names are those of
    /// the label space, in its order.
    ///
    /// ```no_run
    /// # use stargan::burn::backend::Flex;
    /// # use stargan::{Translator, load_image};
    /// # fn main() -> stargan::Result<()> {
    /// let model = Translator::<Flex>::open("runs/celeba", &Default::default())?;
    /// for label in model.scores(&load_image("face.jpg")?, 0)? {
    ///     println!("{:12} {:5.1} %", label.name, 100.0 * label.probability);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Label`](crate::Error::Label) when the model has no discriminator;
    /// [`Error::Data`](crate::Error::Data) when the image has no pixels.
    ///
    /// # Panics
    /// When `dataset` does not exist.
    pub fn scores(&self, image: &DynamicImage, dataset: usize) -> Result<Vec<LabelProbability>> {
        let images = upload(&[self.prepare(image)?], self.device());
        let logits = self.domain_logits(images, dataset)?.concat();
        Ok(self.spaces().space(dataset).probabilities(&logits))
    }
}
