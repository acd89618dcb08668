//! A translator whose backend is chosen when the program runs.

use std::fmt::Debug;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::backend::Backend;
use image::DynamicImage;

use crate::any_backend;
use crate::backend::BackendKind;
use crate::data::animation::Animation;
use crate::data::crop::Crop;
use crate::data::transform::Transform;
use crate::error::Result;
use crate::files::model::ModelConfig;
use crate::labels::probability::LabelProbability;
use crate::nn::precision::Precision;
use crate::translate::grid::Grid;
use crate::translate::output::OutputSize;
use crate::translate::translator::Translator;

/// What a [`Translator`] does that doesn't depend on its backend, each as the function of the same
/// name there: its shapes, errors and panics are those. [`AnyTranslator`] is one of any backend.
pub trait Translating: Debug + Send + Sync {
    /// [`Translator::config`]; the labels are its `spaces`.
    fn config(&self) -> &ModelConfig;

    /// [`Translator::transform_of`].
    fn transform_of(&self, width: u32, height: u32) -> Transform;

    /// [`Translator::output_size`].
    fn output_size(&self) -> OutputSize;

    /// [`Translator::check_edit`].
    fn check_edit(&self, source: Option<&str>, edit: &str) -> Result<()>;

    /// [`Translator::check_mask`].
    fn check_mask(&self) -> Result<()>;

    /// [`Translator::translate`].
    fn translate(&self, image: &DynamicImage, edit: &str) -> Result<DynamicImage>;

    /// [`Translator::translate_from`].
    fn translate_from(
        &self,
        image: &DynamicImage,
        source: &str,
        edit: &str,
    ) -> Result<DynamicImage>;

    /// [`Translator::translate_masked`].
    fn translate_masked(
        &self,
        image: &DynamicImage,
        source: Option<&str>,
        edit: &str,
    ) -> Result<(DynamicImage, Option<DynamicImage>)>;

    /// [`Translator::translate_batch`].
    fn translate_batch(&self, images: &[DynamicImage], edit: &str) -> Result<Vec<DynamicImage>>;

    /// [`Translator::translate_each`].
    fn translate_each(&self, requests: &[(&DynamicImage, &str)]) -> Vec<Result<DynamicImage>>;

    /// [`Translator::translate_animation`].
    fn translate_animation(
        &self,
        animation: &Animation,
        source: Option<&str>,
        edit: &str,
    ) -> Result<Animation>;

    /// [`Translator::translate_animation_masked`].
    fn translate_animation_masked(
        &self,
        animation: &Animation,
        source: Option<&str>,
        edit: &str,
    ) -> Result<(Animation, Option<Animation>)>;

    /// [`Translator::interpolate`].
    fn interpolate(
        &self,
        image: &DynamicImage,
        from: &str,
        to: &str,
        frames: usize,
    ) -> Result<Vec<DynamicImage>>;

    /// [`Translator::predict`].
    fn predict(&self, image: &DynamicImage, dataset: usize) -> Result<Vec<f32>>;

    /// [`Translator::scores`].
    fn scores(&self, image: &DynamicImage, dataset: usize) -> Result<Vec<LabelProbability>>;

    /// [`Translator::grid`].
    fn grid(&self, photos: &[DynamicImage]) -> Result<Grid>;

    /// [`Translator::grid_of_edits`].
    fn grid_of_edits(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edits: &[&str],
    ) -> Result<Grid>;

    /// [`Translator::masked_grid`].
    fn masked_grid(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edits: &[&str],
    ) -> Result<Grid>;

    /// The same model, by [`Translator::with_crop`].
    fn cropping(&self, crop: Crop) -> Arc<dyn Translating>;

    /// The same model, by [`Translator::with_output_size`].
    fn sizing(&self, size: OutputSize) -> Result<Arc<dyn Translating>>;

    /// The same model, by [`Translator::with_precision`].
    fn computing(&self, precision: Precision) -> Result<Arc<dyn Translating>>;
}

impl<B: Backend> Translating for Translator<B> {
    fn config(&self) -> &ModelConfig {
        self.config()
    }

    fn transform_of(&self, width: u32, height: u32) -> Transform {
        self.transform_of(width, height)
    }

    fn output_size(&self) -> OutputSize {
        self.output_size()
    }

    fn check_edit(&self, source: Option<&str>, edit: &str) -> Result<()> {
        self.check_edit(source, edit)
    }

    fn check_mask(&self) -> Result<()> {
        self.check_mask()
    }

    fn translate(&self, image: &DynamicImage, edit: &str) -> Result<DynamicImage> {
        self.translate(image, edit)
    }

    fn translate_from(
        &self,
        image: &DynamicImage,
        source: &str,
        edit: &str,
    ) -> Result<DynamicImage> {
        self.translate_from(image, source, edit)
    }

    fn translate_masked(
        &self,
        image: &DynamicImage,
        source: Option<&str>,
        edit: &str,
    ) -> Result<(DynamicImage, Option<DynamicImage>)> {
        self.translate_masked(image, source, edit)
    }

