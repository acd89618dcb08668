//! A dataset in memory: drawn discs of three colours, without any image file.
//!
//! ```text
//! cargo run --release --example in_memory [FOLDER [ITERATIONS]]
//! ```

use std::borrow::Cow;
use std::env;

use stargan::burn::backend::{Autodiff, Flex};
use stargan::image::{DynamicImage, Rgb, RgbImage};
use stargan::{Dataset, LabelSpace, LabelSpaces, Progress, StarGan, Trainer, TrainingConfig};

const COLOURS: [(&str, [u8; 3]); 3] =
    [("red", [220, 40, 40]), ("green", [40, 180, 60]), ("blue", [50, 80, 220])];
const SIDE: u32 = 32;

/// Images with their labels. Loader threads share it, so it is cheap to clone or, as here, small.
#[derive(Clone, Debug)]
struct Discs {
    labels: LabelSpace,
    images: Vec<(RgbImage, Vec<f32>)>,
}

impl Discs {
    fn new(count: usize) -> Self {
        let draw = |index: usize| {
            let colour = index % COLOURS.len();
            let mut label = vec![0.0; COLOURS.len()];
            label[colour] = 1.0;
            (disc(4 + (index / 3 % 9) as u32, Rgb(COLOURS[colour].1)), label)
        };
        let labels = LabelSpace::classes(COLOURS.map(|(name, _)| name));
        Self { labels, images: (0..count).map(draw).collect() }
    }
}

impl Dataset for Discs {
    fn labels(&self) -> &LabelSpace {
        &self.labels
    }
    fn len(&self) -> usize {
        self.images.len()
    }
    fn label(&self, index: usize) -> &[f32] {
        &self.images[index].1
    }
    fn name(&self, index: usize) -> Cow<'_, str> {
        format!("disc {index}").into()
    }
    fn load(&self, index: usize) -> stargan::Result<DynamicImage> {
        Ok(self.images[index].0.clone().into())
    }
}

fn disc(radius: u32, colour: Rgb<u8>) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let inside = x.abs_diff(SIDE / 2).pow(2) + y.abs_diff(SIDE / 2).pow(2) <= radius.pow(2);
        if inside { colour } else { Rgb([230; 3]) }
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/example-in-memory".to_owned());
    let iterations = arguments.next().map_or(Ok(600), |number| number.parse())?;
    let discs = Discs::new(300);
    let recipe = StarGan::new(LabelSpaces::single(discs.labels.clone()))
        .with_image_size(SIDE as usize)
        .with_base_channels(8)
        .with_residual_blocks(1);
    let config = TrainingConfig::new(recipe)
        .with_run(|run| run.with_iterations(iterations).with_learning_rate(5e-4));
    let mut trainer = Trainer::<Autodiff<Flex>, _>::new(&folder, config, &Default::default())?;
    trainer.run(&discs, &mut Progress::default())?;
    let red = discs.load(0)?;
    trainer.translator().translate(&red, "blue")?.save(format!("{folder}/blue.png"))?;
    Ok(())
}
