//! The images in `examples/data`.

use std::path::PathBuf;

use stargan::{IdentityWarmup, LossWeights, TrainingConfig};

use super::data::{Place, Spec};

/// Drawn faces, CelebA's format: `train` and `test`.
pub const FACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces");

/// Drawn expressions, a folder each: `train` and `test`.
pub const EXPRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions");

/// The hair colours of the drawn faces, one of which every face has.
pub const HAIR: [&str; 3] = ["Black_Hair", "Blond_Hair", "Brown_Hair"];

/// The labels of the drawn faces that small networks learn at 32 pixels.
pub const LABELS: [&str; 5] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Eyeglasses"];

/// A part of the faces, as the command line names it.
pub fn faces(part: &str) -> Spec {
    let folder = PathBuf::from(format!("{FACES}/{part}"));
    let place =
        Place::Celeba { images: folder.join("images"), attributes: folder.join("list_attr.txt") };
    Spec { name: None, place }
}

/// A part of the expressions, as the command line names it.
pub fn expressions(part: &str) -> Spec {
    let place = Place::Folder(format!("{EXPRESSIONS}/{part}").into());
    Spec { name: None, place }
}

/// The true counterfactuals of the test faces.
pub fn pairs() -> PathBuf {
    format!("{FACES}/test/pairs.csv").into()
}

/// What learns faces and expressions together as well as the faces alone: [`small`], with less weight on a dataset of
/// the name `expressions` among several, which is the easier one (docs/joint-training.md has the measurements).
pub fn joint(config: TrainingConfig) -> TrainingConfig {
    let config = small(config);
    let name = "expressions";
    if config.domains.len() < 2 || config.domains.index_of(name).is_err() {
        return config;
    }
    let identity = Some(IdentityWarmup { weight: 3.0, ..IdentityWarmup::default() });
    let lighter = LossWeights { domain: 0.3, reconstruction: 3.0, penalty: 3.0, identity };
    config.with_weights_of(name, lighter)
}

/// What learns the bundled images in minutes on a CPU: 32 pixels, small networks.
pub fn small(config: TrainingConfig) -> TrainingConfig {
    config
        .with_image_size(32)
        .with_iterations(2_500)
        .with_base_channels(16)
        .with_residual_blocks(2)
        .with_learning_rate(5e-4)
        .with_critic_steps(2)
}
