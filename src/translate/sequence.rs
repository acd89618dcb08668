//! Frames of one film, all translated alike.

use burn::tensor::backend::Backend;
use image::DynamicImage;

use crate::data::animation::Animation;
use crate::error::{Error, Result};
use crate::translate::images::{CHUNK, upload};
use crate::translate::output::least_meant;
use crate::translate::painted::{Masks, Painted};
use crate::translate::translator::Translator;

/// Translates the frames of one film, all of them alike: [`Translator::sequence`].
#[derive(Debug)]
pub struct Sequence<'a, B: Backend> {
    translator: &'a Translator<B>,
    /// Of every translation that the edit is.
    conditions: Vec<Vec<f32>>,
    least: f32,
}

impl<B: Backend> Translator<B> {
    /// Reads from some `frames` of a film, such as one in ten, what is to be the same in all of it,
    /// so that nothing flickers: its own label (`source`, or what the discriminator says of the
    /// frames on average), and from which strength on a change is meant
    /// ([`OutputSize::Photo`](crate::OutputSize::Photo)). What
    /// [`translate_animation`](Self::translate_animation) does with frames in memory.
    ///
    /// ```no_run
    /// # use stargan::burn::backend::Flex;
    /// # use stargan::{Translator, load_image};
    /// # fn main() -> stargan::Result<()> {
    /// let model = Translator::<Flex>::open("runs/celeba", &Default::default())?;
    /// let first = load_image("frames/0001.png")?;
    /// let film = model.sequence(&[first], None, "Blond_Hair")?;
    /// for name in ["0001.png", "0002.png", "0003.png"] {
    ///     let frame = load_image(format!("frames/{name}"))?;
    ///     film.translate(&frame)?.save(format!("translated/{name}")).unwrap();
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Label`] when there is no frame, otherwise as [`translate`](Self::translate) and
    /// [`translate_from`](Self::translate_from).
    pub fn sequence(
        &self,
        frames: &[DynamicImage],
        source: Option<&str>,
        edit: &str,
    ) -> Result<Sequence<'_, B>> {
        if frames.is_empty() {
            return Err(Error::Label("a sequence needs at least one frame".to_owned()));
        }
        let seen = frames.iter().map(|frame| self.seen(frame)).collect::<Result<Vec<_>>>()?;
        let mut images = seen.clone();
        let mut conditions = Vec::new();
        for step in self.steps(source, edit)? {
            let label = match step.source {
                Some(label) => label,
                None => self.predict_together(&images, step.dataset)?,
            };
            let condition = self.spaces().condition(step.dataset, &step.edit.apply(&label));
            let same = vec![condition.clone(); images.len()];
            images = self.generate(&images, &same, Masks::Dropped).images;
            conditions.push(condition);
        }
        let pairs = seen.iter().zip(&images);
        let mut least: Vec<f32> = pairs.map(|(seen, image)| least_meant(seen, image)).collect();
        least.sort_by(f32::total_cmp);
        Ok(Sequence { translator: self, conditions, least: least[least.len() / 2] })
    }

    /// Translates every frame of an animation as one [`sequence`](Self::sequence), with the same
    /// delays.
    ///
    /// # Errors
    /// As [`sequence`](Self::sequence).
    pub fn translate_animation(
        &self,
        animation: &Animation,
        source: Option<&str>,
        edit: &str,
    ) -> Result<Animation> {
        let sequence = self.sequence_of(animation, source, edit)?;
        let mut translated = Vec::with_capacity(animation.frames().len());
        for chunk in animation.frames().chunks(CHUNK) {
            translated.extend(sequence.translate_batch(chunk)?);
        }
        animation.with_frames(translated)
    }

    /// [`translate_animation`](Self::translate_animation), and the masks of its frames, with the
    /// same delays, where the model has masks
    /// ([`translate_masked`](Self::translate_masked) says what they are).
    ///
    /// # Errors
    /// As [`sequence`](Self::sequence).
    pub fn translate_animation_masked(
        &self,
        animation: &Animation,
        source: Option<&str>,
        edit: &str,
    ) -> Result<(Animation, Option<Animation>)> {
        let sequence = self.sequence_of(animation, source, edit)?;
        let mut made = Painted::untouched(Vec::new());
        for chunk in animation.frames().chunks(CHUNK) {
            made.extend(sequence.translate_batch_masked(chunk)?);
        }
        let masks = made.masks.map(|masks| animation.with_frames(masks)).transpose()?;
        Ok((animation.with_frames(made.images)?, masks))
    }

    /// What is the same in all of an animation, read from some of its frames.
    fn sequence_of(
        &self,
        animation: &Animation,
        source: Option<&str>,
        edit: &str,
    ) -> Result<Sequence<'_, B>> {
        let frames = animation.frames();
        let some = frames.iter().step_by(frames.len().div_ceil(CHUNK));
        self.sequence(&some.cloned().collect::<Vec<_>>(), source, edit)
    }

    /// One label of prepared images that show the same.
    fn predict_together(&self, images: &[DynamicImage], dataset: usize) -> Result<Vec<f32>> {
        let transform = self.config().transform;
        let space = self.spaces().space(dataset);
        let mut mean = vec![0.0; space.width()];
        for chunk in images.chunks(CHUNK) {
            let chunk: Vec<_> = chunk.iter().map(|image| transform.resize(image)).collect();
            for logits in self.domain_logits(upload(&chunk, self.device()), dataset)? {
                let part = |logit: f32| logit / images.len() as f32;
                mean.iter_mut().zip(logits).for_each(|(mean, logit)| *mean += part(logit));
            }
        }
        Ok(space.predict(&mean))
    }
}

impl<B: Backend> Sequence<'_, B> {
    /// Translates one frame.
    ///
    /// # Errors
    /// [`Error::Data`] when it has no pixels; [`Error::Config`] when it does not hold the crop of
    /// [`with_crop`](Translator::with_crop).
    pub fn translate(&self, frame: &DynamicImage) -> Result<DynamicImage> {
        Ok(self.translate_batch(std::slice::from_ref(frame))?.remove(0))
    }

    /// [`translate`](Self::translate), and the mask of a model that has masks
    /// ([`Translator::translate_masked`] says what it is).
    ///
    /// # Errors
    /// As [`translate`](Self::translate).
    pub fn translate_masked(
        &self,
        frame: &DynamicImage,
    ) -> Result<(DynamicImage, Option<DynamicImage>)> {
        Ok(self.translate_batch_masked(std::slice::from_ref(frame))?.into_one())
    }

    /// Translates frames, several at a time.
    ///
    /// # Errors
    /// As [`translate`](Self::translate).
    pub fn translate_batch(&self, frames: &[DynamicImage]) -> Result<Vec<DynamicImage>> {
        Ok(self.paint(frames, Masks::Dropped)?.images)
    }

    fn translate_batch_masked(&self, frames: &[DynamicImage]) -> Result<Painted> {
        let made = self.paint(frames, Masks::Kept)?;
        let sized = |(frame, mask)| self.translator.sized_mask(frame, mask);
        let masks = made.masks.map(|masks| frames.iter().zip(masks).map(sized).collect());
        Ok(Painted { masks, ..made })
    }

    /// The frames' translations in the size that is asked for, and masks in the model's.
    fn paint(&self, frames: &[DynamicImage], masks: Masks) -> Result<Painted> {
        let translator = self.translator;
        let seen = frames.iter().map(|frame| translator.seen(frame)).collect::<Result<Vec<_>>>()?;
        let mut made = Painted::untouched(seen.clone());
        for condition in &self.conditions {
            let conditions = vec![condition.clone(); frames.len()];
            let next = translator.generate(&made.images, &conditions, masks);
            made = made.then(next);
        }
        let pairs = frames.iter().zip(&seen).zip(made.images);
        let sized = |((frame, seen), image): ((_, _), _)| {
            translator.sized(frame, seen, image, Some(self.least))
        };
        Ok(Painted { images: pairs.map(sized).collect(), masks: made.masks })
    }
}
