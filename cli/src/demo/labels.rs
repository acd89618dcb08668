//! A model of labels: a StarGAN.

use std::time::Instant;

use image::DynamicImage;
use stargan::burn::tensor::backend::Backend;
use stargan::{Channels, Crop, ImageSize, Transform, Translator};

use super::answer::Refusal;
use super::model::{Description, OwnLabels, PageModel, Picture};
use super::query::Query;

/// The longer side of a larger photo while it is worked on, in pixels: a screen shows no more.
const LONGEST: u32 = 1024;

/// A model that changes an image's labels.
pub struct Labels<B: Backend>(pub Translator<B>);

impl<B: Backend> Labels<B> {
    /// An image of at most [`LONGEST`] pixels a side. As it is, where the model would see another
    /// part of it then, or less than its own size of it.
    fn shown(&self, image: DynamicImage) -> DynamicImage {
        let (width, height) = (image.width(), image.height());
        let scale = f64::from(LONGEST) / f64::from(width.max(height));
        let [across, down] = [width, height].map(|side| (f64::from(side) * scale).round().max(1.0));
        let (across, down) = (across as u32, down as u32);
        let [large, small] =
            [(width, height), (across, down)].map(|(w, h)| self.0.transform_of(w, h));
        // Only of the largest part is it known that it is the same part of an image at any size.
        let same = [large, small].iter().all(|seen| seen.crop == Crop::Square);
        let enough = small.region(across, down).width as usize >= small.size.width;
        if !(scale < 1.0 && same && enough) {
            return image;
        }
        let own = usize::from(image.color().channel_count()).try_into();
        let channels = own.unwrap_or(Channels::Rgba);
        let size = ImageSize::new(across as usize, down as usize);
        Transform::new(Crop::Square, size).with_channels(channels).resize(&image)
    }
}

impl<B: Backend> PageModel for Labels<B> {
    /// An edit (see [`stargan::Edit`]).
    type Wish = String;

    fn description(&self) -> Description {
        let config = self.0.config();
        Description {
            reads_labels: config.discriminator.is_some(),
            has_mask: self.0.check_mask().is_ok(),
            ..Description::new(&config.spaces, config.transform.size)
        }
    }

    fn prepare(&self, photo: DynamicImage) -> Result<(Picture, OwnLabels), Refusal> {
        let image = self.shown(photo);
        let began = Instant::now();
        let datasets = 0..self.0.spaces().len();
        let labels = || datasets.map(|dataset| self.0.predict(&image, dataset));
        let labels = self.0.config().discriminator.as_ref().map(|_| labels().collect());
        let labels: Option<Vec<_>> = labels.transpose()?;
        Ok((Picture::new(&image, None, began), labels))
    }

    /// The edit in the query, `?edit=Blond_Hair%3D0.5`; one that changes nothing without it.
    fn wish(&self, query: &Query, reference: Option<&[u8]>) -> Result<String, Refusal> {
        match reference {
            Some(_) => Err(Refusal::bad("this model has no styles that a reference could show")),
            None => Ok(query.get("edit").unwrap_or_default().to_owned()),
        }
    }

    fn translate(&self, photo: DynamicImage, edit: &String) -> Result<Picture, Refusal> {
        let image = self.shown(photo);
        let began = Instant::now();
        let (translated, mask) = self.0.translate_masked(&image, None, edit)?;
        Ok(Picture::new(&translated, mask.as_ref(), began))
    }

    /// At the photo's own size.
    fn whole(&self, photo: DynamicImage, edit: &String) -> Result<Picture, Refusal> {
        let began = Instant::now();
        let translated = self.0.translate(&photo, edit)?;
        Ok(Picture::new(&translated, None, began))
    }

    /// The image and its translations to every label of the model, in order.
    fn every(&self, photo: DynamicImage, _: &Query) -> Result<Picture, Refusal> {
        let image = self.shown(photo);
        let began = Instant::now();
        let grid = self.0.grid(&[image])?;
        Ok(Picture::new(&grid.image.into(), None, began))
    }
}
