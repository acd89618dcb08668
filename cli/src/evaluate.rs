//! `evaluate`: a model on labelled images, against true counterfactuals, by what it keeps, and by a
//! judge.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::backend::{AutodiffBackend, Backend};
use stargan::data::Readable;
use stargan::metrics::{
    CounterfactualScores, Counterfactuals, Evaluation, Evaluator, FidReference, Inception, Judge,
    JudgeConfig, Lpips,
};
use stargan::recipes::ReferenceTranslator;
use stargan::{
    BackendKind, Crop, Dataset, Datasets, LabelSpaces, MissingPolicy, StarGanV2, Transform,
    Translate, UnreadablePolicy,
};

use crate::backend::{self, on_backend};
use crate::crop::{parse_crop, warn_of_crop, warn_of_judge};
use crate::data::{FORMS, Opened, Pairs, Place, Source, Spec, Split, open_like};
use crate::failure::{Failure, of_file, usage};
use crate::model::Model;
use crate::named::names;
use crate::output::{self, Existing, Output, OverwriteArg, check_different};
use crate::pace::Pace;
use crate::terminal::{result, tell};

/// How many styles are measured of a model that has several: those of StarGAN v2's paper.
const STYLES: u64 = 10;

/// Measures a model on labelled images that it was not trained on.
///
/// Prints tables in which every number has how many images it is of. With true counterfactuals
/// (--pairs): for every change the L1 error in [0, 1] inside the changed region and outside it, the
/// PSNR and the SSIM, each with that of doing nothing in brackets. Always: how much images change
/// under their own label, and when they are translated and back. With a judge, a classifier that is
/// trained on real images (--train-data, or an earlier one's --judge file): how often it reads
/// another label from translations than was asked for, beside the same of real images, and the
/// Frechet distance of its features, domain by domain. With Inception's public weights (--fid):
/// FID, KID, precision and recall of every domain, and of a model with several styles the FID of
/// every pair of domains. With AlexNet's (--lpips): how unlike look what should have stayed the
/// same.
#[derive(clap::Args)]
pub struct Args {
    /// A model file, a checkpoint, or a run folder for its newest checkpoint
    #[arg(long, value_name = "RUN_OR_FILE")]
    model: PathBuf,
    /// The images; NAME= says which of the model's datasets they are like, where there are several
    #[arg(long, value_name = FORMS)]
    data: Spec,
    /// Measure the images of --data that this split holds back, and take the others for
    /// --train-data (celeba)
    #[arg(
        long,
        value_name = "public|official|FILE|none",
        default_value = "none",
        hide_default_value = true
    )]
    split: Split,
    /// What to do about listed images that are not there (celeba): end with an error, or leave them
    /// out and say how many
    #[arg(
        long,
        value_name = "NAME",
        value_parser = names(MissingPolicy::ALL),
        default_value = "stop"
    )]
    missing: MissingPolicy,
    /// The part that is used of all images: the centre square of so many pixels, or "square" for
    /// the largest one, of a model of rectangles the part of their shape whose shorter side has so
    /// many [default: the crop that the model was trained on]
    #[arg(long, value_name = "PX|square", value_parser = parse_crop)]
    crop: Option<Crop>,
    /// True counterfactuals among the images: a file of source,target,change, or "by-name" where
    /// images of one file name in several class folders are the same but for their class [default:
    /// pairs.csv beside the attribute file or in the folder]
    #[arg(long, value_name = "FILE.csv|by-name")]
    pairs: Option<Pairs>,
    /// Other real images, such as those the model was trained on: a judge is trained on them, and
    /// Frechet distances are from them
    #[arg(long, value_name = FORMS)]
    train_data: Option<Spec>,
    /// Keep the judge in this file; one that is there already is used and not trained again
    #[arg(long, value_name = "FILE.safetensors")]
    judge: Option<PathBuf>,
    /// Updates of the judge
    #[arg(long, value_name = "N", default_value_t = 800)]
    judge_iterations: u64,
    /// Decides the judge's random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    judge_seed: u64,
    /// Measure the FID of every domain too, by Inception-v3 with the public weights in this file:
    /// pt_inception-2015-12-05-6726825d.pth, which docs/metrics.md says where to get; nothing is
    /// downloaded
    #[arg(long, value_name = "WEIGHTS.pth")]
    fid: Option<PathBuf>,
    /// Keep what Inception makes of --train-data in this file; where it is there already, those
    /// images are not looked at again
    #[arg(long, value_name = "FILE.safetensors", requires = "fid")]
    fid_reference: Option<PathBuf>,
    /// Measure what translations keep by LPIPS too, with the public weights in these two files:
    /// torchvision's alexnet-owt-7be5be79.pth and alex.pth of the Python package lpips, which
    /// docs/metrics.md says where to get
    #[arg(long, num_args = 2, value_names = ["ALEXNET.pth", "HEADS.pth"])]
    lpips: Option<Vec<PathBuf>>,
    /// Styles of every translation that are measured, of a model that has several (stargan-v2), and
    /// how unlike they are [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    styles: Option<u64>,
    /// Take the styles from the images of --data in the domain that is asked for, in place of noise
    /// (stargan-v2)
    #[arg(long)]
    by_reference: bool,
    /// What to do about an image that can't be read: end with an error, or leave it out of the
    /// scores, which name it
    #[arg(
        long,
        value_name = "NAME",
        value_parser = names(UnreadablePolicy::ALL),
        default_value = "fail"
    )]
    on_unreadable: UnreadablePolicy,
    /// Write the scores to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteArg,
    /// What computes
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
}

