//! `study table3`: how often a classifier reads another expression from translations than was asked
//! for, and how many parameters that takes (paper, section 5.5 and Table 3).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::backend::{AutodiffBackend, Backend};
use stargan::engine::Recipe;
use stargan::metrics::{Agreement, Judge, JudgeConfig, JudgeNetwork};
use stargan::nn::{DiscriminatorConfig, GeneratorConfig};
use stargan::recipes::Pairwise;
use stargan::{
    BackendKind, CycleGan, Dataset, Datasets, Folder, LabelSpaces, RunSettings, StarGan, Subset,
    Trainer, TrainingConfig, Translate,
};

use crate::backend::{self, on_backend};
use crate::bundled;
use crate::failure::{Failure, of_file, usage};
use crate::output;
use crate::signals::{ending_at_once, stop_when_asked};
use crate::study::training::{stopped, train_to_the_end};
use crate::terminal::{result, tell};

/// The share of the images that is translated, and that nothing is trained on.
const HELD_BACK: f64 = 0.1;

/// Makes the paper's Table 3: classification error and parameters.
///
/// Of a folder with a folder per class nine tenths of every class train a ResNet-18 that reads the
/// class, one StarGAN of all classes, and for every class but one a CycleGAN between it and that
/// one. The other tenth of that one class is translated to every other; counted is how often
/// ResNet-18 reads another class than was asked for.
///
/// The defaults are small networks and the drawn expressions; --data RAFD --paper is what the paper
/// did, but for the images' alignment. Of its baselines there is CycleGAN, not DIAT and IcGAN.
///
/// Runs are kept: the same command goes on where it was stopped, and measures again what is there.
#[derive(clap::Args)]
pub struct Args {
    /// The images, a folder per class [default: the drawn expressions]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The class whose images are translated to all others [default: neutral, or else the first]
    #[arg(long, value_name = "CLASS")]
    from: Option<String>,
    /// Where the runs and the table go
    #[arg(long, value_name = "DIR", default_value = "runs/table3")]
    out: PathBuf,
    /// The paper's networks and runs, which take days without a GPU
    #[arg(long)]
    paper: bool,
    /// Updates of the discriminator of every model [default: 2500, with --paper 200000]
    #[arg(long, value_name = "N")]
    iterations: Option<u64>,
    /// Side of the images, in pixels [default: 32, with --paper 128]
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    /// Updates of the judge, a ResNet-18
    #[arg(long, value_name = "N", default_value_t = 400)]
    judge_iterations: u64,
    /// What computes
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
    /// Decides every random number, and which images are held back
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// The images, and the class that is translated.
struct Data {
    train: Arc<dyn Dataset>,
    test: Arc<dyn Dataset>,
    from: usize,
}

impl Data {
    fn open(args: &Args) -> Result<Self, Failure> {
        let folder = args.data.clone().unwrap_or_else(|| bundled::expressions_folder("train"));
        let all = Folder::open(folder)?;
        let labels = all.labels();
        let from = match &args.from {
            Some(class) => labels.index_of(class)?,
            None => labels.index_of("neutral").unwrap_or(0),
        };
        if labels.width() < 2 {
            return usage("there is one class: nothing to translate it to");
        }
        let (train, test) = Subset::hold_back(Arc::new(all), HELD_BACK, args.seed)?;
        Ok(Self { train: Arc::new(train), test: Arc::new(test), from })
    }

    fn names(&self) -> &[String] {
        self.train.labels().names()
    }

