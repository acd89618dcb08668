//! The bundled images that the page offers: a fixed list, read once.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use stargan::{LabelKind, LabelSpaces};

use crate::bundled;

/// Test faces, and the hair that each has.
const FACES: [(&str, &str); 6] = [
    ("00001", "Brown_Hair"),
    ("00003", "Blond_Hair"),
    ("00005", "Black_Hair"),
    ("00007", "Black_Hair"),
    ("00010", "Blond_Hair"),
    ("00011", "Black_Hair"),
];

/// Test images of expressions, after the folders that they are in.
const EXPRESSIONS: [(&str, &str); 2] = [("0000", "neutral"), ("0012", "happy")];

/// A bundled image.
#[derive(Serialize)]
pub struct Sample {
    /// What the page calls it.
    name: String,
    /// The domain that it is in, of those that models may have.
    domain: &'static str,
    /// The route that serves it.
    pub path: String,
    #[serde(skip)]
    pub png: Vec<u8>,
}

/// Some test faces, and some expressions for a model that knows these. Those that can't be read are
/// left out.
pub fn load(spaces: &LabelSpaces) -> Vec<Sample> {
    let mut files: Vec<(String, &str, PathBuf)> = (1..)
        .zip(FACES)
        .map(|(n, (file, hair))| {
            let images = bundled::faces_folder("test").join("images");
            (format!("Face {n}"), hair, images.join(format!("{file}.png")))
        })
        .collect();
    let knows_expressions = spaces.iter().any(|space| {
        space.kind() == LabelKind::Classes && space.names().iter().any(|name| name == "happy")
    });
    if knows_expressions {
        files.extend((1..).zip(EXPRESSIONS).map(|(n, (file, class))| {
            let images = bundled::expressions_folder("test").join(class);
            (format!("Expression {n}"), class, images.join(format!("{file}.png")))
        }));
    }
    let read = |(name, domain, file)| fs::read(file).ok().map(|png| (name, domain, png));
    let sample = |(n, (name, domain, png))| {
        let path = format!("/samples/{n}.png");
        Sample { name, domain, path, png }
    };
    (1..).zip(files.into_iter().filter_map(read)).map(sample).collect::<Vec<Sample>>()
}
