//! Grids of StarGAN v2's translations: many styles of a domain, or sources by references.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use image::{DynamicImage, Rgb, RgbImage};

use crate::error::{Error, Result};
use crate::recipes::stargan_v2::translator::StyleTranslator;
use crate::translate::grid::Grid;
use crate::translate::images::{CHUNK, download, upload};
use crate::translate::relabel::Translate;

/// An image that another is to look like, and the domain that it is in.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The image.
    pub image: DynamicImage,
    /// Its domain, from 0.
    pub domain: usize,
}

impl<B: Backend> StyleTranslator<B> {
    /// Each of `images` followed by its translations to `domain` in the styles of the first
    /// `styles` noises; one style per column.
    ///
    /// # Errors
    /// [`Error::Label`] when there are no images or no such domain; [`Error::Data`] when an image
    /// has no pixels.
    pub fn latent_grid(&self, images: &[DynamicImage], domain: usize, styles: u64) -> Result<Grid> {
        self.check_domain(domain)?;
        let name = &self.model().spaces.space(0).names()[domain];
        let columns = (0..styles)
            .map(|number| (format!("{name} {number}"), self.latent_style(number, domain)));
        self.style_grid(None, images, columns.collect())
    }

    /// The `references` in a row, and below each of `sources` followed by its translations in the
    /// references' styles and domains.
    ///
    /// # Errors
    /// [`Error::Label`] when there are no sources, no references or no such domain; [`Error::Data`]
    /// when an image has no pixels.
    pub fn reference_grid(
        &self,
        sources: &[DynamicImage],
        references: &[Reference],
    ) -> Result<Grid> {
        let mut columns = Vec::new();
        for Reference { image, domain } in references {
            let style = self.reference_style(image, *domain)?;
            columns.push((self.model().spaces.space(0).names()[*domain].clone(), style));
        }
        let references: Vec<_> =
            references.iter().map(|reference| reference.image.clone()).collect();
        self.style_grid(Some(&references), sources, columns)
    }

    /// Each of `images` followed by its translations in the styles `[1, style_width]` of `columns`,
    /// which have names; where the styles are `references`', those stand above.
    ///
    /// # Errors
    /// [`Error::Label`] when there are no images or no columns, or not as many references as
    /// columns; [`Error::Data`] when an image has no pixels.
    ///
    /// # Panics
    /// When a style has another width.
    pub fn style_grid(
        &self,
        references: Option<&[DynamicImage]>,
        images: &[DynamicImage],
        columns: Vec<(String, Tensor<B, 2>)>,
    ) -> Result<Grid> {
        if images.is_empty() || columns.is_empty() {
            return Err(Error::Label("a grid needs at least one image and one style".to_owned()));
        }
        if let Some(references) = references.filter(|images| images.len() != columns.len()) {
            let (found, expected) = (references.len(), columns.len());
            return Err(Error::Label(format!("{found} references stand above {expected} styles")));
        }
        let (columns, styles): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let mut rows = Vec::new();
        for image in images {
            let image = self.prepare(image)?;
            if let (true, Some(references)) = (rows.is_empty(), references) {
                let corner = RgbImage::from_pixel(image.width(), image.height(), Rgb([255; 3]));
                let mut first = vec![corner.into()];
                for reference in references {
                    first.push(self.prepare_reference(reference)?);
                }
                rows.push(first);
            }
            let mut row = vec![image.clone()];
            for styles in styles.chunks(CHUNK) {
                let inputs = upload(&vec![image.clone(); styles.len()], self.device());
                row.extend(download(self.forward(inputs, Tensor::cat(styles.to_vec(), 0))));
            }
            rows.push(row);
        }
        let columns = std::iter::once("input".to_owned()).chain(columns).collect();
        Ok(Grid::new(&rows, columns))
    }
}
