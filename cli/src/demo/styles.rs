//! A model of styles: a StarGAN v2.

use std::time::Instant;

use image::DynamicImage;
use stargan::burn::tensor::backend::Backend;
use stargan::{StyleTranslator, Translate};

use super::answer::Refusal;
use super::limits;
use super::model::{self, Description, OwnLabels, PageModel, Picture};
use super::query::Query;

/// How many styles of a domain are shown beside each other.
const SHOWN: u32 = 4;

/// A model that translates to a domain, in a style of it.
pub struct Styles<B: Backend>(pub StyleTranslator<B>);

/// A domain, and where the style in it comes from.
pub struct Wish {
    domain: usize,
    source: Source,
}

enum Source {
    /// The noise of a number.
    Noise(u32),
    /// An image, as the networks see it.
    Reference(DynamicImage),
}

impl<B: Backend> Styles<B> {
    /// A photo as the networks see it, which is as large as what they make.
    fn seen(&self, photo: &DynamicImage) -> DynamicImage {
        self.0.transform_of(photo.width(), photo.height()).crop_and_resize(photo)
    }
}

impl<B: Backend> PageModel for Styles<B> {
    type Wish = Wish;

    fn description(&self) -> Description {
        let styles = model::Styles { last: u32::MAX, shown: SHOWN };
        let model = self.0.model();
        let description = Description::new(&model.spaces, model.transform.size);
        Description { styles: Some(styles), ..description }
    }

    fn prepare(&self, photo: DynamicImage) -> Result<(Picture, OwnLabels), Refusal> {
        let began = Instant::now();
        Ok((Picture::new(&self.seen(&photo), None, began), None))
    }

    /// The domain in the query, and the style: `?domain=dog&style=7`, or that of the reference.
    fn wish(&self, query: &Query, reference: Option<&[u8]>) -> Result<Wish, Refusal> {
        let space = self.0.spaces().space(0);
        let domain = query.get("domain").ok_or_else(|| {
            let names = space.names().join(", ");
            Refusal::bad(format!("no domain is asked for: domain=NAME says which of {names}"))
        })?;
        let domain = space.index_of(domain)?;
        let source = match (number(query)?, reference) {
            (Some(number), None) => Source::Noise(number),
            (None, Some(file)) => {
                Source::Reference(self.seen(&limits::decode(file, "the reference")?))
            }
            (None, None) => {
                return Err(Refusal::bad(
                    "no style is asked for: style=NUMBER says which from noise, or a reference \
                     image follows the image",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(Refusal::bad(
                    "two styles are asked for: leave out style=NUMBER, or the reference image",
                ));
            }
        };
        Ok(Wish { domain, source })
    }

    fn translate(&self, photo: DynamicImage, wish: &Wish) -> Result<Picture, Refusal> {
        let began = Instant::now();
        let style = match &wish.source {
            Source::Noise(number) => self.0.latent_style(u64::from(*number), wish.domain),
            Source::Reference(image) => self.0.reference_style(image, wish.domain)?,
        };
        let translated = self.0.translate(&photo, style)?;
        Ok(Picture::new(&translated, None, began))
    }

    /// At the model's size: it makes no other.
    fn whole(&self, photo: DynamicImage, wish: &Wish) -> Result<Picture, Refusal> {
        self.translate(photo, wish)
    }

    /// The image and its translations to every domain, in [`SHOWN`] styles of each from
    /// `?style=7` on.
    fn every(&self, photo: DynamicImage, query: &Query) -> Result<Picture, Refusal> {
        let first = u64::from(number(query)?.unwrap_or(0));
        let began = Instant::now();
        let domains = 0..self.0.spaces().space(0).width();
        let styles = domains.flat_map(|domain| {
            let numbers = first..first + u64::from(SHOWN);
            numbers.map(move |number| (number.to_string(), self.0.latent_style(number, domain)))
        });
        let grid = self.0.style_grid(None, &[photo], styles.collect())?;
        Ok(Picture::new(&grid.image.into(), None, began))
    }
}

/// The number of a style in the query.
fn number(query: &Query) -> Result<Option<u32>, Refusal> {
    let Some(number) = query.get("style") else { return Ok(None) };
    number.parse().map(Some).map_err(|_| {
        let last = u32::MAX;
        Refusal::bad(format!("style: expected a whole number from 0 to {last}, found {number:?}"))
    })
}
