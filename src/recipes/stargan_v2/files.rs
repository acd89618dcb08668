//! StarGAN v2's models in files: our own, and those of the public PyTorch code.

use std::path::Path;

use burn::tensor::backend::Backend;
use serde::Serialize;

use crate::data::channels::Channels;
use crate::data::crop::Crop;
use crate::data::transform::Transform;
use crate::engine::recipe::Recipe;
use crate::error::{Error, Result};
use crate::files::model;
use crate::files::onnx::style;
use crate::files::pytorch::model::write;
use crate::files::pytorch::style_keys::OURS;
use crate::files::pytorch::style_model::{PublicStyleModel, public_networks};
use crate::files::replace::{check_new, make_folders_of};
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::weights::{self, Weights};
use crate::recipes::stargan_v2::config::StarGanV2;
use crate::recipes::stargan_v2::model::StyleModel;
use crate::recipes::stargan_v2::translator::StyleTranslator;

/// What a model file says, by which [`recipe_of`](crate::recipe_of) knows it.
#[derive(Serialize)]
struct Description<'a> {
    recipe: &'static str,
    #[serde(flatten)]
    model: &'a StyleModel,
}

impl<B: Backend> StyleTranslator<B> {
    /// The public `model` with names for its domains, in the order that they were trained in, and
    /// the part of an image that is used, on `device`.
    ///
    /// ```
    /// use stargan::burn::backend::Flex;
    /// use stargan::{Crop, LabelSpace, PublicStyleModel, StyleTranslator, load_image};
    ///
    /// # fn main() -> stargan::Result<()> {
    /// # let file = "tests/fixtures/public-nets-ema.ckpt";
    /// let public = PublicStyleModel::open(file)?; // such as 100000_nets_ema.ckpt
    /// let animals = LabelSpace::classes(["cat", "dog", "wild"]); // AFHQ's
    /// let device = Default::default();
    /// let model = StyleTranslator::<Flex>::import(public, animals, Crop::Square, &device)?;
    ///
    /// let cat = load_image("examples/data/faces/test/images/00003.png")?;
    /// let any_dog = model.latent_style(7, 1);
    /// assert_eq!(model.translate(&cat, any_dog)?.width(), 32);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Label`] when there is another number of domains, their labels
    /// do not exclude each other, or the networks take images of other channels than grey, RGB or
    /// RGBA.
    pub fn import(
        model: PublicStyleModel,
        domains: LabelSpace,
        crop: Crop,
        device: &B::Device,
    ) -> Result<Self> {
        let (networks, weights) = model.into_parts();
        let channels = Channels::try_from(networks.image_channels)
            .map_err(|error| Error::Config(format!("the networks' images: {error}")))?;
        let transform = Transform::new(crop, networks.size()).with_channels(channels);
        let model = StyleModel { spaces: LabelSpaces::single(domains), transform, networks };
        model.check()?;
        Self::assemble(model, OURS, weights, device, |problem| {
            Error::Config(format!("the weights do not fit: {problem}"))
        })
    }

    /// Writes a model file that [`open`](Self::open) reads on every backend.
    ///
    /// # Errors
    /// [`Error::Io`] when the file exists or can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        check_new(path)?;
        self.replace(path)
    }

    /// As [`save`](Self::save), in place of an earlier file, which stays until the new one is
    /// whole.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be written.
    pub fn replace(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        make_folders_of(path)?;
        let description = Description { recipe: StarGanV2::NAME, model: self.model() };
        model::write(path, &description, &self.weights().into_iter().flatten().collect())
    }

    /// Writes safetensors with the public PyTorch code's keys, each behind its network's name
    /// (`generator.`, `mapping_network.`, `style_encoder.`) and without `module.`:
    /// [`PublicStyleModel`] reads it, and docs/interop.md loads it strictly into PyTorch's modules.
    ///
    /// # Errors
    /// [`Error::Io`] when the file exists or can't be written.
    pub fn export_pytorch(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        check_new(path)?;
        write(path, &public_networks(&self.model().networks, self.weights())?)
    }

    /// The bytes of an ONNX file of the generator (operators of version 17), which onnxruntime and
    /// others run on any number of images of any size that `2^halvings` divides (16 at 256 pixels):
    /// `image` `[N, C, H, W]` in `[-1, 1]` and `style` `[N, style_width]` to `translated`
    /// `[N, C, H, W]` in `[-1, 1]`.
    ///
    /// Its metadata say what domains and images are; docs/interop.md has them, and how to run it.
    ///
    /// # Errors
    /// [`Error::Config`] when the generator is larger than the 2 GiB that such a file holds.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        let StyleModel { spaces, transform, networks } = self.model();
        let weights = weights::collect(self.networks().0, OURS[0]);
        style::generator(networks, weights, *transform, spaces)
    }

    /// The bytes of an ONNX file of the mapping network: `latent` `[N, latent_width]`, standard
    /// normal numbers, and `domain` `[N, domains]`, a 1 at its place and else 0, to `style`
    /// `[N, style_width]`.
    ///
    /// # Errors
    /// [`Error::Config`] when it is larger than the 2 GiB that such a file holds.
    pub fn mapping_to_onnx(&self) -> Result<Vec<u8>> {
        let StyleModel { spaces, networks, .. } = self.model();
        style::mapping(networks, weights::collect(self.networks().1, OURS[1]), spaces)
    }

    /// The bytes of an ONNX file of the style encoder: `image` `[N, C, H, W]` of the model's size
    /// in `[-1, 1]` and `domain` `[N, domains]`, a 1 at its place and else 0, to `style`
    /// `[N, style_width]`.
    ///
    /// # Errors
    /// [`Error::Config`] when it is larger than the 2 GiB that such a file holds.
    pub fn encoder_to_onnx(&self) -> Result<Vec<u8>> {
        let StyleModel { spaces, transform, networks } = self.model();
        let weights = weights::collect(self.networks().2, OURS[2]);
        style::encoder(networks, weights, *transform, spaces)
    }

    /// The weights of G, F and E, each under its name in our files.
    pub(crate) fn weights(&self) -> [Weights; 3] {
        let ((g, f, e), [generator, mapping, encoder]) = (self.networks(), OURS);
        [weights::collect(g, generator), weights::collect(f, mapping), weights::collect(e, encoder)]
    }
}
