//! `study masks`: what the mask vector is good for (paper, section 5.6 and Fig. 7), and what
//! training two datasets together is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::Tensor;
use stargan::burn::tensor::backend::{AutodiffBackend, Backend};
use stargan::metrics::{Agreement, Counterfactuals, Judge, JudgeConfig, Measures, Scores};
use stargan::{
    BackendKind, CelebA, Dataset, Datasets, Folder, Grid, LabelSpace, LabelSpaces, Relabelling,
    TrainingConfig, Transform, Translate, Translator,
};

use crate::backend::{self, on_backend};
use crate::bundled;
use crate::failure::{Failure, of_file};
use crate::output;
use crate::signals::{ending_at_once, stop_when_asked};
use crate::study::training::{stopped, train_to_the_end};
use crate::terminal::{result, tell};

/// Trains with and without the mask vector, and on each dataset alone.
///
/// The four small models are trained on the drawn faces and expressions for the same number of
/// iterations per dataset, those on both with the loss weights of quickstart --joint. Then measures
/// what they make of test images, the masked one also with the other dataset's mask.
///
/// Runs are kept: the same command goes on where it was stopped, and measures again what is there.
#[derive(clap::Args)]
pub struct Args {
    /// Where the four runs, the table and the picture go
    #[arg(long, value_name = "DIR", default_value = "runs/masks")]
    out: PathBuf,
    /// Iterations of every model: discriminator updates per dataset
    #[arg(long, value_name = "N", default_value_t = 4_000)]
    iterations: u64,
    /// Side of the images, in pixels
    #[arg(long, value_name = "PX", default_value_t = 32)]
    size: usize,
    /// Updates of the judge
    #[arg(long, value_name = "N", default_value_t = 800)]
    judge_iterations: u64,
    /// What computes
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
    /// Decides every random number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// The datasets of the joint models, in this order.
const OF_FACES: usize = 0;
const OF_EXPRESSIONS: usize = 1;

/// The images of both datasets.
struct Data<'a> {
    faces: &'a CelebA,
    expressions: &'a Folder,
}

/// A model with the conditions it is told, as one row of the tables.
#[derive(Debug)]
struct Row<B: Backend> {
    name: &'static str,
    translator: Translator<B>,
    /// Of each dataset of [`Data`], which of the model's it is.
    datasets: [Option<usize>; 2],
    wrong_mask: bool,
}

impl<B: Backend> Row<B> {
    fn condition(&self, dataset: usize, label: &[f32]) -> Vec<f32> {
        let spaces = &self.translator.config().spaces;
        let mut condition = spaces.condition(dataset, label);
        if self.wrong_mask {
            condition[spaces.label_width()..].rotate_left(1);
        }
        condition
    }
}

/// The model as it is told the row's conditions.
impl<B: Backend> Translate<B> for Row<B> {
    fn spaces(&self) -> &LabelSpaces {
        self.translator.spaces()
    }

    fn transform(&self) -> Transform {
        self.translator.transform()
    }

    fn device(&self) -> &B::Device {
        self.translator.device()
    }