/// The scores as JSON: every change of the pairs and their total, then the others.
#[derive(Serialize)]
struct Scores {
    #[serde(flatten)]
    pairs: Option<CounterfactualScores>,
    #[serde(flatten)]
    evaluation: Evaluation,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let existing = args.overwrite.existing();
    if let Some(json) = &args.json {
        existing.check(json)?;
    }
    let lpips = args.lpips.iter().flatten().map(|file| ("--lpips", Some(&**file)));
    let files = [
        ("--json", args.json.as_deref()),
        ("--judge", args.judge.as_deref()),
        ("--fid", args.fid.as_deref()),
        ("--fid-reference", args.fid_reference.as_deref()),
    ];
    check_different(&files.into_iter().chain(lpips).collect::<Vec<_>>())?;
    let kept = args.judge.as_ref().is_some_and(|file| file.is_file());
    let others = args.train_data.is_some() || args.split != Split::None;
    if args.judge.is_some() && !kept && !others {
        return usage("--judge names no file: give --train-data too, to train a judge on");
    }
    if args.fid_reference.is_some() && !others {
        return usage("--fid-reference is of other real images: give --train-data too");
    }
    for (file, of) in [(&args.judge, "a judge"), (&args.fid_reference, "a FID's reference")] {
        // Known before there is something to write to it.
        if let Some(file) = file.as_ref().filter(|file| !file.is_file())
            && file.symlink_metadata().is_ok()
        {
            let problem = format!("this is no file of {of}, and nothing is written to it");
            return Err(of_file(file, problem));
        }
    }
    let beside = match &args.data.place {
        Place::Celeba { attributes, .. } => attributes.with_file_name("pairs.csv"),
        Place::CelebaFolder(folder) | Place::Folder(folder) => folder.join("pairs.csv"),
    };
    let pairs = match &args.pairs {
        Some(pairs) => Some(pairs.clone()),
        None => beside.is_file().then_some(Pairs::File(beside)),
    };
    let Measured { scores, kept } =
        on_backend!(args.backend, B => evaluate::<Autodiff<B>>(args, pairs))?;
    // Scores that took long are shown, whatever becomes of files; and written, whatever becomes of
    // standard output.
    let written = args
        .json
        .as_ref()
        .map_or(Ok(()), |json| output::write_new(json, &output::json(&scores)?, existing));
    if let Some(pairs) = &scores.pairs {
        result!("{pairs}\n");
    }
    result!("{}", scores.evaluation);
    kept.and(written)
}

