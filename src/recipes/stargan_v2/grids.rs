//! Grids of StarGAN v2's translations: many styles of a domain, or sources by references.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use image::DynamicImage;

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
        let (columns, styles): (Vec<_>, Vec<_>) = columns.unzip();
        self.grid(None, images, columns, styles)
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
        let mut styles = Vec::new();
        let mut first = Vec::new();
        for Reference { image, domain } in references {
            styles.push(self.reference_style(image, *domain)?);
            columns.push(self.model().spaces.space(0).names()[*domain].clone());
            first.push(self.prepare(image)?);
        }
        self.grid(Some(first), sources, columns, styles)
    }

    /// A row per image: itself, and in each of `styles`; over them, where there is one, `first`
    /// above the styles.
    fn grid(
        &self,
        first: Option<Vec<DynamicImage>>,
        images: &[DynamicImage],
        columns: Vec<String>,
        styles: Vec<Tensor<B, 2>>,
    ) -> Result<Grid> {
        if images.is_empty() || styles.is_empty() {
            return Err(Error::Label("a grid needs at least one image and one style".to_owned()));
        }
        let mut rows = Vec::new();
        for image in images {
            let image = self.prepare(image)?;
            if let (true, Some(first)) = (rows.is_empty(), &first) {
                let corner = DynamicImage::new(image.width(), image.height(), image.color());
                rows.push([&[corner], &first[..]].concat());
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
