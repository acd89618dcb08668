//! Two datasets with different labels, one model: faces have hair colours, others expressions.
//!
//! ```text
//! cargo run --release --example joint [FOLDER [ITERATIONS]]
//! ```

use std::env;

use stargan::burn::backend::{Autodiff, Flex};
use stargan::{
    CelebA, Dataset, Datasets, Folder, LabelSpace, LabelSpaces, Progress, StarGan, Trainer,
    TrainingConfig,
};

const HAIR: [&str; 3] = ["Black_Hair", "Blond_Hair", "Brown_Hair"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/example-joint".to_owned());
    let iterations = arguments.next().map_or(Ok(2_500), |number| number.parse())?;

    let labels = LabelSpace::attributes(HAIR).exclusive(HAIR)?;
    let faces = CelebA::open("examples/data/faces/train", &labels)?;
    let expressions = Folder::open("examples/data/expressions/train")?; // a folder per class

    // In the condition, the mask says which dataset's label is given (paper, section 3.2).
    let spaces =
        LabelSpaces::joint([("faces", labels), ("expressions", expressions.labels().clone())])?;
    let recipe = StarGan::new(spaces)
        .with_image_size(32)
        .with_base_channels(16)
        .with_residual_blocks(2)
        .with_critic_steps(2);
    let config = TrainingConfig::new(recipe)
        .with_run(|run| run.with_iterations(iterations).with_learning_rate(5e-4));

    // An iteration takes a batch of each.
    let data = Datasets::from(&faces).with(&expressions);
    let mut trainer = Trainer::<Autodiff<Flex>, _>::new(&folder, config, &Default::default())?;
    trainer.run(&data, &mut Progress::default())?;

    // No face was ever labelled with an expression; labels of both apply to any image.
    let face = "examples/data/faces/test/images/00000.png";
    let translator = trainer.translator();
    for edit in ["Blond_Hair", "happy", "expressions:sad", "Blond_Hair,happy"] {
        let path = format!("{folder}/{}.png", edit.replace([',', ':'], "_"));
        translator.translate_file(face, edit)?.save(&path)?;
        println!("{path}");
    }
    Ok(())
}
