//! This crate's side of the comparison with PyTorch: does what standard input asks and answers with
//! milliseconds. `compare.py` beside this file asks, and asks `steps.py` the same.
//!
//! A line is a JSON object with `do`: `inference` (one forward pass of G), `cycle` (five iterations, of which
//! the last updates G too), `penalty` (its value and gradients), `data` (every image of `folder`), or
//! `memory` (the peak so far, in bytes), and the shape. The answer is a JSON list of numbers.

#![recursion_limit = "256"]

#[path = "../common/mod.rs"]
mod common;

use std::io::{self, BufRead, Write};
use std::time::Instant;

use common::Shape;
use serde::Deserialize;
use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::Tensor;
use stargan::burn::tensor::backend::{AutodiffBackend, Backend};
use stargan::data::load_image;
use stargan::{Crop, Discriminator, Generator, Penalty, PenaltyDraw, Trainer, Transform};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Request {
    /// Makes JPEGs of CelebA's size in a folder.
    Jpegs {
        folder: String,
    },
    Data {
        folder: String,
    },
    Memory,
    Inference(Shape),
    Cycle(Shape),
    Penalty(Shape),
}

/// What is kept between requests: the networks of one shape.
struct Networks<B: AutodiffBackend> {
    shape: Shape,
    generator: Generator<B::InnerBackend>,
    discriminator: Discriminator<B>,
    trainer: Option<(tempfile::TempDir, Trainer<B>)>,
}

impl<B: AutodiffBackend> Networks<B> {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            generator: shape.generator(),
            discriminator: shape.discriminator(),
            trainer: None,
        }
    }

    /// The networks of `shape`: those kept, where they are of it, or new ones in their place.
    fn of(kept: &mut Option<Self>, shape: Shape) -> &mut Self {
        kept.take_if(|networks| networks.shape != shape);
        kept.get_or_insert_with(|| Self::new(shape))
    }

    fn inference(&self) -> f64 {
        let (images, labels) = (self.shape.images(), self.shape.labels());
        milliseconds(|| drop(self.generator.forward(images, labels).into_data()))
    }

    fn cycle(&mut self) -> Vec<f64> {
        let shape = self.shape;
        let (_, trainer) = self.trainer.get_or_insert_with(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let trainer = shape.trainer::<B>(&folder.path().join("run"));
            (folder, trainer)
        });
        (0..trainer.config().critic_steps)
            .map(|_| {
                let batch = shape.batch();
                milliseconds(|| {
                    for losses in trainer.step(vec![batch]) {
                        losses.discriminator.named();
                        losses.generator.map(|losses| losses.named());
                    }
                })
            })
            .collect()
    }

    fn penalty(&self) -> f64 {
        let real = self.shape.images::<B::InnerBackend>();
        let fake = real.clone().flip([3]);
        let mixing = Tensor::ones([self.shape.batch, 1, 1, 1], &Default::default()) * 0.5;
        milliseconds(|| {
            let draw = PenaltyDraw { mixing, noise: None };
            let penalty = Penalty::WganGp.forward(&self.discriminator, real, fake, draw);
            let penalty = penalty.expect("a penalty");
            let gradients = penalty.backward();
            drop((penalty.into_data(), gradients));
        })
    }
}

fn milliseconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e3
}

/// The time of every image, read, decoded, cropped and resized.
fn data(folder: &str) -> Vec<f64> {
    let transform = Transform { crop: Crop::Centre(178), size: 128 };
    let mut files: Vec<_> = ["even", "odd"]
        .iter()
        .flat_map(|class| std::fs::read_dir(format!("{folder}/{class}")).expect("a class folder"))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    let one =
        |file| milliseconds(|| drop(transform.apply(&load_image(file).expect("an image"), false)));
    files.iter().map(one).collect()
}

/// The most memory that this process has held, in bytes.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) * 1024.0
}

fn serve<B: Backend>()
where
    Autodiff<B>: AutodiffBackend,
{
    let mut kept: Option<Networks<Autodiff<B>>> = None;
    for line in io::stdin().lock().lines() {
        let line = line.expect("a readable standard input");
        let request = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let answer = match request {
            Request::Jpegs { folder } => vec![common::jpegs(folder.as_ref()).len() as f64],
            Request::Data { folder } => data(&folder),
            Request::Memory => vec![peak_memory()],
            Request::Inference(shape) => vec![Networks::of(&mut kept, shape).inference()],
            Request::Cycle(shape) => Networks::of(&mut kept, shape).cycle(),
            Request::Penalty(shape) => vec![Networks::of(&mut kept, shape).penalty()],
        };
        println!("{}", serde_json::to_string(&answer).expect("numbers"));
        io::stdout().flush().expect("a writable standard output");
    }
}

fn main() {
    let backend = std::env::args().skip(1).find(|argument| argument != "--bench");
    match backend.as_deref() {
        #[cfg(feature = "flex")]
        Some("flex") => serve::<stargan::burn::backend::Flex>(),
        #[cfg(feature = "ndarray")]
        Some("ndarray") => serve::<stargan::burn::backend::NdArray>(),
        #[cfg(feature = "wgpu")]
        Some("wgpu") => serve::<stargan::burn::backend::Wgpu>(),
        #[cfg(feature = "cuda")]
        Some("cuda") => serve::<stargan::burn::backend::Cuda>(),
        // As `cargo bench` and `cargo test` start it.
        None => {
            println!("run `python benches/peer/compare.py`; this program answers its questions")
        }
        Some(other) => {
            eprintln!("error: no backend {other:?} is compiled in");
            std::process::exit(2);
        }
    }
}
