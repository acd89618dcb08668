//! Trains on the faces in `examples/data` for a minute or two, then makes one of them blond.
//!
//! ```text
//! cargo run --release --example quickstart [FOLDER [ITERATIONS]]
//! ```

use std::env;
use std::error::Error;

use stargan::burn::backend::{Autodiff, Flex};
use stargan::{CelebA, LabelSpace, LabelSpaces, Progress, StarGan, Trainer, TrainingConfig};

const HAIR: [&str; 3] = ["Black_Hair", "Blond_Hair", "Brown_Hair"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/example-quickstart".to_owned());
    let iterations = arguments.next().map_or(Ok(2_500), |number| number.parse())?;

    let labels = LabelSpace::attributes(HAIR).with("Eyeglasses").exclusive(HAIR)?;
    let faces = CelebA::open("examples/data/faces/train", &labels)?;

    // Small networks at 32 pixels: the defaults are the paper's, which need days. D learns twice as
    // fast as G.
    let recipe = StarGan::new(LabelSpaces::single(labels))
        .with_image_size(32)
        .with_base_channels(16)
        .with_residual_blocks(2)
        .with_critic_steps(2);
    let config = TrainingConfig::new(recipe)
        .with_run(|run| run.with_iterations(iterations).with_learning_rate(5e-4));

    let mut trainer = Trainer::<Autodiff<Flex>, _>::new(&folder, config, &Default::default())?;
    trainer.run(&faces, &mut Progress::default())?;

    let face = "examples/data/faces/test/images/00000.png";
    let blond = trainer.translator().translate_file(face, "Blond_Hair")?;
    let path = format!("{folder}/blond.png");
    blond.save(&path)?;
    println!("{path}");
    Ok(())
}
