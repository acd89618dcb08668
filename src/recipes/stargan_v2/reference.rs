//! StarGAN v2 as a model whose styles are those of other images.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::data::transform::Transform;
use crate::data::unreadable::Readable;
use crate::error::{Error, Result};
use crate::labels::spaces::LabelSpaces;
use crate::recipes::stargan_v2::translator::{StyleTranslator, domain_of};
use crate::translate::images::{CHUNK, upload};
use crate::translate::relabel::{Relabelling, Translate};

/// A [`StyleTranslator`] whose styles come from reference images, as metrics measure it. It shows
/// `n` styles, so that number `i n + k` is the style `k` of the image `i`: that of the reference
/// `i + k step` of the target domain, counted around, where `n` steps go at most once around.
#[derive(Clone, Debug)]
pub struct ReferenceTranslator<B: Backend> {
    translator: StyleTranslator<B>,
    /// Of every domain, those of its images.
    references: Vec<Tensor<B, 2>>,
}

impl<B: Backend> ReferenceTranslator<B> {
    /// With the images of `references`, whose labels are the model's, each in its own domain, as
    /// many styles of each as `translator` [has](StyleTranslator::with_styles).
    ///
    /// # Errors
    /// When the labels are others, a domain has fewer images than styles are shown, or an image
    /// can't be read and is not left out.
    pub fn new(translator: StyleTranslator<B>, references: &mut Readable<'_>) -> Result<Self> {
        let data = references.data();
        let space = data.labels();
        translator.spaces().check_space(0, space)?;
        let seen = translator.transform();
        let mut styles = vec![Vec::new(); space.width()];
        for (domain, styles) in styles.iter_mut().enumerate() {
            let of_domain = |image: &usize| data.label(*image)[domain] == 1.0;
            let images: Vec<usize> = (0..data.len()).filter(of_domain).collect();
            for chunk in images.chunks(CHUNK) {
                let mut pixels = Vec::new();
                for &image in chunk {
                    let loaded = references.load_cropped(image, seen.size)?;
                    pixels.extend(loaded.map(|image| seen.resize(&image)));
                }
                if !pixels.is_empty() {
                    let domains = vec![domain; pixels.len()];
                    let pixels = upload(&pixels, translator.device());
                    styles.push(translator.reference_styles(pixels, &domains));
                }
            }
            let found: usize = styles.iter().map(|styles| styles.dims()[0]).sum();
            let expected = translator.styles().max(1);
            if (found as u64) < expected {
                let name = &space.names()[domain];
                return Err(Error::Label(format!(
                    "the domain {name} has {found} references, and an image is translated in \
                     {expected} styles that differ: fewer styles, or more images"
                )));
            }
        }
        let references = styles.into_iter().map(|styles| Tensor::cat(styles, 0)).collect();
        Ok(Self { translator, references })
    }
}

impl<B: Backend> Translate<B> for ReferenceTranslator<B> {
    fn spaces(&self) -> &LabelSpaces {
        self.translator.spaces()
    }

    fn transform(&self) -> Transform {
        self.translator.transform()
    }

    fn device(&self) -> &B::Device {
        self.translator.device()
    }

    fn styles(&self) -> u64 {
        self.translator.styles()
    }

    /// # Panics
    /// When there are not as many labels as images, or a target has no entry of 1.
    fn relabel(
        &self,
        images: Tensor<B, 4>,
        _dataset: usize,
        labels: &[Relabelling<'_>],
    ) -> Tensor<B, 4> {
        assert_eq!(images.dims()[0], labels.len(), "labels of every image");
        let styles = self.styles().max(1);
        let style = |label: &Relabelling<'_>| {
            let references = &self.references[domain_of(label.target)];
            let count = references.dims()[0];
            let (image, at) = (label.style / styles, label.style % styles);
            let step = count as u64 / styles;
            references.clone().narrow(0, ((image + at * step) % count as u64) as usize, 1)
        };
        let styles: Vec<_> = labels.iter().map(style).collect();
        self.translator.forward(images, Tensor::cat(styles, 0))
    }
}
