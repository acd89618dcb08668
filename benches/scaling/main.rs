//! What several workers cost: time per iteration and bytes sent, as threads and as processes over
//! loopback.
//!
//! All of them share this machine's cores, so an iteration does not get faster by them here; what
//! it gets slower by is the price. docs/scaling.md makes a prediction of it for machines of their
//! own.
//!
//! ```sh
//! cargo bench --features collective --bench scaling
//! ```

#[path = "../common/shape.rs"]
mod shape;
#[path = "../common/shapes.rs"]
mod shapes;

use std::borrow::Cow;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use image::{DynamicImage, RgbImage};
use stargan::burn::backend::{Autodiff, Flex};
use stargan::burn::tensor::Tensor;
use stargan::engine::{Collective, Follower, Rendezvous, Ring, Worker, workers};
use stargan::{Dataset, Iteration, LabelSpace, Observer, Result, Run, StarGan, Trainer};

use crate::shape::{LABELS, Shape};
use crate::shapes::SHAPES;

type B = Autodiff<Flex>;

/// One D update of five has a G update with it, so this many are an average; one more before them
/// is not timed.
const PERIOD: u64 = 5;

/// Tells a copy of this program which process it is: rank, processes, devices, port, shape.
const PROCESS: &str = "STARGAN_SCALING_PROCESS";

/// Images of one colour each, which cost nothing to load.
#[derive(Clone, Debug)]
struct Plain {
    labels: LabelSpace,
    size: u32,
}

impl Dataset for Plain {
    fn labels(&self) -> &LabelSpace {
        &self.labels
    }

    fn len(&self) -> usize {
        64
    }

    fn label(&self, index: usize) -> &[f32] {
        const LABEL: [f32; 9] = [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        &LABEL[index % 4..][..LABELS.len()]
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        index.to_string().into()
    }

    fn load(&self, index: usize) -> Result<DynamicImage> {
        let level = |channel: usize| (index * 37 + channel * 91) as u8;
        let pixel = image::Rgb([level(0), level(1), level(2)]);
        Ok(RgbImage::from_pixel(self.size, self.size, pixel).into())
    }
}

/// Counts what a worker sends.
#[derive(Debug)]
struct Counted {
    worker: Worker<Flex>,
    sent: Arc<AtomicU64>,
}

impl Collective<Flex> for Counted {
    fn rank(&self) -> usize {
        self.worker.rank()
    }

    fn workers(&self) -> usize {
        self.worker.workers()
    }

    fn sum(&mut self, values: Tensor<Flex, 1>) -> Result<Tensor<Flex, 1>> {
        let sum = self.worker.sum(values);
        self.sent.store(self.worker.sent(), Ordering::Relaxed);
        sum
    }

    fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.worker.broadcast(bytes)
    }
}

/// Takes the time from the end of the first iteration on, and the bytes.
struct Clock {
    sent: Arc<AtomicU64>,
    from: Option<(Instant, u64)>,
    found: Option<(Duration, u64)>,
    last: u64,
}

