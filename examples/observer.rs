//! Steering a run: a function lowers the learning rate, and the run ends where a loss no longer
//! falls.
//!
//! ```text
//! cargo run --release --example observer [FOLDER [ITERATIONS]]
//! ```

use std::env;
use std::error::Error;

use stargan::burn::backend::{Autodiff, Flex};
use stargan::{
    Criterion, CsvLog, Dataset, EarlyStopping, Folder, KeepBest, LabelSpaces, Observer, Outcome,
    Progress, StarGan, Trainer, TrainingConfig, on_iteration,
};

type Cpu = Autodiff<Flex>;

/// The learning rate is halved every so many iterations.
const HALVED_EVERY: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/example-observer".to_owned());
    let iterations = arguments.next().map_or(Ok(20_000), |number| number.parse())?;
    let data = Folder::open("examples/data/expressions/train")?;
    let spaces = LabelSpaces::single(data.labels().clone());
    let recipe = StarGan::new(spaces).with_image_size(16).with_base_channels(4);
    let config = TrainingConfig::new(recipe.with_residual_blocks(1))
        .with_run(|run| run.with_iterations(iterations).with_learning_rate(1e-3));
    let mut trainer = Trainer::<Cpu, _>::new(&folder, config, &Default::default())?;

    // Means of 50 iterations: single ones are noisy.
    let loss = Criterion::loss("g/reconstruction", 50);
    let mut stopping = EarlyStopping::new(loss.clone(), 3);
    let mut best = KeepBest::new(loss);
    let lower = on_iteration(|run, iteration| {
        if iteration.number.is_multiple_of(HALVED_EVERY) {
            run.set_learning_rate(run.base_learning_rate() / 2.0);
        }
        Ok(())
    });
    let mut observers: Vec<Box<dyn Observer<Cpu> + '_>> = vec![
        Box::new(Progress::default()),
        Box::new(CsvLog::every(20)),
        Box::new(lower),
        Box::new(&mut stopping),
        Box::new(&mut best),
    ];
    let outcome = trainer.run(&data, &mut observers)?;
    drop(observers);
    let (Outcome::Finished { checkpoint } | Outcome::Stopped { checkpoint }) = outcome;
    if let Some(iteration) = stopping.stopped() {
        println!("iteration {iteration}: the loss no longer falls, stopped");
    }
    println!("{} is the last, {:?} the best", checkpoint.display(), best.best());
    Ok(())
}
