//! Translating photos by edits such as `Blond_Hair`, whose own labels are known or predicted.

use std::path::Path;

use burn::tensor::backend::Backend;
use image::{DynamicImage, GenericImageView};

use crate::data::image::load_image;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::error::{Error, Result};
use crate::labels::edit::Edit;
use crate::labels::spaces::DomainEdit;
use crate::translate::grid::{Grid, GridImage, no_images};
use crate::translate::images::{CHUNK, check_pixels, padded, upload};
use crate::translate::output::{OutputSize, carry_over};
use crate::translate::painted::{Masks, Painted};
use crate::translate::relabel::{DomainLabel, Translate};
use crate::translate::translator::Translator;

/// One of the translations that an edit is.
pub(super) struct Step {
    pub(super) dataset: usize,
    pub(super) edit: Edit,
    /// The images' own label; predicted where it isn't known.
    pub(super) source: Option<Vec<f32>>,
}

impl<B: Backend> Translator<B> {
    /// Translates the image in a file as [`translate`](Self::translate) does; see
    /// [`load_image`].
    ///
    /// # Errors
    /// As [`load_image`] and [`translate`](Self::translate).
    pub fn translate_file(&self, path: impl AsRef<Path>, edit: &str) -> Result<DynamicImage> {
        self.translate(&load_image(path)?, edit)
    }

    /// Translates one image, such as one of [`load_image`] or
    /// [`decode_image`](crate::decode_image), which make upright what `image::open` leaves as it is
    /// stored; the model sees its [channels](crate::Channels::convert) of it. Its own label is
    /// [predicted](Self::predict) where the edit keeps a part of it, then the edit is applied, such
    /// as `"Blond_Hair"`, `"+Male,-Young"` or `"Male=0.5"` (see [`Edit`](crate::Edit)).
    ///
    /// The translation has the photo's own size, unless [`with_output_size`] says otherwise: the
    /// part that the model sees is translated, and what that changes is carried over to the photo.
    /// It has the model's channels, and beside them the opacity of a transparent photo, which stays
    /// as it is where the model knows none. JPEG has no opacity: a result that is saved as such is
    /// [`Channels::Rgb`](crate::Channels)`.convert(result)`, on white.
    ///
    /// [`with_output_size`]: Self::with_output_size
    ///
    /// Of a model that was trained on several datasets, any label of any of them applies to any
    /// image, as `"expressions:happy"`, or `"happy"` where only one has it. Terms of two datasets,
    /// such as `"Blond_Hair,happy"`, are two translations, the second of what the first has made
    /// (see [`LabelSpaces::edits`](crate::LabelSpaces::edits)).
    ///
    /// # Errors
    /// [`Error::Label`] when the edit makes no sense, or a label would have to be predicted and the
    /// model has no discriminator; [`Error::Data`] when the image has no pixels;
    /// [`Error::Config`] when it doesn't hold the crop of [`with_crop`](Self::with_crop).
    pub fn translate(&self, image: &DynamicImage, edit: &str) -> Result<DynamicImage> {
        let mut translated = self.translate_batch(std::slice::from_ref(image), edit)?;
        Ok(translated.remove(0))
    }

    /// Translates images as [`translate`](Self::translate) does, several at a time.
    ///
    /// # Errors
    /// As [`translate`](Self::translate).
    pub fn translate_batch(
        &self,
        images: &[DynamicImage],
        edit: &str,
    ) -> Result<Vec<DynamicImage>> {
        self.translated(images, None, edit)
    }

    /// Translates one image whose own label is known, such as `"Black_Hair,Male"` or, in two
    /// datasets, `"Black_Hair,happy"`; where the edit changes labels of further datasets, these are
    /// predicted.
    ///
    /// # Errors
    /// [`Error::Label`] when the source or the edit makes no sense, or the edit changes nothing in
    /// a dataset of the source.
    pub fn translate_from(
        &self,
        image: &DynamicImage,
        source: &str,
        edit: &str,
    ) -> Result<DynamicImage> {
        Ok(self.translated(std::slice::from_ref(image), Some(source), edit)?.remove(0))
    }

    /// Translates one image to an explicit label.
    ///
    /// # Errors
    /// [`Error::Label`] when the dataset does not exist or the label does not fit it.
    pub fn translate_to(&self, image: &DynamicImage, target: &DomainLabel) -> Result<DynamicImage> {
        self.check_label(target)?;
        let condition = self.spaces().condition(target.dataset, &target.label);
        Ok(self.translate_conditions(image, &[condition])?.remove(0))
    }

    /// Refuses a label that is of no dataset of the model's, or does not fit it.
    pub(super) fn check_label(&self, DomainLabel { dataset, label }: &DomainLabel) -> Result<()> {
        let known = self.spaces().len();
        if *dataset >= known {
            return Err(Error::Label(format!(
                "dataset {dataset} does not exist, the model knows {known}"
            )));
        }
        self.spaces().space(*dataset).check_label(label)
    }

