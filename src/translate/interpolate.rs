//! From one label to another in small steps.

use burn::tensor::backend::Backend;
use image::DynamicImage;

use crate::error::{Error, Result};
use crate::labels::edit::Edit;
use crate::labels::spaces::DomainEdit;
use crate::translate::output::least_meant;
use crate::translate::painted::Masks;
use crate::translate::relabel::DomainLabel;
use crate::translate::translator::Translator;

impl<B: Backend> Translator<B> {
    /// Translates one image by every edit between two, in `frames` (at least 2) equal steps of its
    /// label: the first frame is the translation by `from`, the last that by `to`. No edit, `""`,
    /// is the image's own label in the other edit's dataset.
    ///
    /// ```no_run
    /// # use stargan::burn::backend::Flex;
    /// # use stargan::{Translator, load_image};
    /// # fn main() -> stargan::Result<()> {
    /// let model = Translator::<Flex>::open("runs/celeba", &Default::default())?;
    /// let face = load_image("face.jpg")?;
    /// let frames = model.interpolate(&face, "", "Blond_Hair,-Young", 24)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Label`] as [`translate`](Self::translate), and when the edits are not of one
    /// dataset; [`Error::Config`] when there are fewer than 2 frames; [`Error::Data`] when the
    /// image has no pixels.
    pub fn interpolate(
        &self,
        image: &DynamicImage,
        from: &str,
        to: &str,
        frames: usize,
    ) -> Result<Vec<DynamicImage>> {
        let edits = self.between([from, to])?;
        let dataset = edits[0].dataset;
        let source = if edits.iter().all(|edit| edit.edit.is_whole()) {
            vec![0.0; self.spaces().space(dataset).width()]
        } else {
            self.predict(image, dataset)?
        };
        let [from, to] = edits.map(|edit| DomainLabel { dataset, label: edit.apply(&source) });
        self.interpolate_labels(image, &from, &to, frames)
    }

    /// As [`interpolate`](Self::interpolate), between two explicit labels of one dataset.
    ///
    /// # Errors
    /// [`Error::Label`] when the dataset does not exist, is not the same, or a label does not fit
    /// it; otherwise as [`interpolate`](Self::interpolate).
    pub fn interpolate_labels(
        &self,
        image: &DynamicImage,
        from: &DomainLabel,
        to: &DomainLabel,
        frames: usize,
    ) -> Result<Vec<DynamicImage>> {
        let dataset = from.dataset;
        self.check_label(from)?;
        self.check_label(to)?;
        if to.dataset != dataset {
            return Err(self.two_datasets(dataset, to.dataset));
        }
        if frames < 2 {
            let message = format!("an interpolation has at least 2 frames, found {frames}");
            return Err(Error::Config(message));
        }
        // Exactly 0 in the first frame and exactly 1 in the last one.
        let way = |frame: usize| frame as f32 / (frames - 1) as f32;
        let label = |frame: usize| -> Vec<f32> {
            let way = way(frame);
            let between = |(from, to): (&f32, &f32)| (1.0 - way) * from + way * to;
            from.label.iter().zip(&to.label).map(between).collect()
        };
        let conditions: Vec<_> =
            (0..frames).map(|frame| self.spaces().condition(dataset, &label(frame))).collect();
        let seen = self.seen(image)?;
        let images = vec![seen.clone(); frames];
        let translated = self.generate(&images, &conditions, Masks::Dropped).images;
        // What is meant is told by the ends: told by each frame alone it would flicker.
        let [first, last] = [0, frames - 1].map(|end| least_meant(&seen, &translated[end]));
        let frame = |(frame, translated)| {
            let least = (1.0 - way(frame)) * first + way(frame) * last;
            self.sized(image, &seen, translated, Some(least))
        };
        Ok(translated.into_iter().enumerate().map(frame).collect())
    }

    /// Both edits, which are of one dataset.
    fn between(&self, texts: [&str; 2]) -> Result<[DomainEdit; 2]> {
        let [mut from, mut to] = [self.edit_of_one(texts[0])?, self.edit_of_one(texts[1])?];
        // No edit is one of whichever dataset the other is of.
        let none = |dataset| {
            let edit = Edit::none(self.spaces().space(dataset).width());
            DomainEdit { dataset, edit }
        };
        match texts.map(|text| text.trim().is_empty()) {
            [true, false] => from = none(to.dataset),
            [false, true] => to = none(from.dataset),
            _ => {}
        }
        if from.dataset != to.dataset {
            return Err(self.two_datasets(from.dataset, to.dataset));
        }
        Ok([from, to])
    }

    fn edit_of_one(&self, text: &str) -> Result<DomainEdit> {
        let mut edits = self.spaces().edits(text)?;
        match &edits[..] {
            [one, other, ..] => Err(self.two_datasets(one.dataset, other.dataset)),
            _ => Ok(edits.remove(0)),
        }
    }

    fn two_datasets(&self, one: usize, other: usize) -> Error {
        let [one, other] = [one, other].map(|dataset| self.spaces().name(dataset));
        Error::Label(format!(
            "an interpolation is between labels of one dataset, found {one} and {other}"
        ))
    }
}