    /// The training images of a class.
    fn of(&self, class: usize) -> Result<Subset, Failure> {
        Ok(Subset::labelled(self.train.clone(), &self.names()[class])?)
    }
}

/// A row of the table.
struct Row {
    name: &'static str,
    models: usize,
    params: u64,
    read: Agreement,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let data = Data::open(args)?;
    let foreign = args.out.read_dir().is_ok_and(|mut entries| entries.next().is_some())
        && !args.out.join("stargan").is_dir();
    if foreign {
        let message = "it is not empty and not of an earlier table: name another --out";
        return Err(of_file(&args.out, message));
    }
    let stop = Arc::new(AtomicBool::new(false));
    stop_when_asked(stop.clone())?;
    on_backend!(args.backend, B => compare::<Autodiff<B>>(args, &data, &stop))
}

fn compare<B: AutodiffBackend>(
    args: &Args,
    data: &Data,
    stop: &Arc<AtomicBool>,
) -> Result<(), Failure> {
    let labels = data.train.labels().clone();
    let spaces = LabelSpaces::single(labels);
    let mut recipe = if args.paper {
        StarGan::paper(spaces)
    } else {
        bundled::paper_with_warmup(spaces).with_critic_steps(2)
    };
    fit(args, &mut recipe.generator, &mut recipe.discriminator);
    let all = Datasets::from(vec![data.train.clone()]);
    let stargan = train_one::<B, _>(args, "stargan", recipe, &all, stop)?;

    let mut cyclegan = Vec::new();
    for to in (0..data.names().len()).filter(|&to| to != data.from) {
        let mut recipe = CycleGan::new([data.from, to].map(|class| &*data.names()[class]));
        fit(args, &mut recipe.generator, &mut recipe.discriminator);
        let both = Datasets::from(&data.of(data.from)?).with(&data.of(to)?);
        let run = format!("cyclegan-{}", data.names()[to]);
        cyclegan.push((to, train_one::<B, _>(args, &run, recipe, &both, stop)?));
    }

    tell!("training the judge");
    let config = JudgeConfig::new(size(args))
        .with_network(JudgeNetwork::ResNet18)
        .with_iterations(args.judge_iterations)
        .with_seed(args.seed);
    let judge = ending_at_once(stop, || config.train::<B>(all, &Default::default()))?;
    if stop.load(Ordering::Relaxed) {
        return Err(stopped("the judge"));
    }

    tell!("measuring");
    let translated = Subset::labelled(data.test.clone(), &data.names()[data.from])?;
    let star = stargan.translator();
    let none = Pairwise::new(star.spaces().clone(), star.transform(), star.device().clone());
    let pairwise = cyclegan.iter().fold(none.clone(), |all, (to, trainer)| {
        let [there, back] = trainer.directions();
        all.with(data.from, *to, there).with(*to, data.from, back)
    });
    let params = cyclegan.iter().map(|(_, trainer)| trainer.config().recipe.num_params());
    let cyclegan = (cyclegan.len(), params.sum());
    let stargan = (1, stargan.config().recipe.num_params());
    let row = |name, model: &dyn Translate<B::InnerBackend>, (models, params)| {
        let read = judge.measure(model, &translated, 0)?.total();
        Ok::<_, Failure>(Row { name, models, params, read })
    };
    let rows = [
        row("do nothing", &none, (0, 0))?,
        row("StarGAN", &star, stargan)?,
        row("CycleGAN", &pairwise, cyclegan)?,
    ];
    let table = table(args, data, &rows, &judge)?;
    // A table that took hours is shown, whatever becomes of its file.
    let written = output::write(&args.out.join("table.md"), table.as_bytes());
    result!("{table}");
    written
}

/// The side of the images.
fn size(args: &Args) -> usize {
    args.size.unwrap_or(if args.paper { 128 } else { 32 })
}

/// Gives networks the size that all methods share.
fn fit(args: &Args, generator: &mut GeneratorConfig, discriminator: &mut DiscriminatorConfig) {
    if args.paper {
        *discriminator = discriminator.clone().with_image_size(size(args));
    } else {
        bundled::shrink(generator, discriminator, size(args));
    }
}

fn run_settings(args: &Args, run: RunSettings) -> RunSettings {
    let run = if args.paper { run } else { bundled::small_run(run) };
    let iterations = args.iterations.unwrap_or(run.iterations);
    run.with_iterations(iterations).with_seed(args.seed)
}

/// The model in the run folder `name`, trained to its end.
fn train_one<B: AutodiffBackend, R: Recipe>(
    args: &Args,
    name: &str,
    recipe: R,
    data: &Datasets,
    stop: &Arc<AtomicBool>,
) -> Result<Trainer<B, R>, Failure> {
    let run: &Path = &args.out.join(name);
    let config = TrainingConfig::new(recipe).with_run(|run| run_settings(args, run));
    tell!("training {name}");
    train_to_the_end(run, config, data, stop)
}

/// The table in Markdown, and what it is of.
fn table<B: Backend>(
    args: &Args,
    data: &Data,
    rows: &[Row],
    judge: &Judge<B>,
) -> Result<String, Failure> {
    let of_test = judge.accuracy(&*data.test)?.total();
    let percent = |read: Agreement| {
        read.error().map_or("-".to_owned(), |error| format!("{:.2} %", 100.0 * error))
    };
    let mut table = format!(
        "| method | classification error | models | parameters |\n|---|---|---|---|\n\
         | real images | {} | | |\n",
        percent(of_test)
    );
    for Row { name, models, params, read } in rows {
        let millions = *params as f64 / 1e6;
        table += &format!("| {name} | {} | {models} | {millions:.2} M |\n", percent(*read));
    }
    let translations = rows[0].read.n;
    let classes = data.names().len() - 1;
    table += &format!(
        "\n{translations} translations from {} to {classes} other classes, at {} pixels; ResNet-18 \
         learnt from {} images and reads {of_test} of those held back rightly.\n",
        data.names()[data.from],
        size(args),
        data.train.len(),
    );
    Ok(table)
}
