//! Where a generator with a mask paints: its mask as a picture, beside what it has made.

use burn::tensor::backend::Backend;
use image::{DynamicImage, imageops};

use crate::data::channels::Channels;
use crate::data::crop::Crop;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::nn::head::Head;
use crate::translate::grid::Grid;
use crate::translate::output::OutputSize;
use crate::translate::painted::{Masks, Painted};
use crate::translate::translator::Translator;

impl<B: Backend> Translator<B> {
    /// Refuses a model whose generator has no mask.
    ///
    /// # Errors
    /// [`Error::Config`] when its head is not [`Head::Mask`].
    pub fn check_mask(&self) -> Result<()> {
        match self.config().generator.head {
            Head::Mask => Ok(()),
            Head::Plain => Err(Error::Config(
                "this model has no mask, it paints all of an image anew: train one that has \
                 (head: mask), which may begin with the weights of this one"
                    .to_owned(),
            )),
        }
    }

    /// [`translate`](Self::translate), or with `source`
    /// [`translate_from`](Self::translate_from), and the mask of a model with
    /// [`Head::Mask`]: a grey image (`ImageLuma8`) of the translation's size, white where its
    /// pixels are painted anew, black where they are the photo's. `None` of a model that has no
    /// mask.
    ///
    /// The mask says where the model paints, not how much that changes: the same may be painted
    /// that was there. In a translation of the [photo's size](OutputSize::Photo) the mask is
    /// enlarged as the change is, but for what of that is not meant and for how changes fade where
    /// the part that the model sees ends within the photo; it is black outside of it. Of an edit of
    /// two datasets, which is two translations, it is black where both leave the photo as it is:
    /// `1 - (1 - m1) (1 - m2)`.
    ///
    /// ```no_run
    /// # use stargan::burn::backend::Flex;
    /// # use stargan::{Translator, load_image};
    /// # fn main() -> stargan::Result<()> {
    /// let model = Translator::<Flex>::open("runs/masked", &Default::default())?;
    /// let face = load_image("face.jpg")?;
    /// let (blond, mask) = model.translate_masked(&face, None, "Blond_Hair")?;
    /// if let Some(mask) = mask {
    ///     assert_eq!(mask.width(), blond.width());
    ///     mask.save("touched.png").unwrap();
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`translate`](Self::translate) and [`translate_from`](Self::translate_from).
    pub fn translate_masked(
        &self,
        image: &DynamicImage,
        source: Option<&str>,
        edit: &str,
    ) -> Result<(DynamicImage, Option<DynamicImage>)> {
        let seen = self.seen(image)?;
        let made = self.apply(std::slice::from_ref(&seen), source, edit, Masks::Kept)?;
        let (translated, mask) = made.into_one();
        let mask = mask.map(|mask| self.sized_mask(image, mask));
        Ok((self.sized(image, &seen, translated, None), mask))
    }

    /// As [`grid_of_edits`](Self::grid_of_edits), or without edits and source as
    /// [`grid`](Self::grid), with a column `mask` beside every translation: white where it is
    /// painted anew.
    ///
    /// # Errors
    /// As theirs; [`Error::Config`] when the model [has no mask](Self::check_mask);
    /// [`Error::Label`] when there is a source and no edit.
    pub fn masked_grid(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edits: &[impl AsRef<str>],
    ) -> Result<Grid> {
        self.check_mask()?;
        if !edits.is_empty() {
            return self.grid_with(images, source, edits, Masks::Kept);
        }
        if source.is_some() {
            let message = "a source label is that of edits, of which there are none";
            return Err(Error::Label(message.to_owned()));
        }
        Grid::of_painted(self, &self.cut(images)?, |inputs, dataset, labels| {
            let conditions = self.conditions_of(dataset, labels);
            Painted::download(self.forward_masked(inputs, &conditions), Masks::Kept)
        })
    }

    /// The mask of a translation in the translation's size.
    pub(super) fn sized_mask(&self, image: &DynamicImage, mask: DynamicImage) -> DynamicImage {
        if self.output_size() != OutputSize::Photo {
            return mask;
        }
        let (width, height) = (image.width(), image.height());
        let region = self.transform_of(width, height).region(width, height);
        let mut whole = DynamicImage::new_luma8(width, height);
        let size = ImageSize::new(region.width as usize, region.height as usize);
        let part = Transform::new(Crop::Square, size).with_channels(Channels::Grey).resize(&mask);
        imageops::replace(&mut whole, &part, region.left.into(), region.top.into());
        whole
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests;