    fn translate_batch(&self, images: &[DynamicImage], edit: &str) -> Result<Vec<DynamicImage>> {
        self.translate_batch(images, edit)
    }

    fn translate_each(&self, requests: &[(&DynamicImage, &str)]) -> Vec<Result<DynamicImage>> {
        self.translate_each(requests)
    }

    fn translate_animation(
        &self,
        animation: &Animation,
        source: Option<&str>,
        edit: &str,
    ) -> Result<Animation> {
        self.translate_animation(animation, source, edit)
    }

    fn translate_animation_masked(
        &self,
        animation: &Animation,
        source: Option<&str>,
        edit: &str,
    ) -> Result<(Animation, Option<Animation>)> {
        self.translate_animation_masked(animation, source, edit)
    }

    fn interpolate(
        &self,
        image: &DynamicImage,
        from: &str,
        to: &str,
        frames: usize,
    ) -> Result<Vec<DynamicImage>> {
        self.interpolate(image, from, to, frames)
    }

    fn predict(&self, image: &DynamicImage, dataset: usize) -> Result<Vec<f32>> {
        self.predict(image, dataset)
    }

    fn scores(&self, image: &DynamicImage, dataset: usize) -> Result<Vec<LabelProbability>> {
        self.scores(image, dataset)
    }

    fn grid(&self, photos: &[DynamicImage]) -> Result<Grid> {
        self.grid(photos)
    }

    fn grid_of_edits(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edits: &[&str],
    ) -> Result<Grid> {
        self.grid_of_edits(images, source, edits)
    }

    fn masked_grid(
        &self,
        images: &[DynamicImage],
        source: Option<&str>,
        edits: &[&str],
    ) -> Result<Grid> {
        self.masked_grid(images, source, edits)
    }

    fn cropping(&self, crop: Crop) -> Arc<dyn Translating> {
        Arc::new(self.clone().with_crop(crop))
    }

    fn sizing(&self, size: OutputSize) -> Result<Arc<dyn Translating>> {
        Ok(Arc::new(self.clone().with_output_size(size)?))
    }

    fn computing(&self, precision: Precision) -> Result<Arc<dyn Translating>> {
        Ok(Arc::new(self.clone().with_precision(precision)?))
    }
}

/// A [`Translator`] on a backend that is chosen when the program runs, on that backend's default
/// device. What it does is in [`Translating`].
///
/// ```
/// use stargan::{AnyTranslator, BackendKind, OutputSize, load_image};
///
/// # fn main() -> stargan::Result<()> {
/// let backend: BackendKind = std::env::var("BACKEND").as_deref().unwrap_or("flex").parse()?;
/// let model = AnyTranslator::open("examples/models/faces64.safetensors", backend)?
///     .with_output_size(OutputSize::Model)?;
/// let face = load_image("examples/data/faces/test/images/00003.png")?;
/// assert_eq!(model.translate(&face, "Blond_Hair")?.width(), 64);
/// # Ok(())
/// # }
/// ```
///
/// It is `Send`, `Sync` and cheap to clone: threads share its weights.
#[derive(Clone, Debug)]
pub struct AnyTranslator(Arc<dyn Translating>);

impl AnyTranslator {
    /// As [`Translator::open`].
    ///
    /// # Errors
    /// As there; [`Error::Config`](crate::Error::Config) when the backend is not compiled in.
    pub fn open(path: impl AsRef<Path>, backend: BackendKind) -> Result<Self> {
        let _path = path.as_ref();
        any_backend!(backend, B => Ok(Translator::<B>::open(_path, &Default::default())?.into()))
    }

    /// As [`Translator::from_bytes`].
    ///
    /// # Errors
    /// As there; [`Error::Config`](crate::Error::Config) when the backend is not compiled in.
    pub fn from_bytes(bytes: &[u8], backend: BackendKind) -> Result<Self> {
        let _bytes = bytes;
        any_backend!(
            backend,
            B => Ok(Translator::<B>::from_bytes(_bytes, &Default::default())?.into())
        )
    }

    /// As [`Translator::with_crop`].
    pub fn with_crop(self, crop: Crop) -> Self {
        Self(self.0.cropping(crop))
    }

    /// As [`Translator::with_output_size`].
    ///
    /// # Errors
    /// As there.
    pub fn with_output_size(self, size: OutputSize) -> Result<Self> {
        self.0.sizing(size).map(Self)
    }

    /// As [`Translator::with_precision`].
    ///
    /// # Errors
    /// As there.
    pub fn with_precision(self, precision: Precision) -> Result<Self> {
        self.0.computing(precision).map(Self)
    }
}

impl<B: Backend> From<Translator<B>> for AnyTranslator {
    fn from(translator: Translator<B>) -> Self {
        Self(Arc::new(translator))
    }
}

impl Deref for AnyTranslator {
    type Target = dyn Translating;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
