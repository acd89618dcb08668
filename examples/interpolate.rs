//! From one label to the next and back, as an animation that every browser shows.
//!
//! It is an animated PNG: all colours, where a GIF has 256. `translate --animate` makes one of a
//! photo of yours.
//!
//! ```text
//! cargo run --release --example interpolate [FOLDER]
//! ```

use std::time::Duration;
use std::{env, fs};

use stargan::burn::backend::Flex;
use stargan::{Animation, Translator, load_image};

const MODEL: &str = "examples/models/faces64.safetensors";
const FACE: &str = "examples/data/faces/test/images/00003.png";
/// Each is reached by steps, and left again.
const LABELS: [&str; 3] = ["Blond_Hair", "Eyeglasses", "Male"];
const STEPS: usize = 12;
/// How long a frame is shown.
const FRAME: Duration = Duration::from_millis(67);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args().nth(1).unwrap_or_else(|| "runs/example-interpolate".to_owned());
    fs::create_dir_all(&folder)?;
    let model = Translator::<Flex>::open(MODEL, &Default::default())?;
    let face = load_image(FACE)?;
    let scores = model.scores(&face, 0)?;

    let mut frames = Vec::new();
    for label in LABELS {
        // What the face has already is taken away instead.
        let is_set = scores.iter().any(|score| score.name == label && score.probability > 0.5);
        let edit = format!("{}{label}", if is_set { "-" } else { "+" });
        let there = Animation::new(model.interpolate(&face, "", &edit, STEPS + 1)?, FRAME)?;
        frames.extend_from_slice(there.there_and_back().frames());
    }

    let path = format!("{folder}/interpolation.png");
    let animation = Animation::new(frames, FRAME)?;
    animation.save(&path)?;
    println!("{path}: {} frames", animation.frames().len());
    Ok(())
}
