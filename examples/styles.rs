//! Trains StarGAN v2 on the faces in `examples/data` for some minutes, hair colours being the
//! domains, then leaves two pictures: faces in many styles of a colour, and in the styles of other
//! faces.
//!
//! ```text
//! cargo run --release --example styles [FOLDER [ITERATIONS]]
//! ```

use std::env;
use std::error::Error;

use stargan::burn::backend::{Autodiff, Flex};
use stargan::nn::StyleConfig;
use stargan::recipes::Reference;
use stargan::{CelebA, Dataset, LabelSpace, Progress, StarGanV2, Trainer, TrainingConfig};

const HAIR: [&str; 3] = ["Black_Hair", "Blond_Hair", "Brown_Hair"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/example-styles".to_owned());
    let iterations = arguments.next().map_or(Ok(2_500), |number| number.parse())?;

    let labels = LabelSpace::attributes(HAIR).exclusive(HAIR)?;
    let open = |part: &str| CelebA::open(format!("examples/data/faces/{part}"), &labels);
    let (train, test) = (open("train")?, open("test")?);

    // Small networks at 32 pixels, which learn faster.
    let networks = StyleConfig::new(32, HAIR.len())
        .with_channels(24, 64)
        .with_style_width(16)
        .with_mapping(8, 64);
    let recipe = StarGanV2::new(labels, 32).with_networks(networks);
    let config = TrainingConfig::new(recipe)
        .with_run(|run| run.with_iterations(iterations).with_learning_rate(5e-4));

    let mut trainer = Trainer::<Autodiff<Flex>, _>::new(&folder, config, &Default::default())?;
    trainer.run(&train, &mut Progress::default())?;

    let translator = trainer.translator();
    let faces: Vec<_> = (0..5).map(|face| test.load(face)).collect::<Result<_, _>>()?;
    for (domain, name) in HAIR.iter().enumerate() {
        let path = format!("{folder}/{name}.png");
        translator.latent_grid(&faces, domain, 8)?.picture().save(&path)?;
        println!("{path}");
    }
    let reference = |face: usize| {
        let domain = test.label(face).iter().position(|&value| value == 1.0).unwrap_or_default();
        Ok(Reference { image: test.load(face)?, domain })
    };
    let references = (5..13).map(reference).collect::<Result<Vec<_>, stargan::Error>>()?;
    let path = format!("{folder}/references.png");
    translator.reference_grid(&faces, &references)?.picture().save(&path)?;
    println!("{path}");
    Ok(())
}
