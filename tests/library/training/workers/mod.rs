//! Several workers of one run, as threads and as processes.

mod backward;
mod equal;
mod killed;
mod learning_rate;
mod together;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use stargan::burn::backend::Flex;
use stargan::engine::{Collective, Follower, Rendezvous, Worker, workers};
use stargan::{
    CsvLog, Dataset, Folder, LabelSpaces, Outcome, Parts, Result, StarGan, Trainer, TrainingConfig,
};

use crate::ports::ports;
use crate::training::one_update::still;
use crate::training::setup::{Content, Cpu, tiny};

fn rendezvous(port: u16) -> Rendezvous {
    Rendezvous { gather_within: Duration::from_secs(20), ..Rendezvous::new("127.0.0.1", port) }
}

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

/// Tells a copy of this test program which worker it is: its process, how many there are, its
/// devices, the port, the iterations and the folder.
const WORKER: &str = "STARGAN_TEST_WORKER";

fn process(
    test: &str,
    [rank, processes, devices]: [usize; 3],
    port: u16,
    iterations: u64,
    folder: &Path,
) -> Child {
    let worker = format!("{rank},{processes},{devices},{port},{iterations},{}", folder.display());
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(WORKER, worker)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// In such a copy: trains, and ends the process.
fn work_if_told() {
    let Ok(worker) = std::env::var(WORKER) else { return };
    let [rank, processes, devices, port, iterations, folder] =
        worker.splitn(6, ',').collect::<Vec<_>>().try_into().unwrap();
    let [rank, processes, devices] =
        [rank, processes, devices].map(|text| text.parse::<usize>().unwrap());
    let (port, iterations, folder) =
        (port.parse().unwrap(), iterations.parse().unwrap(), Path::new(folder));
    let data = Folder::open(folder.join("data")).unwrap();
    let spaces = LabelSpaces::single(data.labels().clone());
    let config = match iterations {
        1 => still(spaces),
        _ => tiny(spaces).with_run(|run| run.with_iterations(iterations).with_checkpoint_every(2)),
    };
    let run = folder.join("run");
    let ring = rendezvous(port).join(rank, processes);
    let ended = ring.and_then(|ring| {
        let workers = workers::<Flex>(&vec![Default::default(); devices], Some(ring))?;
        thread::scope(|scope| {
            let (run, config, data) = (&run, &config, &data);
            let work = |worker| scope.spawn(move || work(worker, run, config, data));
            let threads: Vec<_> = workers.into_iter().map(work).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Result<Vec<_>>>()
        })
    });
    match ended {
        Ok(_) => std::process::exit(0),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    }
}

/// All of a run's processes, and what each said where it failed.
fn processes(test: &str, [processes, devices]: [usize; 2], iterations: u64, folder: &Path) {
    let port = ports(processes as u16);
    let start = |rank| process(test, [rank, processes, devices], port, iterations, folder);
    let children: Vec<_> = (0..processes).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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
