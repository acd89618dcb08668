//! Grids of the same images and their translations throughout a run.

use std::fs;

use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::engine::observe::every::Every;
use crate::engine::observe::observer::{Iteration, Observer, Run};
use crate::engine::run_folder::SAMPLES;
use crate::error::{Error, Result};
use crate::files::replace::replace_file;
use crate::translate::grid::{Grid, GridImage, no_images};
use crate::translate::picture::{Layout, png};

/// What `samples/grid.json` says: how the grids of a run are built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Built {
    /// What the columns show.
    pub columns: Vec<String>,
    /// Where the images are in a picture.
    #[serde(flatten)]
    pub layout: Layout,
    /// Of the run.
    pub datasets: u64,
}

/// Shows a grid of fixed images and their translations to all observers, and saves it as a picture
/// to `samples/` in the run folder; `samples/grid.json` says what its columns show and where its
/// images are. For every recipe that translates.
#[derive(Debug)]
pub struct SampleGrids {
    every: Every,
    images: Vec<GridImage>,
}

impl SampleGrids {
    /// A grid of `images`, such as a recipe's
    /// [`grid_images`](crate::engine::Recipe::grid_images), every `iterations` and at the end.
    pub fn new(images: Vec<GridImage>, iterations: u64) -> Self {
        Self { every: Every::new(iterations), images }
    }
}

impl<B: AutodiffBackend> Observer<B> for SampleGrids {
    /// Refuses a recipe that does not translate now, not after hours of training.
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        if self.images.is_empty() {
            return Err(no_images());
        }
        run.translator()?;
        let folder = run.folder().join(SAMPLES);
        fs::create_dir_all(&folder).map_err(|error| Error::io(folder, error))
    }

    fn iteration(&mut self, run: &Run<'_, B>, _iteration: &Iteration<'_, B>) -> Result<()> {
        if !self.every.due(run) {
            return Ok(());
        }
        let translator = run.translator()?;
        let grid = Grid::of_targets(&*translator, &self.images)?;
        let folder = run.folder().join(SAMPLES);
        let picture = png(&grid.picture())?;
        replace_file(folder.join(format!("{:08}.png", run.iteration())), picture)?;
        let built = Built {
            columns: grid.columns.clone(),
            layout: grid.layout(),
            datasets: translator.spaces().len() as u64,
        };
        replace_file(folder.join("grid.json"), json!(built).to_string())?;
        run.show(grid);
        Ok(())
    }
}
