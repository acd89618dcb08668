//! The bundled images that the page offers: a fixed list, read once.

use std::fs;

use serde::Serialize;
use stargan::{Domains, LabelKind};

use crate::common::bundled;

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

/// Some test faces, and some expressions for a model that knows these. Those that can't be read are left out.
pub fn load(domains: &Domains) -> Vec<Sample> {
    let mut files: Vec<(String, String)> = (1..)
        .zip(FACES)
        .map(|(n, file)| {
            (format!("Face {n}"), format!("{}/test/images/{file}.png", bundled::FACES))
        })
        .collect();
    let knows_expressions = domains.spaces().any(|space| {
        space.kind() == LabelKind::Classes && space.names().iter().any(|name| name == "happy")
    });
    if knows_expressions {
        files.extend((1..).zip(EXPRESSIONS).map(|(n, file)| {
            (format!("Expression {n}"), format!("{}/test/{file}.png", bundled::EXPRESSIONS))
        }));
    }
    let read = |(name, file)| fs::read(file).ok().map(|png| (name, png));
    let sample = |(n, (name, png))| Sample { name, path: format!("/samples/{n}.png"), png };
    (1..).zip(files.into_iter().filter_map(read)).map(sample).collect::<Vec<Sample>>()
}
