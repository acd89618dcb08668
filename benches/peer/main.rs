//! This crate's side of the comparison with PyTorch: does what standard input asks and answers with
//! JSON. `compare.py` and `gpu.py` beside this file ask, and ask `steps.py` most of the same.
//!
//!     peer BACKEND [--precision float32 | bfloat16 | float16]
//!
//! `BACKEND-fused` is a GPU backend with burn's fusion. The precision is what networks compute in.
//!
//! A line is a JSON object with `do` and mostly a shape. Answered with a list of milliseconds are
//! `inference` (one forward pass of G), `cycle` (five iterations, of which the last updates G too),
//! `penalty` (its value and gradients) and `data` (every image of `folder`). `output` writes G's
//! translations to `file`, as little-endian float32; `update` runs an iteration that updates both
//! networks in `folder` and names its losses and checkpoint; `memory` is the peak so far, in bytes;
//! `backend` is burn's name of the backend. `launches` are the kernels of an update of D and of one
//! of G, `device_memory` the bytes reserved on the device after a cycle, either null where there is
//! no device; `styles` is an iteration of StarGAN v2; `train` trains the faces in `folder` at
//! `size` pixels for `seconds`.
//!
//! `scripts/check-fid` asks for `features`, those of Inception with the `weights` of a file, of the
//! images in `folder`, which go to `file` and are answered with milliseconds, and for the `frechet`
//! distance of two such `files`.

#![recursion_limit = "256"]

mod device;
#[path = "../common/jpegs.rs"]
mod jpegs;
#[path = "../common/launched.rs"]
mod launched;
mod measures;
#[path = "../common/networks.rs"]
mod of_shape;
#[path = "../common/shape.rs"]
mod shape;
mod styles;
mod training;
mod update;

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};
use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::Tensor;
use stargan::burn::tensor::backend::{AutodiffBackend, Backend};
use stargan::load_image;
use stargan::nn::{Discriminator, Generator};
use stargan::recipes::PenaltyDraw;
use stargan::{Crop, Penalty, Precision, StarGan, Trainer, Transform};

use crate::device::Device;
use crate::launched::Counter;
use crate::of_shape::read;
use crate::shape::Shape;
use crate::styles::{StyleShape, Styles};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Request {
    /// Makes JPEGs of CelebA's size in a folder.
    Jpegs {
        folder: PathBuf,
    },
    Data {
        folder: PathBuf,
    },
    Memory,
    Backend,
    Inference(Shape),
    Output {
        #[serde(flatten)]
        shape: Shape,
        file: PathBuf,
    },
    Cycle(Shape),
    Update {
        #[serde(flatten)]
        shape: Shape,
        folder: PathBuf,
    },
    Penalty(Shape),
    Launches(Shape),
    DeviceMemory(Shape),
    Styles(StyleShape),
    Train {
        folder: PathBuf,
        seconds: f64,
        size: usize,
    },
    Features {
        weights: PathBuf,
        folder: PathBuf,
        file: PathBuf,
    },
    Frechet {
        files: [PathBuf; 2],
        width: usize,
    },
}

/// What is kept between requests: the networks of one shape.
struct Networks<B: AutodiffBackend> {
    shape: Shape,
    precision: Precision,
    generator: Generator<B::InnerBackend>,
    discriminator: Discriminator<B>,
    trainer: Option<(tempfile::TempDir, Trainer<B, StarGan>)>,
}

impl<B: AutodiffBackend> Networks<B> {
    fn new(shape: Shape, precision: Precision) -> Self {
        Self {
            shape,
            precision,
            generator: shape.generator().with_precision(precision),
            discriminator: shape.discriminator().with_precision(precision),
            trainer: None,
        }
    }

    /// The networks of `shape`: those kept, where they are of it, or new ones in their place.
    fn of(kept: &mut Option<Self>, shape: Shape, precision: Precision) -> &mut Self {
        kept.take_if(|networks| networks.shape != shape);
        kept.get_or_insert_with(|| Self::new(shape, precision))
    }

    fn inference(&self) -> f64 {
        let (images, labels) = (self.shape.images(), self.shape.labels());
        milliseconds(|| {
            drop(self.generator.forward(images.clone(), labels.clone()).into_data());
        })
    }

    fn output(&self, file: &Path) {
        let output = self.generator.forward(self.shape.images(), self.shape.labels()).into_data();
        let bytes: Vec<u8> = output.iter::<f32>().flat_map(f32::to_le_bytes).collect();
        std::fs::write(file, bytes).expect("a writable file");
    }

    fn cycle(&mut self) -> Vec<f64> {
        self.each_iteration(|iteration| milliseconds(iteration))
    }

    /// Five iterations, each by `observe`, of which the last updates G too.
    fn each_iteration<T>(&mut self, observe: impl Fn(&mut dyn FnMut()) -> T) -> Vec<T> {
        let (shape, precision) = (self.shape, self.precision);
        let (_, trainer) = self.trainer.get_or_insert_with(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let trainer = shape.trainer::<B>(&folder.path().join("run"), precision);
            (folder, trainer)
        });
        let critic_steps = trainer.config().recipe.critic_steps;
        let mut iteration = || {
            let mut batch = Some(shape.batch());
            observe(&mut || {
                let batches = batch.take().into_iter().collect();
                read(&trainer.step(batches).expect("one worker"));
                finish::<B>();
            })
        };
        (0..critic_steps).map(|_| iteration()).collect()
    }

    /// The kernels that an update of D and one of G launch, counted when all is warm; reading the
    /// losses launches one more.
    fn launches(&mut self, counter: &Counter) -> Value {
        self.cycle();
        let kernels = self.each_iteration(|work| counter.count(work).kernels);
        match kernels[..] {
            [0, ..] => Value::Null,
            [d, .., both] => json!({"d": d, "g": both - d}),
            _ => Value::Null,
        }
    }

    fn penalty(&self) -> f64 {
        let real = self.shape.images::<B::InnerBackend>();
        let fake = real.clone().flip([3]);
        let mixing = Tensor::ones([self.shape.batch, 1, 1, 1], &Default::default()) * 0.5;
        milliseconds(|| {
            let draw = PenaltyDraw { mixing: mixing.clone(), noise: None };
            let (real, fake) = (real.clone(), fake.clone());
            let penalty = Penalty::WganGp.forward(&self.discriminator, real, fake, draw);
            let penalty = penalty.expect("a penalty");
            let gradients = penalty.backward();
            drop((penalty.into_data(), gradients));
            finish::<B>();
        })
    }
}

