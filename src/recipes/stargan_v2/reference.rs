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

/// A [`StyleTranslator`] whose styles come from reference images, as metrics measure it: image `i`
/// of a batch has as style number `k` that of another reference of its target domain, the
/// `(i + k step)`-th, where all styles together go once around all references.
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
    /// When the labels are others, a domain has no image, or an image can't be read and is not left
    /// out.
    pub fn new(translator: StyleTranslator<B>, references: &mut Readable<'_>) -> Result<Self> {
        let data = references.data();
        let space = data.labels();
        translator.spaces().check_space(0, space)?;
        let size = translator.transform().size;
        let mut styles = vec![Vec::new(); space.width()];
        for (domain, styles) in styles.iter_mut().enumerate() {
            let of_domain = |image: &usize| data.label(*image)[domain] == 1.0;
            let images: Vec<usize> = (0..data.len()).filter(of_domain).collect();
            for chunk in images.chunks(CHUNK) {
                let mut pixels = Vec::new();
                for &image in chunk {
                    let loaded = references.load_cropped(image, size)?;
                    pixels.extend(
                        loaded.map(|image| translator.prepare_reference(&image)).transpose()?,
                    );
                }
                if !pixels.is_empty() {
                    let domains = vec![domain; pixels.len()];
                    let pixels = upload(&pixels, translator.device());
                    styles.push(translator.reference_styles(pixels, &domains));
                }
            }
            if styles.is_empty() {
                let name = &space.names()[domain];
                let problem = format!("no image of {name} can be a reference");
                return Err(Error::Label(problem));
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
        let style = |(image, label): (usize, &Relabelling<'_>)| {
            let references = &self.references[domain_of(label.target)];
            let [count, width] = references.dims();
            let step = count.div_ceil(self.styles().max(1) as usize);
            let at = (image + label.style as usize * step) % count;
            references.clone().slice([at..at + 1, 0..width])
        };
        let styles: Vec<_> = labels.iter().enumerate().map(style).collect();
        self.translator.forward(images, Tensor::cat(styles, 0))
    }
}
