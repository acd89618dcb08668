//! How batches are made, and which part of each a worker has.

use std::ops::Range;

use crate::data::augment::Augmentation;
use crate::data::balance::Sampling;
use crate::data::channels::Channels;
use crate::data::datasets::Datasets;
use crate::data::image::MAX_IMAGE_SIDE;
use crate::data::size::ImageSize;
use crate::data::unreadable::UnreadablePolicy;
use crate::error::{Error, Result};

/// The part of every batch that one of several workers has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which worker, from 0.
    pub rank: usize,
    /// How many there are, at least 1.
    pub workers: usize,
}

impl Share {
    /// All of it: there is one worker.
    pub const WHOLE: Self = Self { rank: 0, workers: 1 };

    /// The rows of a batch of `batch_size` that the worker has: no two workers share one, and
    /// together they have all.
    pub(crate) fn rows(self, batch_size: usize) -> Range<usize> {
        let each = batch_size / self.workers;
        self.rank * each..(self.rank + 1) * each
    }
}

/// How batches are made.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderConfig {
    /// Images per batch, those of all workers together. One is allowed, but the permutation that
    /// draws target labels then always gives an image its own label, so that nothing is translated
    /// in training.
    pub batch_size: usize,
    /// The size of the images.
    pub image_size: ImageSize,
    /// The channels of the images.
    pub channels: Channels,
    /// Whether every image is mirrored with probability one half.
    pub flip: bool,
    /// How images are changed beside that.
    pub augmentation: Augmentation,
    /// With the iteration number, all that order, flips and changes depend on.
    pub seed: u64,
    /// Worker threads, at least 1. Their number does not change the batches.
    pub threads: usize,
    /// Batches that are prepared ahead of the consumer, at least 1.
    pub prefetch: usize,
    /// What happens when an image can't be read.
    pub on_unreadable: UnreadablePolicy,
    /// Which images are drawn more often; of paired datasets, the first decides.
    pub sampling: Sampling,
    /// Whether every image comes with two [references](crate::data::References), of a label drawn
    /// for it.
    pub references: bool,
    /// Whether image `i` of one dataset belongs to image `i` of the others: then every batch of an
    /// iteration has the same positions and flips. Needs datasets of one length, and images that
    /// can all be read.
    pub paired: bool,
    /// Whose images are loaded; the batches are the same for any number of workers.
    pub share: Share,
}

impl Default for LoaderConfig {
    /// Batches of 16 at 128 pixels, flipped (paper, section 5.1); seed 0, two threads, four ahead.
    fn default() -> Self {
        Self {
            batch_size: 16,
            image_size: ImageSize::square(128),
            channels: Channels::Rgb,
            flip: true,
            augmentation: Augmentation::default(),
            seed: 0,
            threads: 2,
            prefetch: 4,
            on_unreadable: UnreadablePolicy::Fail,
            sampling: Sampling::Uniform,
            references: false,
            paired: false,
            share: Share::WHOLE,
        }
    }
}

impl LoaderConfig {
    /// Checks that batches can be made of `datasets` so.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no dataset or one that cannot fill a batch, a number is 0,
    /// or a side of the images is above [`MAX_IMAGE_SIDE`].
    pub fn check(&self, datasets: &Datasets) -> Result<()> {
        let Self { batch_size, image_size, threads, prefetch, .. } = *self;
        let positive = [
            ("the number of datasets", datasets.len() as u64),
            ("the batch size", batch_size as u64),
            ("the image size", image_size.width.min(image_size.height) as u64),
            ("the number of loader threads", threads as u64),
            ("the number of batches prepared ahead", prefetch as u64),
        ];
        if let Some((what, _)) = positive.iter().find(|(_, number)| *number == 0) {
            return Err(Error::Config(format!("{what} must be at least 1, found 0")));
        }
        if image_size.width.max(image_size.height) > MAX_IMAGE_SIDE as usize {
            let message =
                format!("the image size must be at most {MAX_IMAGE_SIDE}, found {image_size}");
            return Err(Error::Config(message));
        }
        let Share { rank, workers } = self.share;
        if rank >= workers || !batch_size.is_multiple_of(workers) {
            return Err(Error::Config(format!(
                "a batch of {batch_size} has no equal part for worker {rank} of {workers}: make \
                 the batch size a multiple of the number of workers"
            )));
        }
        for (number, dataset) in (1..).zip(datasets.iter()) {
            let problem = match (dataset.len(), dataset.crop()) {
                (0, _) => "is empty".to_owned(),
                (images, _) if images < batch_size => format!(
                    "has {images} images, fewer than a batch of {batch_size}: \
                     lower the batch size to at most {images}"
                ),
                (_, crop) if crop.is_empty() => "has a crop of 0 pixels".to_owned(),
                _ => continue,
            };
            let which = match datasets.len() {
                1 => "the dataset".to_owned(),
                all => format!("dataset {number} of {all}"),
            };
            return Err(Error::Config(format!("{which} {problem}")));
        }
        if self.paired {
            let lengths: Vec<_> = datasets.iter().map(|dataset| dataset.len()).collect();
            if lengths.windows(2).any(|pair| pair[0] != pair[1]) {
                let message = format!("paired datasets have one length, found {lengths:?} images");
                return Err(Error::Config(message));
            }
            if self.on_unreadable == UnreadablePolicy::Skip {
                return Err(Error::Config(
                    "paired images that can't be read can't be skipped: another image in the \
                     place of one would not belong to the other"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }
}
