//! An iteration of StarGAN v2 on noise.

use serde::Deserialize;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::data::{Batch, References};
use stargan::nn::StyleConfig;
use stargan::{LabelSpace, StarGanV2, Trainer, TrainingConfig};

use crate::of_shape::{noise, read};
use crate::{finish, milliseconds};

const DOMAINS: [&str; 2] = ["a", "b"];

/// The sizes of its networks, of which the others are the paper's.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct StyleShape {
    size: usize,
    base: usize,
    most: usize,
    batch: usize,
}

/// A run of one shape.
pub struct Styles<B: AutodiffBackend> {
    shape: StyleShape,
    trainer: Trainer<B, StarGanV2>,
    _folder: tempfile::TempDir,
}

impl<B: AutodiffBackend> Styles<B> {
    /// The run of `shape`: that kept, where it is of it, or a new one in its place.
    pub fn of(kept: &mut Option<Self>, shape: StyleShape) -> &mut Self {
        kept.take_if(|styles| styles.shape != shape);
        kept.get_or_insert_with(|| Self::new(shape))
    }

    fn new(shape: StyleShape) -> Self {
        let StyleShape { size, base, most, batch } = shape;
        let networks = StyleConfig::new(size, DOMAINS.len()).with_channels(base, most);
        let recipe = StarGanV2::new(LabelSpace::classes(DOMAINS), size).with_networks(networks);
        let config = TrainingConfig::new(recipe).with_run(|run| run.with_batch_size(batch));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let trainer = Trainer::new(folder.path().join("run"), config, &Default::default());
        Self { shape, trainer: trainer.expect("a valid configuration"), _folder: folder }
    }

    /// Milliseconds of all four updates.
    pub fn iteration(&mut self) -> f64 {
        let StyleShape { size, batch, .. } = self.shape;
        let images = || noise(batch * 3 * size * size);
        let labels = |first: usize| {
            let of =
                move |image: usize| [0, 1].map(|domain| f32::from((image + first) % 2 == domain));
            (0..batch).flat_map(of).collect()
        };
        let mut batches = Some(vec![Batch {
            dataset: 0,
            iteration: self.trainer.iteration() + 1,
            rows: 0..batch,
            images: images(),
            labels: labels(0),
            batch_size: batch,
            image_size: size.into(),
            references: Some(References { images: [images(), images()], labels: labels(1) }),
        }]);
        milliseconds(|| {
            let batches = batches.take().unwrap_or_default();
            read(&self.trainer.step(batches).expect("one worker"));
            finish::<B>();
        })
    }
}