    /// Translates one image as each of the condition vectors says, such as one with another mask
    /// than [`LabelSpaces::condition`](crate::LabelSpaces::condition) makes.
    ///
    /// # Errors
    /// [`Error::Data`] when the image has no pixels.
    ///
    /// # Panics
    /// When a condition has not [`condition_width`](crate::LabelSpaces::condition_width) entries.
    pub fn translate_conditions(
        &self,
        image: &DynamicImage,
        conditions: &[Vec<f32>],
    ) -> Result<Vec<DynamicImage>> {
        let seen = self.seen(image)?;
        let images = vec![seen.clone(); conditions.len()];
        let translated = self.generate(&images, conditions, Masks::Dropped).images;
        Ok(translated.into_iter().map(|result| self.sized(image, &seen, result, None)).collect())
    }

    /// The image's own label in `dataset`, as the discriminator's domain head reads it: 0 or 1 per
    /// entry.
    ///
    /// # Errors
    /// [`Error::Label`] when the model has no discriminator.
    ///
    /// # Panics
    /// When `dataset` does not exist.
    pub fn predict(&self, image: &DynamicImage, dataset: usize) -> Result<Vec<f32>> {
        Ok(self.predict_prepared(&[self.prepare(image)?], dataset)?.remove(0))
    }

    /// Refuses what [`translate`](Self::translate), or with `source`
    /// [`translate_from`](Self::translate_from), would refuse of any image: to be asked before many
    /// are read.
    ///
    /// # Errors
    /// As theirs.
    pub fn check_edit(&self, source: Option<&str>, edit: &str) -> Result<()> {
        self.steps(source, edit).map(drop)
    }

    /// A grid of `photos`, each followed by its translation to every target of every dataset, from
    /// its [predicted](Self::predict) label.
    ///
    /// # Errors
    /// As [`Grid::of_targets`].
    pub fn grid(&self, photos: &[DynamicImage]) -> Result<Grid> {
        Grid::of_targets(self, &self.cut(photos)?)
    }

    /// The parts of photos that the model sees, for a grid.
    pub(super) fn cut(&self, photos: &[DynamicImage]) -> Result<Vec<GridImage>> {
        let image = |photo: &DynamicImage| {
            check_pixels(photo)?;
            let transform = self.transform_of(photo.width(), photo.height());
            transform.check_holds(photo.width(), photo.height())?;
            Ok(GridImage { image: transform.cut(photo), label: None })
        };
        photos.iter().map(image).collect()
    }

    /// A grid of `images`, each followed by its translation by every one of `edits`. All images
    /// have the label `source` (see [`translate_from`](Self::translate_from)); without it, every
    /// image's own is [predicted](Self::predict). A column is named after its edit.
    ///
    /// # Errors
    /// [`Error::Label`] when there are no images, the source or an edit makes no sense, they belong
    /// to different datasets, or a source would have to be predicted and the model has no
    /// discriminator.
    pub fn grid_of_edits(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edits: &[impl AsRef<str>],
    ) -> Result<Grid> {
        self.grid_with(images, source, edits, Masks::Dropped)
    }

    /// As [`grid_of_edits`](Self::grid_of_edits), with the masks that are kept.
    pub(super) fn grid_with(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edits: &[impl AsRef<str>],
        masks: Masks,
    ) -> Result<Grid> {
        if images.is_empty() {
            return Err(no_images());
        }
        let images = images.iter().map(|image| self.prepare(image)).collect::<Result<Vec<_>>>()?;
        let mut rows: Vec<_> = images.iter().map(|image| vec![image.clone()]).collect();
        let mut columns = vec!["input".to_owned()];
        for edit in edits.iter().map(AsRef::as_ref) {
            for (name, column) in self.apply(&images, source, edit, masks)?.columns(edit) {
                columns.push(name);
                rows.iter_mut().zip(column).for_each(|(row, image)| row.push(image));
            }
        }
        Ok(Grid::new(&rows, columns))
    }

    /// The edit's translations, one after the other, each with the images' own label where it is
    /// known: `source` in that label's dataset. It is predicted in others.
    pub(super) fn steps(&self, source: Option<&str>, edit: &str) -> Result<Vec<Step>> {
        let edits = self.spaces().edits(edit)?;
        let known = match source {
            Some(source) => self.spaces().source_labels(source)?,
            None => Vec::new(),
        };
        let names = |datasets: &mut dyn Iterator<Item = usize>| {
            datasets.map(|dataset| self.spaces().name(dataset)).collect::<Vec<_>>().join(" and ")
        };
        if let Some((dataset, _)) =
            known.iter().find(|(dataset, _)| edits.iter().all(|edit| edit.dataset != *dataset))
        {
            return Err(Error::Label(format!(
                "the source label is of {}, the edit only of {}: leave that label out, or edit it",
                names(&mut [*dataset].into_iter()),
                names(&mut edits.iter().map(|edit| edit.dataset))
            )));
        }
        let step = |DomainEdit { dataset, edit }: DomainEdit| {
            let source = match known.iter().find(|(known, _)| *known == dataset) {
                Some((_, label)) => Some(label.clone()),
                None if edit.is_whole() => Some(vec![0.0; self.spaces().space(dataset).width()]),
                None => {
                    self.reader()?;
                    None
                }
            };
            Ok(Step { dataset, edit, source })
        };
        edits.into_iter().map(step).collect()
    }

