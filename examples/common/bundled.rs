//! The images in `examples/data`.

use std::path::PathBuf;

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
