//! `study baselines`: StarGAN beside CycleGAN and pix2pix on three hair colours of the drawn faces.

mod data;
mod measure;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::engine::Recipe;
use stargan::metrics::JudgeConfig;
use stargan::recipes::Pairwise;
use stargan::{
    BackendKind, CycleGan, Datasets, Iteration, LabelSpaces, Observer, Pix2Pix, Run, RunSettings,
    Schedule, StarGan, Trainer, TrainingConfig, Translate,
};

use crate::backend::{self, on_backend};
use crate::bundled;
use crate::failure::{Failure, of_file, usage};
use crate::output;
use crate::signals::{ending_at_once, stop_when_asked};
use crate::terminal::{result, tell};
use data::{Data, directions};
use measure::{Measure, Methods, grid};

/// Trains StarGAN, CycleGAN and pix2pix on the same images and measures them.
///
/// One StarGAN learns three hair colours of the drawn faces for some minutes, a CycleGAN each of
/// the 3 pairs of them and a pix2pix each of the 6 directions. All are measured against true
/// counterfactuals of people that none has seen: when the models of a method together have had as
/// long as StarGAN, and when each has seen as many images.
///
/// The true pairs that pix2pix learns from are of 70 of the 100 test people, since the training
/// faces have none; measured is on the other 30.
#[derive(clap::Args)]
pub struct Args {
    /// Where the runs, the tables and the picture go; it must not hold anything yet
    #[arg(long, value_name = "DIR", default_value = "runs/baselines")]
    out: PathBuf,
    /// How long StarGAN is trained; all of it takes about ten times as long
    #[arg(long, value_name = "M", default_value_t = 5.0)]
    minutes: f64,
    /// Side of the images, in pixels
    #[arg(long, value_name = "PX", default_value_t = 32)]
    size: usize,
    /// Updates of the judge
    #[arg(long, value_name = "N", default_value_t = 800)]
    judge_iterations: u64,
    /// What computes
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
    /// Decides every random number; how far a minute goes, the machine does
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// The run that all methods share.
fn run_settings(args: &Args, run: RunSettings) -> RunSettings {
    bundled::small_run(run)
        // Who stops at any time can't know when to lower the learning rate.
        .with_schedule(Schedule::Constant)
        .with_ema(0.999)
        .with_keep(1)
        .with_batch_size(16)
        .with_seed(args.seed)
        .with_iterations(u64::MAX)
        .with_checkpoint_every(u64::MAX)
}

/// Stops a run when its time is over or the user has had enough.
struct Clock {
    limit: f64,
    began: Instant,
    seconds: f64,
    interrupted: Arc<AtomicBool>,
}

impl<B: AutodiffBackend> Observer<B> for Clock {
    fn started(&mut self, _run: &Run<'_, B>) -> stargan::Result<()> {
        self.began = Instant::now();
        Ok(())
    }

    fn iteration(
        &mut self,
        run: &Run<'_, B>,
        _iteration: &Iteration<'_, B>,
    ) -> stargan::Result<()> {
        self.seconds = self.began.elapsed().as_secs_f64();
        if self.seconds >= self.limit || self.interrupted.load(Ordering::Relaxed) {
            run.stop();
        }
        Ok(())
    }
}

/// A model in training.
struct Model<B: AutodiffBackend, R: Recipe> {
    trainer: Trainer<B, R>,
    data: Datasets,
    /// Spent on iterations so far.
    seconds: f64,
}

impl<B: AutodiffBackend, R: Recipe> Model<B, R> {
    fn new(args: &Args, name: &str, recipe: R, data: Datasets) -> Result<Self, Failure> {
        let config = TrainingConfig::new(recipe).with_run(|run| run_settings(args, run));
        let trainer = Trainer::new(args.out.join(name), config, &Default::default())?;
        Ok(Self { trainer, data, seconds: 0.0 })
    }

    /// The images that it has seen.
    fn images(&self) -> u64 {
        let batch = self.trainer.config().run.batch_size * self.data.len();
        self.trainer.iteration() * batch as u64
    }

