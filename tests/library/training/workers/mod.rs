//! Several workers of one run, as threads and as processes.

mod backward;
mod equal;
mod learning_rate;
#[cfg(feature = "mpi")]
mod processes;
mod together;

use std::path::Path;
use std::thread;

use stargan::burn::backend::Flex;
use stargan::engine::{Collective, Follower, Worker, workers};
use stargan::{CsvLog, Folder, Outcome, Parts, Result, StarGan, Trainer, TrainingConfig};

use crate::training::setup::{Content, Cpu};

/// What a worker that is one of several in `run` does: it trains, and its model is saved beside the
/// run.
fn work(
    worker: Worker<Flex>,
    run: &Path,
    config: &TrainingConfig<StarGan>,
    data: &Folder,
) -> Result<Outcome> {
    let device = Default::default();
    let model = run.with_extension(format!("{}.safetensors", worker.rank()));
    let (outcome, translator) = if worker.rank() > 0 {
        let mut follower = Follower::<Cpu, StarGan>::join(Box::new(worker), Some(config), &device)?;
        (follower.run(data)?, follower.trainer().translator())
    } else {
        let trainer = if run.join("config.json").exists() {
            let mut trainer = Trainer::<Cpu, StarGan>::resume(run, &device)?;
            trainer.set_run(|run| run.with_iterations(config.run.iterations)).unwrap();
            trainer
        } else {
            Trainer::<Cpu, StarGan>::new(run, config.clone(), &device)?
        };
        let mut trainer = trainer.lead(Box::new(worker))?;
        (trainer.run(data, &mut CsvLog::every(1))?, trainer.translator())
    };
    // Of an earlier run in this folder.
    let _ = std::fs::remove_file(&model);
    translator.save(model, Parts::All)?;
    Ok(outcome)
}

/// The workers of one process, each in a thread of its own.
fn threads(
    count: usize,
    run: &Path,
    config: &TrainingConfig<StarGan>,
    data: &Folder,
) -> Vec<Result<Outcome>> {
    let workers = workers::<Flex>(&vec![Default::default(); count], None).unwrap();
    thread::scope(|scope| {
        let work = |worker| scope.spawn(move || work(worker, run, config, data));
        let threads: Vec<_> = workers.into_iter().map(work).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Every worker's model is the same, bit for bit.
fn assert_identical(run: &Path, count: usize) {
    let model = |rank| Content::of(&run.with_extension(format!("{rank}.safetensors")));
    let first = model(0);
    for rank in 1..count {
        assert_eq!(model(rank).tensors, first.tensors, "worker {rank}");
    }
}

/// Two threads: what becomes of a leader and of a follower.
pub fn two<L: Send, F: Send>(
    leads: impl FnOnce(Box<Worker<Flex>>) -> L + Send,
    follows: impl FnOnce(Box<Worker<Flex>>) -> F + Send,
) -> (L, F) {
    let mut workers = workers::<Flex>(&[Default::default(), Default::default()], None).unwrap();
    let (follower, leader) = (workers.pop().unwrap(), workers.pop().unwrap());
    thread::scope(|scope| {
        let follower = scope.spawn(|| follows(Box::new(follower)));
        (leads(Box::new(leader)), follower.join().unwrap())
    })
}
