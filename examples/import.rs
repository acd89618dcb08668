//! Weights of the public PyTorch code: opened without Python, used, and given back.
//!
//! ```text
//! cargo run --release --example import [FOLDER [G.ckpt D.ckpt]]
//! ```
//!
//! Without files of your own, such as `200000-G.ckpt`, it takes the tests' tiny ones, which have
//! learnt nothing.

use std::{env, fs};

use stargan::burn::backend::Flex;
use stargan::{Crop, LabelSpace, LabelSpaces, Parts, PublicModel, Transform, Translator};

/// The public code's attributes in the order of its command line; no checkpoint has their names.
const LABELS: [&str; 5] = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let mut next = |usual: &str| arguments.next().unwrap_or_else(|| usual.to_owned());
    let folder = next("runs/example-import");
    let generator = next("tests/fixtures/public-G.ckpt");
    let discriminator = next("tests/fixtures/public-D.ckpt");
    fs::create_dir_all(&folder)?;

    let public = PublicModel::open(generator, Some(discriminator))?;
    println!("{:?}", public.generator());
    let width = public.generator().condition_width;
    let labels = LABELS.get(..width).ok_or("name the labels that the model was trained with")?;
    let spaces = LabelSpaces::single(LabelSpace::attributes(labels.iter().copied()));
    let size = public.discriminator().map_or(128.into(), |discriminator| discriminator.image_size);
    // Of CelebA's images of 178 x 218 pixels this is the public code's crop of 178.
    let transform = Transform::new(Crop::Square, size);
    let model = Translator::<Flex>::import(public, spaces, transform, &Default::default())?;

    let face = "examples/data/faces/test/images/00000.png";
    model.translate_file(face, labels[0])?.save(format!("{folder}/translated.png"))?;

    // A model file of this crate, and files that the public modules load strictly.
    model.save(format!("{folder}/model.safetensors"), Parts::All)?;
    let [generator, discriminator] = ["G", "D"].map(|n| format!("{folder}/{n}.safetensors"));
    model.export_pytorch(&generator, Some(&discriminator))?;
    println!("{generator} {discriminator}");
    Ok(())
}