    /// Trains on until it has seen `images`, or has had `limit` more seconds.
    fn run(&mut self, images: u64, limit: f64, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
        let batch = (self.trainer.config().run.batch_size * self.data.len()) as u64;
        self.trainer.set_run(|run| run.with_iterations(images.div_ceil(batch)))?;
        let interrupted = stop.clone();
        let mut clock = Clock { limit, began: Instant::now(), seconds: 0.0, interrupted };
        self.trainer.run(&self.data, &mut clock)?;
        self.seconds += clock.seconds;
        if stop.load(Ordering::Relaxed) {
            let message = format!(
                "stopped in {}; a comparison does not go on: begin again with another --out",
                self.trainer.folder().display()
            );
            return Err(Failure::Interrupted(message));
        }
        Ok(())
    }
}

/// All models, and the labels' positions that each is between.
struct Models<B: AutodiffBackend> {
    stargan: Model<B, StarGan>,
    cyclegan: Vec<(usize, usize, Model<B, CycleGan>)>,
    pix2pix: Vec<(usize, usize, Model<B, Pix2Pix>)>,
}

/// How often the methods take turns while they have the same time, so that all have the same
/// machine.
const TURNS: u32 = 10;

impl<B: AutodiffBackend> Models<B> {
    fn new(args: &Args, data: &Data) -> Result<Self, Failure> {
        let spaces = LabelSpaces::single(data.train.labels().clone());
        let mut star = bundled::paper_with_warmup(spaces).with_critic_steps(2);
        bundled::shrink(&mut star.generator, &mut star.discriminator, args.size);
        let all = Datasets::from(vec![data.train.clone()]);
        let named = |from: usize, to: usize| [bundled::HAIR[from], bundled::HAIR[to]];
        let cyclegan = directions().filter(|(a, b)| a < b).map(|(a, b)| {
            let mut recipe = CycleGan::new(named(a, b));
            bundled::shrink(&mut recipe.generator, &mut recipe.discriminator, args.size);
            let both = Datasets::from(&data.with_hair(a)?).with(&data.with_hair(b)?);
            Ok((a, b, Model::new(args, &format!("cyclegan_{a}_{b}"), recipe, both)?))
        });
        let pix2pix = directions().map(|(from, to)| {
            let mut recipe = Pix2Pix::new(named(from, to));
            bundled::shrink(&mut recipe.generator, &mut recipe.discriminator, args.size);
            let pairs = Datasets::from(&data.paired(from)?).with(&data.paired(to)?);
            Ok((from, to, Model::new(args, &format!("pix2pix_{from}_{to}"), recipe, pairs)?))
        });
        Ok(Self {
            cyclegan: cyclegan.collect::<Result<_, Failure>>()?,
            pix2pix: pix2pix.collect::<Result<_, Failure>>()?,
            stargan: Model::new(args, "stargan", star, all)?,
        })
    }

    /// Gives StarGAN so many `minutes`, and the models of the other methods together as much.
    fn run_for(&mut self, minutes: f64, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
        let (pairs, directions) = (self.cyclegan.len() as f64, self.pix2pix.len() as f64);
        for turn in 1..=TURNS {
            // What an iteration takes beyond its turn is taken off the next.
            let due = 60.0 * minutes * f64::from(turn) / f64::from(TURNS);
            self.stargan.run(u64::MAX, due - self.stargan.seconds, stop)?;
            for (_, _, model) in &mut self.cyclegan {
                model.run(u64::MAX, due / pairs - model.seconds, stop)?;
            }
            for (_, _, model) in &mut self.pix2pix {
                model.run(u64::MAX, due / directions - model.seconds, stop)?;
            }
            tell!("turn {turn} of {TURNS}: StarGAN has seen {} images", self.stargan.images());
        }
        Ok(())
    }

    /// Shows every model of the other methods as many images as StarGAN has seen.
    fn run_to_images(&mut self, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
        let images = self.stargan.images();
        for (a, b, model) in &mut self.cyclegan {
            model.run(images, f64::INFINITY, stop)?;
            tell!("CycleGAN {a} {b}: {:.0} s", model.seconds);
        }
        for (from, to, model) in &mut self.pix2pix {
            model.run(images, f64::INFINITY, stop)?;
            tell!("pix2pix {from} {to}: {:.0} s", model.seconds);
        }
        Ok(())
    }

