//! A recipe of one's own in the crate's loop: a network that learns to colour grey photos.
//! `cargo run --release --example own_recipe [FOLDER [ITERATIONS]]`; with more, it goes on.

use serde::{Deserialize, Serialize};
use stargan::burn::backend::{Autodiff, Flex};
use stargan::burn::tensor::{Tensor, backend::AutodiffBackend};
use stargan::engine::{Learner, Moment, Recipe, StepLosses};
use stargan::nn::{Generator, GeneratorConfig};
use stargan::rand::{SeedableRng, rngs::StdRng};
use stargan::recipes::{Direction, Pairwise, reconstruction_loss};
use stargan::{Dataset, DomainLabel, Folder, Grid, GridImage, LabelSpace, LabelSpaces, Progress};
use stargan::{Result, RunSettings, Schedule, Trainer, Transform, Translate, data::Batch};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Colouriser(GeneratorConfig); // the settings, which the run folder and checkpoints keep
type Network<B> = Learner<B, Generator<B>>;
impl Recipe for Colouriser {
    const NAME: &'static str = "colouriser";
    type Networks<B: AutodiffBackend> = Network<B>;
    type Model = Transform;

    fn usual_run(&self) -> RunSettings {
        RunSettings::default().with_schedule(Schedule::Constant) // so that a run can go on
    }
    fn image_size(&self) -> stargan::ImageSize {
        32.into()
    }
    fn num_params(&self) -> u64 {
        self.0.num_params()
    }
    fn init<B: AutodiffBackend>(&self, run: &RunSettings, at: &B::Device) -> Result<Network<B>> {
        let network = self.0.init(&mut StdRng::seed_from_u64(run.seed), at)?;
        Ok(Learner::new("colouriser", network, run.adam.clone()).with_average("average", run.ema))
    }
    fn step<B: AutodiffBackend>(
        &self,
        network: &mut Network<B>,
        mut batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<StepLosses<B::InnerBackend>>> {
        let photos: Tensor<B, 4> = batches.remove(0).into_images(moment.device);
        let grey = photos.clone().mean_dim(1).repeat_dim(1, 3);
        let loss = reconstruction_loss(photos, network.module().forward_unconditional(grey));
        let gradients = moment.backward(loss.clone()).of(network);
        moment.update(network, gradients);
        Ok(vec![StepLosses::new("photos").with_losses(vec![("colour", loss)])])
    }
    fn model(&self, transform: Transform) -> Transform {
        transform
    }
    fn translator<B: AutodiffBackend>(
        &self,
        network: &Network<B>,
        transform: Transform,
        device: &B::Device,
    ) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        let labels = LabelSpaces::single(LabelSpace::classes(["grey", "coloured"]));
        let colour = Direction::new(network.averaged(), transform, device.clone());
        Ok(Box::new(Pairwise::new(labels, transform, device.clone()).with(0, 1, colour)))
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/example-own-recipe".to_owned());
    let photos = Folder::open("examples/data/expressions/train")?;
    let recipe = Colouriser(GeneratorConfig::new(0).with_base_channels(8).with_residual_blocks(1));
    let mut trainer: Trainer<Autodiff<Flex>, Colouriser> = match std::fs::exists(&folder)? {
        true => Trainer::resume(&folder, &Default::default())?,
        false => Trainer::new(&folder, recipe, &Default::default())?,
    };
    let iterations = arguments.next().map_or(Ok(1_000), |number| number.parse())?;
    trainer.set_run(|run| run.with_iterations(iterations))?;
    trainer.run(&photos, &mut Progress::default())?;
    let image = photos.load(0)?.grayscale();
    let label = Some(DomainLabel { dataset: 0, label: vec![1.0, 0.0] });
    let grid = Grid::of_targets(&*trainer.boxed_translator()?, &[GridImage { image, label }])?;
    Ok(grid.image.save(format!("{folder}/coloured.png"))?)
}
