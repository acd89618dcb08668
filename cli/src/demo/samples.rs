//! The bundled images that the page offers: a fixed list, read once.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use stargan::{LabelKind, LabelSpaces};

use crate::bundled;

const FACES: [&str; 6] = ["00001", "00003", "00005", "00007", "00010", "00011"];

const EXPRESSIONS: [&str; 2] = ["neutral/0000", "happy/0012"];

/// A bundled image.
#[derive(Serialize)]
pub struct Sample {
    /// What the page calls it.
    name: String,
    /// The route that serves it.
    pub path: String,
    #[serde(skip)]
    pub png: Vec<u8>,
}

/// Some test faces, and some expressions for a model that knows these. Those that can't be read are
/// left out.
pub fn load(spaces: &LabelSpaces) -> Vec<Sample> {
    let mut files: Vec<(String, PathBuf)> = (1..)
        .zip(FACES)
        .map(|(n, file)| {
            let images = bundled::faces_folder("test").join("images");
            (format!("Face {n}"), images.join(format!("{file}.png")))
        })
        .collect();
    let knows_expressions = spaces.iter().any(|space| {
        space.kind() == LabelKind::Classes && space.names().iter().any(|name| name == "happy")
    });
    if knows_expressions {
        files.extend((1..).zip(EXPRESSIONS).map(|(n, file)| {
            let images = bundled::expressions_folder("test");
            (format!("Expression {n}"), images.join(format!("{file}.png")))
        }));
    }
    let read = |(name, file)| fs::read(file).ok().map(|png| (name, png));
    let sample = |(n, (name, png))| Sample { name, path: format!("/samples/{n}.png"), png };
    (1..).zip(files.into_iter().filter_map(read)).map(sample).collect::<Vec<Sample>>()
}
