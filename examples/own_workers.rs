//! Workers joined in a way of one's own: two threads, which add in an array that they share.
//! Whatever joins workers, such as a GPU maker's library, is one trait of four functions.
//!
//! ```text
//! cargo run --release --example own_workers [FOLDER [ITERATIONS]]
//! ```

use std::sync::{Arc, Barrier, Mutex};
use std::{env, thread};

use stargan::burn::backend::{Autodiff, Flex};
use stargan::burn::tensor::Tensor;
use stargan::engine::{Collective, Follower};
use stargan::{Dataset, Folder, LabelSpaces, Progress, Result, StarGan, Trainer, TrainingConfig};

type Cpu = Autodiff<Flex>;

#[derive(Debug)]
struct Shared {
    values: Mutex<[Vec<f32>; 2]>,
    bytes: Mutex<Vec<u8>>,
    /// All have written; all have read.
    turn: Barrier,
}

#[derive(Debug)]
struct Worker(usize, Arc<Shared>);

impl Collective<Flex> for Worker {
    fn rank(&self) -> usize {
        self.0
    }

    fn workers(&self) -> usize {
        2
    }

    fn sum(&mut self, values: Tensor<Flex, 1>) -> Result<Tensor<Flex, 1>> {
        let Shared { values: shared, turn, .. } = &*self.1;
        shared.lock().unwrap()[self.0] = values.into_data().into_vec().expect("f32");
        turn.wait();
        let [first, second] = shared.lock().unwrap().clone();
        let sum: Vec<f32> = first.iter().zip(second).map(|(a, b)| a + b).collect();
        turn.wait();
        Ok(Tensor::from_floats(&sum[..], &Default::default()))
    }

    fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let Shared { bytes: shared, turn, .. } = &*self.1;
        if self.0 == 0 {
            *shared.lock().unwrap() = bytes;
        }
        turn.wait();
        let first = shared.lock().unwrap().clone();
        turn.wait();
        Ok(first)
    }
}

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/example-own-workers".to_owned());
    let iterations = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let data = Folder::open("examples/data/expressions/train")?;
    let spaces = LabelSpaces::single(data.labels().clone());
    let recipe = StarGan::new(spaces).with_image_size(16).with_base_channels(4);
    let config = TrainingConfig::new(recipe.with_residual_blocks(1))
        .with_run(|run| run.with_iterations(iterations));
    let (values, bytes, turn) = (Default::default(), Default::default(), Barrier::new(2));
    let shared = Arc::new(Shared { values, bytes, turn });
    let [first, second] = [0, 1].map(|rank| Box::new(Worker(rank, shared.clone())));
    let (device, same) = (Default::default(), data.clone());
    // A worker that fails would leave the other waiting; here the program's end ends it.
    let other =
        thread::spawn(move || Follower::<Cpu, StarGan>::join(second, None, &device)?.run(&same));
    let trainer = Trainer::<Cpu, StarGan>::new(&folder, config, &device)?;
    trainer.lead(first)?.run(&data, &mut Progress::default())?;
    other.join().expect("no panic").map(drop)
}
