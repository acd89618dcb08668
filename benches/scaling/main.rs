//! What several workers cost: time per iteration and bytes summed, as threads and as processes.
//!
//! All of them share this machine's cores, so an iteration does not get faster by them here; what
//! it gets slower by is the price. docs/scaling.md makes a prediction of it for machines of their
//! own.
//!
//! ```sh
//! cargo bench --features collective,mpi --bench scaling
//! ```
//!
//! It starts itself by `mpirun` for the rows of several processes; `STARGAN_MPIRUN` has another
//! command in its place, with its arguments. Started by `mpirun` with one of `0`, `1`, `2` (a
//! shape) or `sum` as its argument it measures that, over whatever network `mpirun` has given it.

#[path = "../common/shape.rs"]
mod shape;
#[path = "../common/shapes.rs"]
mod shapes;

use std::borrow::Cow;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use image::{DynamicImage, RgbImage};
use stargan::burn::backend::{Autodiff, Flex};
use stargan::burn::tensor::Tensor;
use stargan::engine::{Collective, Follower, MpiJob, launched_processes, workers};
use stargan::{Dataset, Iteration, LabelSpace, Observer, Result, Run, StarGan, Trainer};

use crate::shape::{LABELS, Shape};
use crate::shapes::SHAPES;

type B = Autodiff<Flex>;

/// One D update of five has a G update with it, so this many are an average; one more before them
/// is not timed.
const PERIOD: u64 = 5;

/// What starts several processes; a test machine has fewer cores than those.
const MPIRUN: &str = "mpirun --oversubscribe --allow-run-as-root --bind-to none";

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

type Link = Box<dyn Collective<Flex>>;

/// Counts what a worker sums.
#[derive(Debug)]
struct Counted {
    link: Link,
    summed: Arc<AtomicU64>,
}

impl Collective<Flex> for Counted {
    fn rank(&self) -> usize {
        self.link.rank()
    }

    fn workers(&self) -> usize {
        self.link.workers()
    }

    fn sum(&mut self, values: Tensor<Flex, 1>) -> Result<Tensor<Flex, 1>> {
        let bytes = 4 * values.dims()[0];
        self.summed.fetch_add(bytes as u64, Ordering::Relaxed);
        self.link.sum(values)
    }

    fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.link.broadcast(bytes)
    }
}

/// Takes the time from the end of the first iteration on, and the bytes.
struct Clock {
    summed: Arc<AtomicU64>,
    from: Option<(Instant, u64)>,
    found: Option<(Duration, u64)>,
    last: u64,
}

impl Observer<B> for Clock {
    fn iteration(&mut self, _: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        let summed = self.summed.load(Ordering::Relaxed);
        match self.from {
            None => self.from = Some((Instant::now(), summed)),
            Some((from, before)) if iteration.number == self.last => {
                let timed = (self.last - 1) as u32;
                self.found = Some((from.elapsed() / timed, (summed - before) / u64::from(timed)));
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// Trains as the workers `links`, each in a thread of its own; worker 0, if it is among them, gives
/// its time and bytes per iteration.
fn train(shape: Shape, links: Vec<Link>) -> Result<Option<(Duration, u64)>> {
    let last = 1 + if shape == SHAPES[2] { PERIOD } else { 4 * PERIOD };
    let config = shape.config().with_run(|run| run.with_iterations(last));
    let data = Plain { labels: LabelSpace::attributes(LABELS), size: shape.size as u32 };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let device = Default::default();
    if links.is_empty() {
        let mut clock = Clock { summed: Arc::default(), from: None, found: None, last };
        Trainer::<B, StarGan>::new(&run, config, &device)?.run(&data, &mut clock)?;
        return Ok(clock.found);
    }
    thread::scope(|scope| {
        let work = |link: Link| {
            let (run, data, config) = (&run, &data, config.clone());
            scope.spawn(move || -> Result<_> {
                if link.rank() > 0 {
                    Follower::<B, StarGan>::join(link, None, &Default::default())?.run(data)?;
                    return Ok(None);
                }
                let summed = Arc::<AtomicU64>::default();
                let mut clock = Clock { summed: summed.clone(), from: None, found: None, last };
                let trainer = Trainer::<B, StarGan>::new(run, config, &Default::default())?;
                trainer.lead(Box::new(Counted { link, summed }))?.run(data, &mut clock)?;
                Ok(clock.found)
            })
        };
        let threads: Vec<_> = links.into_iter().map(work).collect();
        let found: Result<Vec<_>> =
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        Ok(found?.into_iter().flatten().next())
    })
}

/// The time of one sum of `count` values over the processes of `job`, and its bytes.
fn sum(count: u64, job: &MpiJob) -> (Duration, u64) {
    let mut link = job.link();
    let mut values = Tensor::<Flex, 1>::ones([count as usize], &Default::default());
    let mut sum = || values = link.sum(values.clone()).expect("a sum");
    sum();
    let began = Instant::now();
    (0..3).for_each(|_| sum());
    (began.elapsed() / 3, 4 * count)
}

fn networks() -> [(&'static str, u64); 2] {
    let full = SHAPES[2].config().recipe;
    [("G", full.generator.num_params()), ("D", full.discriminator.num_params())]
}

fn row(what: &str, workers: usize, kind: &str, (time, summed): (Duration, u64)) {
    let megabytes = summed as f64 / 1e6;
    println!("| {what} | {workers} | {kind} | {:.3} | {megabytes:.1} |", time.as_secs_f64());
}

/// What the processes of one job do.
fn as_process(what: &str) -> Result<()> {
    let job = MpiJob::join()?;
    let leads = job.rank() == 0;
    if what == "sum" {
        for (name, count) in networks() {
            let found = sum(count, &job);
            if leads {
                row(&format!("a sum of {name}"), job.processes(), "processes", found);
            }
        }
    } else {
        let shape = SHAPES[what.parse::<usize>().expect("a shape")];
        if let Some(found) = train(shape, vec![Box::new(job.link())])? {
            row(&shape.to_string(), job.processes(), "processes", found);
        }
    }
    job.finish()
}

/// Starts copies of this program for it.
fn processes(count: usize, what: &str) {
    let mpirun = std::env::var("STARGAN_MPIRUN").unwrap_or_else(|_| MPIRUN.to_owned());
    let mut words = mpirun.split_whitespace();
    let ended = Command::new(words.next().expect("a command"))
        .args(words)
        .args(["-n", &count.to_string()])
        .arg(std::env::current_exe().expect("this program"))
        .arg(what)
        .status()
        .expect("mpirun starts");
    assert!(ended.success());
}

fn main() {
    let what = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    if let Some(what) = what.filter(|_| launched_processes() > 1) {
        return as_process(&what).expect("a measurement");
    }
    println!("| shape | workers | as | s per iteration | MB summed per iteration |");
    println!("|---|---|---|---|---|");
    for (number, shape) in SHAPES.into_iter().enumerate() {
        let name = shape.to_string();
        row(&name, 1, "", train(shape, Vec::new()).expect("a run").expect("a time"));
        for count in [2, 4] {
            let workers = workers::<Flex>(&vec![Default::default(); count], None);
            let links = workers.expect("a group").into_iter().map(|worker| Box::new(worker) as _);
            let found = train(shape, links.collect()).expect("a run").expect("a time");
            row(&name, count, "threads", found);
        }
        [2, 4].into_iter().for_each(|count| processes(count, &number.to_string()));
    }
    [2, 4].into_iter().for_each(|count| processes(count, "sum"));
}
