//! One image on the way between styles.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use image::DynamicImage;

use crate::error::{Error, Result};
use crate::recipes::stargan_v2::translator::StyleTranslator;
use crate::translate::images::{CHUNK, download, upload};
use crate::translate::relabel::Translate;

impl<B: Backend> StyleTranslator<B> {
    /// `image` in `frames` steps through `styles` `[1, style_width]`, in a straight line from each
    /// to the next: the first image is in the first style,
    /// the last in the last, those between where `styles - 1` divides `frames - 1`. Styles may be
    /// of different domains.
    ///
    /// # Errors
    /// [`Error::Config`] when there are less than two styles, or fewer frames than styles;
    /// [`Error::Data`] when the image has no pixels.
    ///
    /// # Panics
    /// When a style has another width.
    pub fn interpolate(
        &self,
        image: &DynamicImage,
        styles: &[Tensor<B, 2>],
        frames: usize,
    ) -> Result<Vec<DynamicImage>> {
        if styles.len() < 2 || frames < styles.len() {
            return Err(Error::Config(format!(
                "between styles there are at least two of them, and a frame for each: there are \
                 {} styles and {frames} frames",
                styles.len()
            )));
        }
        let style = |frame: usize| {
            let at = frame as f64 / (frames - 1) as f64 * (styles.len() - 1) as f64;
            let before = (at as usize).min(styles.len() - 2);
            let share = at - before as f64;
            styles[before].clone() * (1.0 - share) + styles[before + 1].clone() * share
        };
        let prepared = self.prepare(image)?;
        let mut made = Vec::new();
        let all: Vec<usize> = (0..frames).collect();
        for frames in all.chunks(CHUNK) {
            let images = upload(&vec![prepared.clone(); frames.len()], self.device());
            let styles = frames.iter().map(|&frame| style(frame)).collect();
            made.extend(download(self.forward(images, Tensor::cat(styles, 0))));
        }
        Ok(made)
    }
}