/// The scores, and whether the judge could be kept.
struct Measured {
    scores: Scores,
    kept: Result<(), Failure>,
}

/// The images to measure a model of `spaces` on.
struct Images {
    /// Which of the model's datasets they are like.
    dataset: usize,
    data: Arc<dyn Dataset>,
    pairs: Option<Counterfactuals>,
    /// Other real images.
    train: Option<Arc<dyn Dataset>>,
}

fn open(
    args: &Args,
    pairs: Option<Pairs>,
    spaces: &LabelSpaces,
    trained_on: Crop,
) -> Result<Images, Failure> {
    let crops = vec![trained_on; spaces.len()];
    let source =
        |spec: &Spec| Source::new(spec.clone()).with_crop(args.crop).with_missing(args.missing);
    let source_of_data = Source { split: args.split.clone(), ..source(&args.data) };
    let (dataset, opened) = open_like(&source_of_data, spaces, &crops)?;
    let say_missing = |spec: &Spec, opened: &Opened| match opened.missing.len() {
        0 => {}
        missing => tell!("{spec}: {missing} of the listed images are not there and are left out"),
    };
    say_missing(&args.data, &opened);
    if args.split != Split::None && opened.test.is_none() {
        return Err(Failure::Failed(
            "the split holds back no image: there is nothing to measure".to_owned(),
        ));
    }
    let (data, others) = match opened.test {
        Some(test) => (test, Some(opened.train)),
        None => (opened.train, None),
    };
    let pairs = pairs.map(|pairs| pairs.open(data.clone(), dataset)).transpose()?;
    let pairs = pairs.map(|pairs| pairs.with_on_unreadable(args.on_unreadable));
    let train = match &args.train_data {
        Some(spec) => {
            let (other, opened) = open_like(&source(spec), spaces, &crops)?;
            if other != dataset {
                return usage("--data and --train-data are like different datasets of the model");
            }
            say_missing(spec, &opened);
            Some(opened.train)
        }
        None => others,
    };
    Ok(Images { dataset, data, pairs, train })
}

fn evaluate<B: AutodiffBackend>(args: &Args, pairs: Option<Pairs>) -> Result<Measured, Failure> {
    // The file may be the wrong one, which is said first.
    let inception = match &args.fid {
        Some(weights) => Some(Inception::open(weights, &Default::default())?),
        None => None,
    };
    let lpips = match args.lpips.as_deref() {
        Some([backbone, heads]) => Some(Lpips::open(backbone, heads, &Default::default())?),
        _ => None,
    };
    let model = Model::<B::InnerBackend>::open(&args.model)?;
    let transform = model.translate().transform();
    let images = open(args, pairs, model.translate().spaces(), transform.crop)?;
    let Images { dataset, data, pairs, train } = images;
    warn_of_crop(&args.data.to_string(), &*data, transform.size);
    let translator = styled(args, model, &*data)?;
    let (judge, kept) = judge::<B>(args, &*translator, &*data, train.as_ref())?;
    let (reference, reference_kept) = match inception.as_ref().zip(train.as_ref()) {
        Some((inception, train)) => {
            let (reference, kept) = fid_reference(args, inception, &**train, transform)?;
            (Some(reference), kept)
        }
        None => (None, Ok(())),
    };

    let pairs = match pairs {
        Some(pairs) => {
            tell!("translating {} images to their true counterfactuals", pairs.len());
            Some(pairs.measure(&*translator)?)
        }
        None => None,
    };
    tell!("translating {} images to every label and back", data.len());
    let mut evaluator =
        Evaluator::new(&*translator, &*data, dataset).with_on_unreadable(args.on_unreadable);
    if let Some(judge) = &judge {
        evaluator = evaluator.with_judge(judge);
    }
    if let Some(train) = &train {
        evaluator = evaluator.with_reference(&**train);
    }
    if let Some(inception) = &inception {
        evaluator = evaluator.with_inception(inception);
    }
    if let Some(reference) = &reference {
        evaluator = evaluator.with_fid_reference(reference);
    }
    if let Some(lpips) = &lpips {
        evaluator = evaluator.with_lpips(lpips);
    }
    let pace = Pace::new("translated");
    let told = |done, all| pace.tell(done, all);
    let scores = Scores { pairs, evaluation: evaluator.with_progress(&told).measure()? };
    Ok(Measured { scores, kept: kept.and(reference_kept) })
}