    /// The edit's translations of prepared images.
    pub(super) fn apply(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edit: &str,
        masks: Masks,
    ) -> Result<Painted> {
        let mut made = Painted::untouched(images.to_vec());
        for Step { dataset, edit, source } in self.steps(source, edit)? {
            let sources = match source {
                Some(label) => vec![label; images.len()],
                None => self.predict_prepared(&made.images, dataset)?,
            };
            let conditions: Vec<_> = sources
                .iter()
                .map(|source| self.spaces().condition(dataset, &edit.apply(source)))
                .collect();
            let next = self.generate(&made.images, &conditions, masks);
            made = made.then(next);
        }
        Ok(made)
    }

    /// The image as the model sees it: cropped ([`transform_of`](Self::transform_of)), with the
    /// model's [channels](crate::Channels::convert), and resized to the model's size.
    ///
    /// # Errors
    /// [`Error::Data`] when the image has no pixels; [`Error::Config`] when it does not hold the
    /// crop.
    pub fn prepare(&self, image: &DynamicImage) -> Result<DynamicImage> {
        self.prepare_at(image, self.config().transform.size)
    }

    fn prepare_at(&self, image: &DynamicImage, size: ImageSize) -> Result<DynamicImage> {
        let transform = self.transform_of(image.width(), image.height());
        transform.check_holds(image.width(), image.height())?;
        check_pixels(image)?;
        Ok(Transform { size, ..transform }.resize(&transform.cut(image)))
    }

    /// The image as the generator is given it: [prepared](Self::prepare), at its own size.
    pub(super) fn seen(&self, image: &DynamicImage) -> Result<DynamicImage> {
        self.prepare_at(image, self.seen_size())
    }

    /// The edit's translations in the size that is asked for.
    fn translated(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edit: &str,
    ) -> Result<Vec<DynamicImage>> {
        let seen = images.iter().map(|image| self.seen(image)).collect::<Result<Vec<_>>>()?;
        let made = self.apply(&seen, source, edit, Masks::Dropped)?;
        let results = images.iter().zip(&seen).zip(made.images);
        Ok(results.map(|((image, seen), result)| self.sized(image, seen, result, None)).collect())
    }

    /// A translation in the size that is asked for; changes are meant from `least` on, where it is
    /// given ([`carry_over`]).
    pub(super) fn sized(
        &self,
        image: &DynamicImage,
        seen: &DynamicImage,
        translated: DynamicImage,
        least: Option<f32>,
    ) -> DynamicImage {
        if self.output_size() != OutputSize::Photo {
            return translated;
        }
        let transform = self.transform_of(image.width(), image.height());
        let region = transform.region(image.width(), image.height());
        let photo = transform.channels.beside_opacity(image.clone());
        carry_over(photo, region, seen, &translated, least)
    }

    pub(super) fn predict_prepared(
        &self,
        images: &[DynamicImage],
        dataset: usize,
    ) -> Result<Vec<Vec<f32>>> {
        let transform = self.config().transform;
        let read = |chunk: &[DynamicImage]| {
            let chunk: Vec<_> = chunk.iter().map(|image| transform.resize(image)).collect();
            self.read_labels(upload(&chunk, self.device()), dataset)
        };
        let chunks = images.chunks(CHUNK).map(read).collect::<Result<Vec<_>>>()?;
        Ok(chunks.into_iter().flatten().collect())
    }

    /// Translates images as the generator is given them, each as its condition says.
    pub(super) fn generate(
        &self,
        images: &[DynamicImage],
        conditions: &[Vec<f32>],
        masks: Masks,
    ) -> Painted {
        let mut made = Painted::untouched(Vec::new());
        let Some((width, height)) = images.first().map(GenericImageView::dimensions) else {
            return made;
        };
        let seen = ImageSize::new(width as usize, height as usize);
        let whole = self.config().generator.next_size(seen);
        // As many values as of images of the model's size.
        let size = self.config().transform.size;
        let times = whole.width.div_ceil(size.width) * whole.height.div_ceil(size.height);
        let count = (CHUNK / times).max(1);
        let chunks = images.chunks(count).zip(conditions.chunks(count));
        for (images, conditions) in chunks {
            let images: Vec<_> = images.iter().map(|image| padded(image, whole)).collect();
            let images = upload(&images, self.device());
            made.extend(Painted::download(self.forward_masked(images, conditions), masks));
        }
        made.cropped(width, height)
    }
}