/// Waits for the device, and for what fusion may have put off.
fn finish<B: Backend>() {
    B::sync(&B::Device::default()).expect("a device that works");
}

fn milliseconds(mut work: impl FnMut()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e3
}

/// The time of every image, read, decoded, cropped and resized.
fn data(folder: &Path) -> Vec<f64> {
    let transform = Transform::new(Crop::Centre(178), 128.into());
    let mut files: Vec<_> = ["even", "odd"]
        .iter()
        .flat_map(|class| std::fs::read_dir(folder.join(class)).expect("a class folder"))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    let one = |file| milliseconds(|| drop(transform.apply(&load_image(file).expect("an image"))));
    files.iter().map(one).collect()
}

/// The most memory that this process has held, in bytes.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) * 1024.0
}

fn serve<B: Device>(precision: Precision)
where
    Autodiff<B>: AutodiffBackend,
{
    let counter = Counter::default();
    let counting = tracing::subscriber::set_global_default(counter.clone());
    counting.expect("nobody else listens");
    let supported = precision.check::<B>(&B::Device::default());
    supported.unwrap_or_else(|error| refuse(&error.to_string()));
    let mut kept: Option<Networks<Autodiff<B>>> = None;
    let (mut inception, mut styles) = (None, None);
    for line in io::stdin().lock().lines() {
        let line = line.expect("a readable standard input");
        let request = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let answer = match request {
            Request::Jpegs { folder } => json!([jpegs::jpegs(&folder).len()]),
            Request::Data { folder } => json!(data(&folder)),
            Request::Memory => json!([peak_memory()]),
            Request::Backend => json!(B::name(&B::Device::default())),
            Request::Inference(shape) => {
                json!([Networks::of(&mut kept, shape, precision).inference()])
            }
            Request::Output { shape, file } => {
                Networks::of(&mut kept, shape, precision).output(&file);
                Value::Null
            }
            Request::Cycle(shape) => {
                json!(Networks::of(&mut kept, shape, precision).cycle())
            }
            Request::Launches(shape) => {
                Networks::of(&mut kept, shape, precision).launches(&counter)
            }
            Request::DeviceMemory(shape) => {
                Networks::of(&mut kept, shape, precision).cycle();
                json!(B::reserved())
            }
            Request::Styles(shape) => {
                json!([Styles::<Autodiff<B>>::of(&mut styles, shape).iteration()])
            }
            Request::Train { folder, seconds, size } => {
                kept = None;
                json!(training::train::<Autodiff<B>>(&folder, seconds, size, precision))
            }
            Request::Update { shape, folder } => {
                json!(update::update::<Autodiff<B>>(shape, &folder, precision))
            }
            Request::Features { weights, folder, file } => {
                json!([measures::features::<B>(&mut inception, &weights, &folder, &file)])
            }
            Request::Frechet { files, width } => json!(measures::distance(&files, width)),
            Request::Penalty(shape) => json!([Networks::of(&mut kept, shape, precision).penalty()]),
        };
        println!("{answer}");
        io::stdout().flush().expect("a writable standard output");
    }
}

/// Ends the program as for a wrong command line.
fn refuse(problem: &str) -> ! {
    eprintln!("error: {problem}");
    std::process::exit(2);
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let backend = arguments.next();
    let precision = match (arguments.next().as_deref(), arguments.next().as_deref()) {
        (None, _) | (Some("--precision"), Some("float32")) => Precision::Float32,
        (Some("--precision"), Some("float16")) => Precision::Float16,
        (Some("--precision"), Some("bfloat16")) => Precision::BFloat16,
        (flag, value) => refuse(&format!(
            "expected --precision float32, bfloat16 or float16, found {flag:?} {value:?}"
        )),
    };
    match backend.as_deref() {
        #[cfg(feature = "flex")]
        Some("flex") => serve::<stargan::burn::backend::Flex>(precision),
        #[cfg(feature = "ndarray")]
        Some("ndarray") => serve::<stargan::burn::backend::NdArray>(precision),
        #[cfg(feature = "wgpu")]
        Some("wgpu") => serve::<stargan::burn::backend::Wgpu>(precision),
        #[cfg(feature = "wgpu")]
        Some("wgpu-fused") => serve::<burn_fusion::Fusion<stargan::burn::backend::Wgpu>>(precision),
        #[cfg(feature = "cuda")]
        Some("cuda") => serve::<stargan::burn::backend::Cuda>(precision),
        #[cfg(feature = "cuda")]
        Some("cuda-fused") => serve::<burn_fusion::Fusion<stargan::burn::backend::Cuda>>(precision),
        // As `cargo bench` and `cargo test` start it.
        None => println!(
            "run `python benches/peer/compare.py` or `gpu.py`; this program answers their questions"
        ),
        Some(other) => refuse(&format!("no backend {other:?} is compiled in")),
    }
}
