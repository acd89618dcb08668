//! From one label to the next and back, as an animation that every browser shows.
//!
//! It is an animated PNG: all colours, where a GIF has 256, and no crate but the one that `image`
//! writes PNGs with.
//!
//! ```text
//! cargo run --release --example interpolate [FOLDER]
//! ```

use std::env;
use std::fs::{self, File};
use std::io::BufWriter;

use stargan::burn::backend::Flex;
use stargan::image::RgbImage;
use stargan::{Translator, load_image};

const MODEL: &str = "examples/models/faces64.safetensors";
const FACE: &str = "examples/data/faces/test/images/00003.png";
/// Each is reached by steps, and left again.
const LABELS: [&str; 3] = ["Blond_Hair", "Eyeglasses", "Male"];
const STEPS: usize = 12;
/// Of a second.
const FRAME: (u16, u16) = (1, 15);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args().nth(1).unwrap_or_else(|| "runs/example-interpolate".to_owned());
    fs::create_dir_all(&folder)?;
    let model = Translator::<Flex>::open(MODEL, &Default::default())?;
    let face = load_image(FACE)?.into();
    let scores = model.scores(&face, 0)?;

    let mut frames = Vec::new();
    for label in LABELS {
        // What the face has already is taken away instead.
        let is_set = scores.iter().any(|score| score.name == label && score.probability > 0.5);
        let edit = format!("{}{label}", if is_set { "-" } else { "+" });
        let there = model.interpolate(&face, "", &edit, STEPS + 1)?;
        let back: Vec<_> = there[1..STEPS].iter().rev().cloned().collect();
        frames.extend(there);
        frames.extend(back);
    }

    let path = format!("{folder}/interpolation.png");
    save(&path, &frames)?;
    println!("{path}: {} frames", frames.len());
    Ok(())
}

fn save(path: &str, frames: &[RgbImage]) -> Result<(), Box<dyn std::error::Error>> {
    let (width, height) = frames[0].dimensions();
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(frames.len() as u32, 0)?; // 0: for ever
    encoder.set_frame_delay(FRAME.0, FRAME.1)?;
    let mut writer = encoder.write_header()?;
    for frame in frames {
        writer.write_image_data(frame)?;
    }
    writer.finish()?;
    Ok(())
}
