//! The size of what is measured.

use serde::Deserialize;
use stargan::{LabelSpace, LabelSpaces, Preset, StarGan, TrainingConfig};

pub const LABELS: [&str; 5] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"];

/// The size of networks and batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Shape {
    /// Side of the images in pixels.
    pub size: usize,
    /// Channels after the first convolution of either network.
    pub base: usize,
    /// Residual blocks of G.
    pub blocks: usize,
    /// Images per batch.
    pub batch: usize,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { size, base, blocks, batch } = self;
        write!(formatter, "{size}px-base{base}-blocks{blocks}-batch{batch}")
    }
}

impl Shape {
    /// The paper's recipe at this size.
    pub fn config(&self) -> TrainingConfig<StarGan> {
        let recipe = StarGan::new(LabelSpaces::single(LabelSpace::attributes(LABELS)));
        let mut config = TrainingConfig::new(recipe)
            .with_preset(Preset::Paper)
            .with_recipe(|recipe| {
                recipe
                    .with_image_size(self.size)
                    .with_base_channels(self.base)
                    .with_residual_blocks(self.blocks)
            })
            .with_run(|run| run.with_batch_size(self.batch));
        // As deep as the published one allows: 2x2 patches at 128 pixels.
        config.recipe.discriminator.downsamplings = self.size.ilog2() as usize - 1;
        config
    }
}