impl Observer<B> for Clock {
    fn iteration(&mut self, _: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let sent = self.sent.load(Ordering::Relaxed);
        match self.from {
            None => self.from = Some((Instant::now(), sent)),
            Some((from, before)) if iteration.number == self.last => {
                let timed = (self.last - 1) as u32;
                self.found = Some((from.elapsed() / timed, (sent - before) / u64::from(timed)));
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// Trains as one process among several; process 0 gives its first worker's time and bytes per
/// iteration.
fn train(shape: Shape, devices: usize, ring: Option<Ring>) -> Result<Option<(Duration, u64)>> {
    let last = 1 + if shape == SHAPES[2] { PERIOD } else { 4 * PERIOD };
    let config = shape.config().with_run(|run| run.with_iterations(last));
    let data = Plain { labels: LabelSpace::attributes(LABELS), size: shape.size as u32 };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let device = Default::default();
    if devices == 1 && ring.is_none() {
        let mut clock = Clock { sent: Arc::default(), from: None, found: None, last };
        Trainer::<B, StarGan>::new(&run, config, &device)?.run(&data, &mut clock)?;
        return Ok(clock.found);
    }
    let workers = workers::<Flex>(&vec![Default::default(); devices], ring)?;
    thread::scope(|scope| {
        let work = |worker: Worker<Flex>| {
            let (run, data, config) = (&run, &data, config.clone());
            scope.spawn(move || -> Result<_> {
                let sent = Arc::<AtomicU64>::default();
                if worker.rank() > 0 {
                    Follower::<B, StarGan>::join(Box::new(worker), None, &Default::default())?
                        .run(data)?;
                    return Ok(None);
                }
                let mut clock = Clock { sent: sent.clone(), from: None, found: None, last };
                let trainer = Trainer::<B, StarGan>::new(run, config, &Default::default())?;
                trainer.lead(Box::new(Counted { worker, sent }))?.run(data, &mut clock)?;
                Ok(clock.found)
            })
        };
        let threads: Vec<_> = workers.into_iter().map(work).collect();
        let found: Result<Vec<_>> =
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        Ok(found?.into_iter().flatten().next())
    })
}

/// The time of one sum of `count` values over `processes`, in this process's threads, and the bytes
/// that each sends.
fn sum(count: usize, processes: usize, port: u16) -> (Duration, u64) {
    let join = |process| {
        thread::spawn(move || {
            let mut ring =
                Rendezvous::new("127.0.0.1", port).join(process, processes).expect("a ring");
            let mut values = vec![1.0_f32; count];
            ring.sum(&mut values).expect("a sum");
            let (began, before) = (Instant::now(), ring.sent());
            (0..3).for_each(|_| ring.sum(&mut values).expect("a sum"));
            (began.elapsed() / 3, (ring.sent() - before) / 3)
        })
    };
    let threads: Vec<_> = (0..processes).map(join).collect();
    threads.into_iter().map(|thread| thread.join().expect("no panic")).max().expect("processes")
}

fn main() {
    if let Ok(process) = std::env::var(PROCESS) {
        let [rank, processes, port, shape] = process
            .split(',')
            .map(|number| number.parse::<usize>().expect("a number"))
            .collect::<Vec<_>>()
            .try_into()
            .expect("four numbers");
        let ring = Rendezvous::new("127.0.0.1", port as u16).join(rank, processes).expect("a ring");
        if let Some((time, sent)) = train(SHAPES[shape], 1, Some(ring)).expect("a run") {
            println!("{} {sent}", time.as_secs_f64());
        }
        return;
    }
    let mut port = 22_000 + (std::process::id() % 500) as u16 * 16;
    println!("| shape | workers | as | s per iteration | MB sent per worker and iteration |");
    println!("|---|---|---|---|---|");
    for (number, shape) in SHAPES.into_iter().enumerate() {
        let row = |workers: usize, kind: &str, (time, sent): (f64, u64)| {
            println!("| {shape} | {workers} | {kind} | {time:.3} | {:.1} |", sent as f64 / 1e6);
        };
        for devices in [1, 2, 4] {
            let found = train(shape, devices, None).expect("a run").expect("a time");
            row(devices, "threads", (found.0.as_secs_f64(), found.1));
        }
        for processes in [2, 4] {
            let start = |rank| {
                Command::new(std::env::current_exe().expect("this program"))
                    .env(PROCESS, format!("{rank},{processes},{port},{number}"))
                    .stdout(Stdio::piped())
                    .spawn()
                    .expect("a process")
            };
            let children: Vec<_> = (0..processes).map(start).collect();
            for (rank, child) in children.into_iter().enumerate() {
                let output = child.wait_with_output().expect("its end");
                assert!(output.status.success());
                if rank == 0 {
                    let text = String::from_utf8(output.stdout).expect("text");
                    let (time, sent) = text.trim().split_once(' ').expect("time and bytes");
                    let found = (time.parse().expect("s"), sent.parse().expect("bytes"));
                    row(processes, "processes", found);
                }
            }
            port += processes as u16;
        }
    }
    let full = SHAPES[2].config().recipe;
    let [g, d] = [full.generator.num_params(), full.discriminator.num_params()];
    println!(
        "\n| one sum over loopback | processes | s | MB sent by each | GB/s \
         |\n|---|---|---|---|---|"
    );
    for (name, count) in [("G", g), ("D", d)] {
        for processes in [2, 4] {
            let (time, sent) = sum(count as usize, processes, port);
            port += processes as u16;
            let (seconds, bytes) = (time.as_secs_f64(), sent as f64);
            let rate = bytes / seconds / 1e9;
            println!(
                "| {name}, {count} values | {processes} | {seconds:.3} | {:.1} | {rate:.2} |",
                bytes / 1e6
            );
        }
    }
}
