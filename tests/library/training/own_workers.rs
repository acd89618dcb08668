//! Workers joined in a way of one's own: two threads, which add in an array that they share.
//! Whatever joins workers, such as a GPU maker's library, is one trait of four functions.

use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use stargan::burn::backend::Flex;
use stargan::burn::tensor::Tensor;
use stargan::engine::{Collective, Follower};
use stargan::{
    CsvLog, Dataset, Folder, LabelSpaces, Parts, Result, StarGan, Trainer, TrainingConfig,
    Translator,
};

use crate::training::one_update::{compare, one_iteration, still};
use crate::training::setup::{Content, Cpu, colours, names, one_at_a_time, tiny};

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

/// Trains `run` with two workers, and saves the follower's model beside it.
fn together(run: &Path, config: TrainingConfig<StarGan>, data: &Folder) -> Result<()> {
    let (values, bytes, turn) = (Default::default(), Default::default(), Barrier::new(2));
    let shared = Arc::new(Shared { values, bytes, turn });
    let [first, second] = [0, 1].map(|rank| Box::new(Worker(rank, shared.clone())));
    let device = Default::default();
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut follower = Follower::<Cpu, StarGan>::join(second, None, &device)?;
            follower.run(data)?;
            let model = run.with_extension("follower.safetensors");
            follower.trainer().translator().save(model, Parts::All)
        });
        let trainer = Trainer::<Cpu, StarGan>::new(run, config, &device)?;
        let mut trainer = trainer.lead(first)?;
        trainer.run(data, &mut CsvLog::every(1))?;
        trainer.translator().save(run.with_extension("leader.safetensors"), Parts::All)?;
        other.join().expect("no panic")
    })
}

#[test]
fn workers_of_ones_own_train_one_model() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let spaces = || LabelSpaces::single(data.labels().clone());
    let [alone, one, run] = ["alone", "one", "run"].map(|name| folder.path().join(name));
    let mut trainer =
        Trainer::<Cpu, StarGan>::new(&alone, still(spaces()), &Default::default()).unwrap();
    trainer.run(&data, &mut CsvLog::every(1)).unwrap();
    together(&one, still(spaces()), &data).unwrap();
    compare(&one, &one_iteration(&alone), "2 workers of one's own");

    together(&run, tiny(spaces()).with_run(|run| run.with_iterations(12)), &data).unwrap();
    assert_eq!(names(run.join("checkpoints")), ["00000012.safetensors"]);
    Translator::<Flex>::open(&run, &Default::default()).unwrap();
    let [leader, follower] = ["leader", "follower"]
        .map(|rank| Content::of(&run.with_extension(format!("{rank}.safetensors"))));
    assert_eq!(leader.tensors, follower.tensors);
}
