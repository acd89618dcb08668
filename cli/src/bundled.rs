//! The images and the model in `examples`, and what learns from them.

use std::path::{Path, PathBuf};

use stargan::{
    CelebA, Dataset, DomainLabel, GridImage, IdentityWarmup, LabelSpace, LossWeights, RunSettings,
    StarGan, TrainingConfig,
};

use crate::data::{Place, Spec};
use crate::failure::Failure;

/// The hair colours of the drawn faces, one of which every face has.
pub const HAIR: [&str; 3] = ["Black_Hair", "Blond_Hair", "Brown_Hair"];

/// The labels of the drawn faces that small networks learn at 32 pixels.
pub const LABELS: [&str; 5] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Eyeglasses"];

/// What is at `path` in the folder `examples` of the clone that this program was compiled in.
fn example(path: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).join("examples").join(path)
}

/// Drawn faces, CelebA's format; `part` is `train` or `test`.
pub fn faces_folder(part: &str) -> PathBuf {
    example("data/faces").join(part)
}

/// Drawn expressions, a folder each; `part` is `train` or `test`.
pub fn expressions_folder(part: &str) -> PathBuf {
    example("data/expressions").join(part)
}

/// A part of the faces, as the command line names it.
pub fn faces(part: &str) -> Spec {
    let folder = faces_folder(part);
    let place =
        Place::Celeba { images: folder.join("images"), attributes: folder.join("list_attr.txt") };
    Spec { name: None, place }
}

/// A part of the expressions, as the command line names it.
pub fn expressions(part: &str) -> Spec {
    Spec { name: None, place: Place::Folder(expressions_folder(part)) }
}

/// The true counterfactuals of the test faces.
pub fn pairs() -> PathBuf {
    faces_folder("test").join("pairs.csv")
}

/// The model that comes with the examples.
pub fn model() -> Result<PathBuf, Failure> {
    let path = example("models/faces64.safetensors");
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::Failed(format!(
        "there is no model at {}: train one (stargan quickstart) and say --model runs/quickstart",
        path.display()
    )))
}

/// Images with their own labels, where known.
pub type People = Vec<GridImage>;

/// The first `count` people of the test faces with their [`LABELS`].
pub fn people(count: usize) -> Result<People, Failure> {
    let labels = LabelSpace::attributes(LABELS).exclusive(HAIR)?;
    let test = CelebA::open(faces_folder("test"), &labels)?;
    let person = |number| test.find(&format!("{number:05}.png"));
    let load = |index| {
        let label = DomainLabel { dataset: 0, label: test.label(index).to_vec() };
        Ok(GridImage { image: test.load(index)?, label: Some(label) })
    };
    (0..count).filter_map(person).map(load).collect()
}

/// What learns faces and expressions together as well as the faces alone: [`small`], with less
/// weight on a dataset of the name `expressions` among several, which is the easier one
/// (docs/joint-training.md has the measurements).
pub fn joint(config: TrainingConfig<StarGan>) -> TrainingConfig<StarGan> {
    let config = small(config);
    let (name, spaces) = ("expressions", &config.recipe.spaces);
    if spaces.len() < 2 || spaces.index_of(name).is_err() {
        return config;
    }
    let identity = Some(IdentityWarmup { weight: 3.0, ..IdentityWarmup::default() });
    let lighter = LossWeights {
        domain: 0.3,
        reconstruction: 3.0,
        penalty: 3.0,
        identity,
        ..LossWeights::default()
    };
    config.with_recipe(|recipe| recipe.with_weights_of(name, lighter))
}

/// What learns the bundled images in minutes on a CPU: 32 pixels, small networks.
pub fn small(config: TrainingConfig<StarGan>) -> TrainingConfig<StarGan> {
    let recipe = |recipe: StarGan| {
        recipe
            .with_image_size(32)
            .with_base_channels(16)
            .with_residual_blocks(2)
            .with_critic_steps(2)
    };
    config.with_recipe(recipe).with_run(small_run)
}

/// The run of [`small`].
pub fn small_run(run: RunSettings) -> RunSettings {
    run.with_iterations(2_500).with_learning_rate(5e-4)
}