/// The model with the styles that are measured.
fn styled<B: Backend>(
    args: &Args,
    model: Model<B>,
    data: &dyn Dataset,
) -> Result<Box<dyn Translate<B>>, Failure> {
    let translator = match model {
        Model::StarGan(_) if args.by_reference || args.styles.is_some() => {
            return usage(
                "--styles and --by-reference are for models of the recipe stargan-v2: this one has \
                 no styles",
            );
        }
        Model::StarGan(translator) => return Ok(Box::new(translator)),
        Model::StarGanV2(translator) => translator.with_styles(args.styles.unwrap_or(STYLES)),
    };
    StarGanV2::check_images(data)?;
    if !args.by_reference {
        return Ok(Box::new(translator));
    }
    let mut references = Readable::new(data, args.on_unreadable);
    Ok(Box::new(ReferenceTranslator::new(translator, &mut references)?))
}

/// The reference of the file, or that of `train`, which is kept there; and whether it could be.
fn fid_reference<B: Backend>(
    args: &Args,
    inception: &Inception<B>,
    train: &dyn Dataset,
    transform: Transform,
) -> Result<(FidReference, Result<(), Failure>), Failure> {
    if let Some(file) = args.fid_reference.as_ref().filter(|file| file.is_file()) {
        let reference = FidReference::open(file)?;
        reference.check(inception, train, transform).map_err(|error| of_file(file, error))?;
        return Ok((reference, Ok(())));
    }
    tell!("looking at {} real images", train.len());
    let pace = Pace::new("looked at");
    let told = |done, all| pace.tell(done, all);
    let reference = FidReference::measure(inception, train, transform, args.on_unreadable, &told)?;
    let keep = |file: &PathBuf| {
        let output = Output::new(file, Existing::Refuse)?;
        reference.save(output.place())?;
        output.finish()
    };
    let kept = args.fid_reference.as_ref().map_or(Ok(()), keep);
    Ok((reference, kept))
}

/// A judge, if there is one, and whether it could be kept.
type Kept<B> = (Option<Judge<B>>, Result<(), Failure>);

/// The judge of the file, or one that is trained and kept there; none where there are no images for
/// it.
fn judge<B: AutodiffBackend>(
    args: &Args,
    translator: &dyn Translate<B::InnerBackend>,
    data: &dyn Dataset,
    train: Option<&Arc<dyn Dataset>>,
) -> Result<Kept<B::InnerBackend>, Failure> {
    let device = Default::default();
    if let Some(file) = args.judge.as_ref().filter(|file| file.is_file()) {
        let judge = Judge::open(file, &device)?;
        let named = |error| Failure::Failed(format!("{}: {error}", file.display()));
        data.labels().check_same(judge.labels()).map_err(named)?;
        judge.check_model(translator).map_err(named)?;
        warn_of_judge(file, judge.crop(), judge.image_size(), data);
        return Ok((Some(judge), Ok(())));
    }
    let Some(train) = train else { return Ok((None, Ok(()))) };
    let Transform { size, channels, .. } = translator.transform();
    let config = JudgeConfig::new(size)
        .with_channels(channels)
        .with_iterations(args.judge_iterations)
        .with_seed(args.judge_seed)
        .with_on_unreadable(args.on_unreadable);
    tell!("training a judge on {} images", train.len());
    let judge = config.train::<B>(Datasets::from(vec![train.clone()]), &device)?;
    let keep = |file: &PathBuf| {
        let output = Output::new(file, Existing::Refuse)?;
        judge.save(output.place())?;
        output.finish()
    };
    let kept = args.judge.as_ref().map_or(Ok(()), keep);
    Ok((Some(judge), kept))
}