    fn relabel(
        &self,
        images: Tensor<B, 4>,
        dataset: usize,
        labels: &[Relabelling<'_>],
    ) -> Tensor<B, 4> {
        let condition = |labels: &Relabelling<'_>| self.condition(dataset, labels.target);
        let conditions: Vec<_> = labels.iter().map(condition).collect();
        self.translator.forward_conditions(images, &conditions)
    }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let foreign = args.out.read_dir().is_ok_and(|mut entries| entries.next().is_some())
        && !args.out.join("joint").is_dir();
    if foreign {
        let message = "it is not empty and not of an earlier comparison: name another --out";
        return Err(of_file(&args.out, message));
    }
    let stop = Arc::new(AtomicBool::new(false));
    stop_when_asked(stop.clone())?;
    on_backend!(args.backend, B => compare::<Autodiff<B>>(args, &stop))
}

fn compare<B: AutodiffBackend>(args: &Args, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let labels = LabelSpace::attributes(bundled::LABELS).exclusive(bundled::HAIR)?;
    let open = |part: &str| -> Result<(CelebA, Folder), Failure> {
        let faces = CelebA::open(bundled::faces_folder(part), &labels)?;
        Ok((faces, Folder::open(bundled::expressions_folder(part))?))
    };
    let (train, test) = (open("train")?, open("test")?);
    let data = Data { faces: &test.0, expressions: &test.1 };

    let classes = train.1.labels().clone();
    let both = Datasets::from(&train.0).with(&train.1);
    let joint = LabelSpaces::joint([("faces", labels.clone()), ("expressions", classes.clone())])?;
    let alone = |name, space| LabelSpaces::joint([(name, space)]);
    let trained = |name: &str, spaces: LabelSpaces, data: &Datasets| {
        train_one::<B>(args, &args.out.join(name), spaces, data, stop)
    };
    let masked = trained("joint", joint.clone(), &both)?;
    let unmasked = trained("no-mask", joint.without_mask(), &both)?;
    let faces = trained("faces", alone("faces", labels)?, &Datasets::from(&train.0))?;
    let expressions =
        trained("expressions", alone("expressions", classes)?, &Datasets::from(&train.1))?;
    let together = [Some(OF_FACES), Some(OF_EXPRESSIONS)];
    let row = |name, translator, datasets| Row { name, translator, datasets, wrong_mask: false };
    let rows = [
        row("joint, right mask", masked.clone(), together),
        Row { wrong_mask: true, ..row("joint, wrong mask", masked, together) },
        row("joint, trained without a mask", unmasked, together),
        row("faces alone", faces, [Some(0), None]),
        row("expressions alone", expressions, [None, Some(0)]),
    ];

    tell!("training the judge");
    let (iterations, seed) = (args.judge_iterations, args.seed);
    let config = JudgeConfig::new(args.size).with_iterations(iterations).with_seed(seed);
    let judge = ending_at_once(stop, || config.train::<B>(&train.1, &Default::default()))?;
    let accuracy = judge.accuracy(&test.1)?.total();
    if stop.load(Ordering::Relaxed) {
        return Err(stopped("the judge"));
    }
    tell!("measuring");
    let table = tables(&rows, &data, &judge, accuracy)?;
    let grid = grid(&rows[..3], &data)?;
    let file = args.out.join("masks.png");
    // A table that took hours is shown, whatever becomes of its file.
    let saved = output::save_image_of_run(grid.picture(), &file);
    let written = output::write(&args.out.join("table.md"), table.as_bytes());
    result!("{table}\n{}: {}", file.display(), grid.columns.join(" | "));
    saved.and(written)
}

/// The model in the run folder `run`, trained to its end.
fn train_one<B: AutodiffBackend>(
    args: &Args,
    run: &Path,
    spaces: LabelSpaces,
    data: &Datasets,
    stop: &Arc<AtomicBool>,
) -> Result<Translator<B::InnerBackend>, Failure> {
    let recipe = bundled::joint(bundled::small(bundled::paper_with_warmup(spaces)));
    let config = TrainingConfig::new(recipe.with_image_size(args.size)).with_run(|run| {
        bundled::small_run(run).with_iterations(args.iterations).with_seed(args.seed)
    });
    Ok(train_to_the_end::<B, _>(run, config, data, stop)?.translator())
}

/// Both datasets' tables, in Markdown.
fn tables<B: Backend>(
    rows: &[Row<B>],
    data: &Data<'_>,
    judge: &Judge<B>,
    accuracy: Agreement,
) -> Result<String, Failure> {
    let (of_faces, of_expressions) =
        (Arc::new(data.faces.clone()), Arc::new(data.expressions.clone()));
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let cells = |measures: &Measures| {
        ["inside", "outside"].map(|name| number(measures.get(name))).join(" | ")
    };
    let mut faces = String::from(
        "| on faces | hair inside | outside | glasses inside | outside |\n|---|---|---|---|---|\n",
    );
    let mut expressions = String::from(
        "| on expressions | inside | outside | read as asked by the judge |\n|---|---|---|---|\n",
    );
    let mut nothing = [String::new(), String::new()];
    for row in rows {
        if let Some(dataset) = row.datasets[OF_FACES] {
            let pairs = Counterfactuals::open(bundled::pairs(), of_faces.clone(), dataset)?;
            let measured = pairs.measure(row)?;
            let [hair, glasses] = ["hair", "glasses"].map(|change| &measured.changes[change]);
            let both = |part: fn(&Scores) -> &Measures| {
                format!("{} | {}", cells(part(hair)), cells(part(glasses)))
            };
            faces += &format!("| {} | {} |\n", row.name, both(|scores| &scores.translated));
            nothing[OF_FACES] = format!("| do nothing | {} |\n", both(|scores| &scores.nothing));
        }
        if let Some(dataset) = row.datasets[OF_EXPRESSIONS] {
            let pairs = Counterfactuals::between_classes(of_expressions.clone(), dataset)?;
            let total = pairs.measure(row)?.total;
            let read = judge.measure(row, data.expressions, dataset)?.total();
            let translated = cells(&total.translated);
            expressions += &format!("| {} | {translated} | {read} |\n", row.name);
            nothing[OF_EXPRESSIONS] = format!("| do nothing | {} | - |\n", cells(&total.nothing));
        }
    }
    Ok(format!(
        "{faces}{}\n{expressions}{}\nThe judge reads {accuracy} real test images rightly.\n",
        nothing[OF_FACES], nothing[OF_EXPRESSIONS]
    ))
}

/// For two people of each dataset, three rows: the person, every hair colour and every expression,
/// with the right mask, the wrong one and none.
fn grid<B: Backend>(rows: &[Row<B>], data: &Data<'_>) -> Result<Grid, Failure> {
    let faces = ["00000.png", "00003.png"].map(|name| data.faces.find(name));
    let expressions =
        ["neutral/0000.png", "neutral/0002.png"].map(|name| data.expressions.find(name));
    let faces = faces.into_iter().flatten().map(|at| (OF_FACES, at, data.faces as &dyn Dataset));
    let expressions = expressions
        .into_iter()
        .flatten()
        .map(|at| (OF_EXPRESSIONS, at, data.expressions as &dyn Dataset));
    let mut columns = Vec::new();
    let mut lines = Vec::new();
    for (own, index, data) in faces.chain(expressions) {
        let image = data.load_cropped(index, rows[0].transform().size)?;
        for row in rows {
            columns = vec!["input".to_owned()];
            let mut conditions = Vec::new();
            for dataset in [OF_FACES, OF_EXPRESSIONS] {
                let source = match own == dataset {
                    true => data.label(index).to_vec(),
                    false => row.translator.predict(&image, dataset)?,
                };
                let shown = if dataset == OF_FACES { bundled::HAIR.len() } else { usize::MAX };
                let targets = row.spaces().targets(dataset, &source);
                for target in targets.into_iter().take(shown) {
                    conditions.push(row.condition(dataset, &target.label));
                    columns.push(target.name);
                }
            }
            let mut line = vec![row.translator.prepare(&image)?];
            line.extend(row.translator.translate_conditions(&image, &conditions)?);
            lines.push(line);
        }
    }
    Ok(Grid::new(&lines, columns))
}