    /// The generators as they are now.
    fn look(&self) -> Methods<B::InnerBackend> {
        let stargan = self.stargan.trainer.translator();
        let none = || {
            let device = stargan.device().clone();
            Pairwise::new(stargan.spaces().clone(), stargan.transform(), device)
        };
        let cyclegan = self.cyclegan.iter().fold(none(), |all, (a, b, model)| {
            let [there, back] = model.trainer.directions();
            all.with(*a, *b, there).with(*b, *a, back)
        });
        let pix2pix = self
            .pix2pix
            .iter()
            .fold(none(), |all, (from, to, model)| all.with(*from, *to, model.trainer.direction()));
        Methods { stargan, cyclegan, pix2pix }
    }

    /// A table of what the models have cost so far, and what they are worth.
    fn table(&self, measure: &Measure<B::InnerBackend>) -> Result<String, Failure> {
        let methods = self.look();
        let params = self.stargan.trainer.config().recipe.num_params();
        let stargan = cost("StarGAN", &[(&self.stargan, params)]);
        let models: Vec<_> = self
            .cyclegan
            .iter()
            .map(|(_, _, model)| (model, model.trainer.config().recipe.num_params()))
            .collect();
        let cyclegan = cost("CycleGAN", &models);
        let models: Vec<_> = self
            .pix2pix
            .iter()
            .map(|(_, _, model)| (model, model.trainer.config().recipe.num_params()))
            .collect();
        let pix2pix = cost("pix2pix", &models);
        Ok(format!(
            "| | models | parameters | seconds | images per model | inside | outside \
             | judge's error |\n\
             |---|---|---|---|---|---|---|---|\n\
             | do nothing | 0 | 0 | 0 | 0 |{}\n{stargan}{}\n{cyclegan}{}\n{pix2pix}{}\n",
            measure.nothing(&methods.stargan)?,
            measure.of(&methods.stargan)?,
            measure.of(&methods.cyclegan)?,
            measure.of(&methods.pix2pix)?,
        ))
    }
}

/// The first cells of a method's row: its models with the parameters of each.
fn cost<B: AutodiffBackend, R: Recipe>(name: &str, models: &[(&Model<B, R>, u64)]) -> String {
    let params: u64 = models.iter().map(|(_, params)| params).sum();
    let seconds: f64 = models.iter().map(|(model, _)| model.seconds).sum();
    let images: u64 = models.iter().map(|(model, _)| model.images()).sum();
    let count = models.len() as u64;
    let millions = params as f64 / 1e6;
    format!("| {name} | {count} | {millions:.2} M | {seconds:.0} | {} |", images / count)
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if !(args.minutes > 0.0 && args.minutes.is_finite()) {
        return usage(format!("--minutes is {}; it must be above 0", args.minutes));
    }
    if args.out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(of_file(&args.out, "it is not empty: name another --out"));
    }
    std::fs::create_dir_all(&args.out).map_err(|error| of_file(&args.out, error))?;
    let data = Data::open()?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_when_asked(stop.clone())?;
    on_backend!(args.backend, B => compare::<Autodiff<B>>(args, &data, &stop))
}

fn compare<B: AutodiffBackend>(
    args: &Args,
    data: &Data,
    stop: &Arc<AtomicBool>,
) -> Result<(), Failure> {
    tell!("training the judge");
    let (iterations, seed) = (args.judge_iterations, args.seed);
    let judge = JudgeConfig::new(args.size).with_iterations(iterations).with_seed(seed);
    let train = Datasets::from(vec![data.train.clone()]);
    let judge = ending_at_once(stop, || judge.train::<B>(train, &Default::default()))?;
    let measure = Measure::new(data, judge)?;

    let mut models = Models::<B>::new(args, data)?;
    models.run_for(args.minutes, stop)?;
    let same_time = models.table(&measure)?;
    models.run_to_images(stop)?;
    let same_images = models.table(&measure)?;
    let read = measure.judge.accuracy(&measure.images)?.total();
    let report = format!(
        "The same time:\n\n{same_time}\nThe same images seen by every model:\n\n{same_images}\n\
         The judge reads {read} labels of the real images measured on rightly, three of each \
         image.\n"
    );
    // Tables that took hours are shown, whatever becomes of their file.
    let written = output::write(&args.out.join("tables.md"), report.as_bytes());
    result!("{report}");
    let grid = grid(data, &models.look(), &measure)?;
    let file = args.out.join("translations.png");
    output::save_image_of_run(grid.picture(), &file)?;
    result!("{}: {}", file.display(), grid.columns.join(" | "));
    result!("rows: the truth, StarGAN, CycleGAN, pix2pix");
    written
}
