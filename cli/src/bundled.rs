//! The images and the model in `examples`, and what learns from them.

use std::path::{Path, PathBuf};

use stargan::nn::{DiscriminatorConfig, GeneratorConfig, StyleConfig};
use stargan::{
    CelebA, Dataset, DomainLabel, GridImage, IdentityWarmup, ImageSize, LabelSpace, LabelSpaces,
    RunSettings, StarGan, StarGanV2, StyleLossWeights, TrainingConfig,
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

/// The first `count` people of the test faces with their labels.
pub fn people(count: usize, labels: &LabelSpace) -> Result<People, Failure> {
    let test = CelebA::open(faces_folder("test"), labels)?;
    let person = |number| test.find(&format!("{number:05}.png"));
    let load = |index| {
        let label = DomainLabel { dataset: 0, label: test.label(index).to_vec() };
        Ok(GridImage { image: test.load(index)?, label: Some(label) })
    };
    (0..count).filter_map(person).map(load).collect()
}

/// What learns the bundled images in minutes on a CPU: [`small`] networks and the weights of
/// [`joint`].
pub fn settings(config: TrainingConfig<StarGan>) -> TrainingConfig<StarGan> {
    config.with_recipe(|recipe| joint(small(recipe))).with_run(small_run)
}

/// 32 pixels and small networks.
pub fn small(mut recipe: StarGan) -> StarGan {
    shrink(&mut recipe.generator, &mut recipe.discriminator, 32);
    recipe.with_critic_steps(2)
}

/// Makes networks small, and D fit images of `size`.
pub fn shrink(
    generator: &mut GeneratorConfig,
    discriminator: &mut DiscriminatorConfig,
    size: impl Into<ImageSize>,
) {
    generator.base_channels = 16;
    generator.residual_blocks = 2;
    *discriminator = discriminator.clone().with_base_channels(16).with_image_size(size);
}

/// What learns faces and expressions together as well as the faces alone: less weight on a dataset
/// of the name `expressions` among several, which is the easier one (docs/joint-training.md has
/// the measurements).
pub fn joint(recipe: StarGan) -> StarGan {
    let (name, spaces) = ("expressions", &recipe.spaces);
    if spaces.len() < 2 || spaces.index_of(name).is_err() {
        return recipe;
    }
    let mut lighter = recipe.weights.clone();
    let warmup = lighter.identity.as_mut().map(|warmup| &mut warmup.weight);
    [&mut lighter.domain, &mut lighter.reconstruction, &mut lighter.penalty]
        .into_iter()
        .chain(warmup)
        .for_each(|weight| *weight *= LIGHTER);
    recipe.with_weights_of(name, lighter)
}

const LIGHTER: f64 = 0.3;

/// What the studies compare: the paper's recipe with an identity warm-up, which keeps small
/// networks from inverting colours.
pub fn paper_with_warmup(spaces: LabelSpaces) -> StarGan {
    StarGan::paper(spaces).with_identity(Some(IdentityWarmup::default()))
}

/// The length and learning rate of [`settings`].
pub fn small_run(run: RunSettings) -> RunSettings {
    run.with_iterations(2_500).with_learning_rate(5e-4)
}

/// What learns styles of hair colours in minutes on a CPU: small networks at 32 pixels, and the
/// diversity that the paper seeks of faces.
pub fn styles(config: TrainingConfig<StarGanV2>) -> TrainingConfig<StarGanV2> {
    let small = |recipe: StarGanV2| {
        let networks = StyleConfig::new(32, recipe.networks.domains);
        let networks = networks.with_channels(24, 64).with_style_width(16).with_mapping(8, 64);
        let weights = StyleLossWeights { diversity: 1.0, ..recipe.weights.clone() };
        recipe.with_networks(networks).with_weights(weights)
    };
    config.with_recipe(small).with_run(|run| small_run(run).with_iterations(1_500))
}
