//! An observer of one's own: where a loss no longer falls, it lowers the learning rate, then stops.
//!
//! ```text
//! cargo run --release --example observer [FOLDER [ITERATIONS]]
//! ```

use std::env;

use stargan::burn::backend::{Autodiff, Flex};
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{
    CsvLog, Folder, Iteration, LabelSpaces, Observer, Outcome, Progress, Result, Run, StarGan,
    Trainer, TrainingConfig,
};

const LOSS: &str = "g/reconstruction";
/// Iterations whose mean is compared with the best so far: single ones are noisy.
const WINDOW: u64 = 50;
const PATIENCE: u32 = 2;
const REDUCTIONS: u32 = 2;

#[derive(Debug)]
struct Plateau {
    sum: f32,
    best: f32,
    without_gain: u32,
    reductions: u32,
}

impl<B: AutodiffBackend> Observer<B> for Plateau {
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        // Only in iterations that update the generator is it there.
        let losses = iteration.losses();
        self.sum += losses.iter().find(|(name, _)| name.ends_with(LOSS)).map_or(0.0, |loss| loss.1);
        if !iteration.number.is_multiple_of(WINDOW) {
            return Ok(());
        }
        let sum = std::mem::take(&mut self.sum);
        self.without_gain = if sum < self.best { 0 } else { self.without_gain + 1 };
        self.best = self.best.min(sum);
        if self.without_gain < PATIENCE {
            return Ok(());
        }
        self.without_gain = 0;
        if self.reductions == REDUCTIONS {
            println!("iteration {}: {LOSS} no longer falls, stopping", iteration.number);
            run.stop();
        } else {
            self.reductions += 1;
            let rate = run.base_learning_rate() / 2.0;
            println!("iteration {}: learning rate {rate}", iteration.number);
            run.set_learning_rate(rate);
        }
        Ok(())
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/example-observer".to_owned());
    let iterations = arguments.next().map_or(Ok(20_000), |number| number.parse())?;
    let data = Folder::open("examples/data/expressions/train")?;
    let spaces = LabelSpaces::single(stargan::Dataset::labels(&data).clone());
    let recipe = StarGan::new(spaces).with_image_size(16).with_base_channels(4);
    let config = TrainingConfig::new(recipe.with_residual_blocks(1))
        .with_run(|run| run.with_iterations(iterations).with_learning_rate(1e-3));
    let mut trainer = Trainer::<Autodiff<Flex>, _>::new(&folder, config, &Default::default())?;

    let mut plateau = Plateau { sum: 0.0, best: f32::MAX, without_gain: 0, reductions: 0 };
    let mut observers: Vec<Box<dyn Observer<Autodiff<Flex>> + '_>> =
        vec![Box::new(Progress::default()), Box::new(CsvLog::every(20)), Box::new(&mut plateau)];
    let outcome = trainer.run(&data, &mut observers)?;
    drop(observers);
    let (Outcome::Finished { checkpoint } | Outcome::Stopped { checkpoint }) = outcome;
    println!("{} reductions of the learning rate, {}", plateau.reductions, checkpoint.display());
    Ok(())
}
