//! Pairwise models in the one loop: exact resume, what they learn, and what is refused.

use std::path::Path;
use std::sync::Arc;

use stargan::burn::backend::Flex;
use stargan::engine::Recipe;
use stargan::metrics::{CounterfactualLog, Counterfactuals, DatasetScores};
use stargan::nn::{DiscriminatorConfig, GeneratorConfig, Head};
use stargan::recipes::Pairwise;
use stargan::{
    CycleGan, Dataset, Datasets, Folder, Grid, LabelSpaces, Observer, Outcome, Pix2Pix, Precision,
    Report, RunSettings, SampleGrids, StarGan, Subset, Trainer, TrainingConfig, Transform,
    Translate, UnreadablePolicy, open_model,
};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, names, one_at_a_time,
};

const DOMAINS: [&str; 2] = ["blue", "red"];

/// A dataset of either class of [`colours`]; the images of one number are the same but for their
/// colour.
fn pair(data: &Folder, classes: [&str; 2]) -> Datasets {
    let data: Arc<dyn Dataset> = Arc::new(data.clone());
    let [first, second] = classes.map(|name| Subset::labelled(data.clone(), name).unwrap());
    Datasets::from(&first).with(&second)
}

/// Networks and batches as small as they can be.
fn tiny<R: Recipe>(
    recipe: R,
    networks: impl Fn(&mut R) -> (&mut GeneratorConfig, &mut DiscriminatorConfig),
) -> TrainingConfig<R> {
    let mut recipe = recipe;
    let (generator, discriminator) = networks(&mut recipe);
    generator.base_channels = 4;
    generator.residual_blocks = 1;
    *discriminator = discriminator.clone().with_image_size(16).with_base_channels(4);
    TrainingConfig::new(recipe).with_run(|run| {
        run.with_ema(0.9)
            .with_batch_size(4)
            .with_iterations(20)
            .with_learning_rate(1e-3)
            .with_seed(11)
    })
}

fn cyclegan() -> TrainingConfig<CycleGan> {
    tiny(CycleGan::new(DOMAINS), |recipe| (&mut recipe.generator, &mut recipe.discriminator))
}

fn pix2pix(domains: [&str; 2]) -> TrainingConfig<Pix2Pix> {
    tiny(Pix2Pix::new(domains), |recipe| (&mut recipe.generator, &mut recipe.discriminator))
}

/// 20 iterations are 10, a checkpoint, and 10 more by another trainer, bit for bit; gives the names
/// of the arrays.
fn resumes<R: Recipe>(config: TrainingConfig<R>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let data = pair(&colours(&folder.path().join("data")), DOMAINS);
    let (whole, run) = (folder.path().join("whole"), folder.path().join("run"));
    let device = Default::default();
    let mut trainer = Trainer::<Cpu, R>::new(whole, config.clone(), &device).unwrap();
    let finished = trainer.run(&data, &mut ()).unwrap();
    assert!(matches!(finished, Outcome::Finished { .. }));
    let expected = Content::of(checkpoint_of(&finished));

    let mut trainer = Trainer::<Cpu, R>::new(&run, config.clone(), &device).unwrap();
    let stopped = trainer.run(&data, &mut StopAfter(10)).unwrap();
    assert!(matches!(stopped, Outcome::Stopped { .. }));
    drop(trainer);
    let mut trainer = Trainer::<Cpu, R>::resume(&run, &device).unwrap();
    assert_eq!((trainer.iteration(), trainer.config()), (10, &config));
    let finished = trainer.run(&data, &mut ()).unwrap();
    let found = Content::of(checkpoint_of(&finished));
    for (name, tensor) in &expected.tensors {
        assert!(found.tensors.get(name) == Some(tensor), "{name} differs");
    }
    assert_eq!(found, expected);
    assert_ne!(Content::of(checkpoint_of(&stopped)).tensors, expected.tensors);
    expected.tensors.into_keys().collect()
}

#[test]
fn a_cyclegan_resumes_exactly_with_its_history() {
    let _turn = one_at_a_time();
    let config = cyclegan().with_recipe(|recipe| recipe.with_identity(5.0).with_pool(6));
    let names = resumes(config);
    for direction in ["0.", "1."] {
        for part in ["generator.", "discriminator.", "average.", "adam.generator.", "history"] {
            let name = format!("{direction}{part}");
            assert!(names.iter().any(|found| found.starts_with(&name)), "{name}: {names:?}");
        }
    }
    assert!(!names.iter().any(|name| name.contains("domain")), "{names:?}");
}

#[test]
fn both_resume_exactly_in_half_precision_and_with_masks() {
    let _turn = one_at_a_time();
    for (precision, head) in [(Precision::BFloat16, Head::Plain), (Precision::Float16, Head::Mask)]
    {
        let (mut cyclegan, mut pix2pix) = (cyclegan(), pix2pix(DOMAINS));
        cyclegan.recipe.generator.head = head;
        pix2pix.recipe.generator.head = head;
        resumes(cyclegan.with_run(|run| run.with_precision(precision)));
        resumes(pix2pix.with_run(|run| run.with_precision(precision)));
    }
}

#[test]
fn a_pix2pix_resumes_exactly() {
    let _turn = one_at_a_time();
    let names = resumes(pix2pix(DOMAINS));
    assert!(names.iter().all(|name| !name.contains("history") && !name.contains("domain")));
}

/// How far translations of all images to the other class are from the truth, as a share of what
/// doing nothing scores.
fn error(data: &Folder, model: &dyn Translate<Flex>) -> f64 {
    let data: Arc<dyn Dataset> = Arc::new(data.clone());
    let pairs = Counterfactuals::between_classes(data, 0).unwrap();
    let total = pairs.measure(model).unwrap().total;
    assert_eq!(total.n, 18);
    total.translated.get("inside").unwrap() / total.nothing.get("inside").unwrap()
}

#[test]
fn both_learn_to_exchange_two_colours() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let colours = colours(&folder.join("data"));
    let device = Default::default();
    let longer = |run: RunSettings| run.with_iterations(150);

    let config = cyclegan().with_run(longer);
    let mut trainer =
        Trainer::<Cpu, CycleGan>::new(folder.join("cyclegan"), config, &device).unwrap();
    trainer.run(pair(&colours, DOMAINS), &mut ()).unwrap();
    let [there, _] = trainer.directions();
    let image = colours.load_cropped(0, 16.into()).unwrap();
    assert_eq!(there.translate(&image).unwrap().width(), 16);
    let empty = there.translate(&image::DynamicImage::new_rgb8(0, 9)).unwrap_err().to_string();
    assert!(empty.contains("0 x 9 pixels"), "{empty}");
    let cyclegan = error(&colours, &*trainer.boxed_translator().unwrap());

    let spaces = LabelSpaces::single(colours.labels().clone());
    let transform = Transform::new(colours.crop(), 16.into());
    let mut both = Pairwise::new(spaces, transform, device);
    for (from, to) in [(0, 1), (1, 0)] {
        let config = pix2pix([DOMAINS[from], DOMAINS[to]]).with_run(longer);
        let run = folder.join(format!("pix2pix{from}"));
        let mut trainer = Trainer::<Cpu, Pix2Pix>::new(run, config, &device).unwrap();
        trainer.run(pair(&colours, [DOMAINS[from], DOMAINS[to]]), &mut ()).unwrap();
        both = both.with(from, to, trainer.direction());
    }
    let pix2pix = error(&colours, &both);
    println!("of doing nothing's error: CycleGAN {cyclegan:.3}, pix2pix {pix2pix:.3}");
    assert!(cyclegan < 0.6 && pix2pix < 0.3, "CycleGAN {cyclegan}, pix2pix {pix2pix}");
}

/// Trains with grids and scores; then the model that a run folder holds is the trainer's, and the
/// report shows both.
fn observed<R: Recipe>(folder: &Path, config: TrainingConfig<R>) {
    let colours = colours(&folder.join("data"));
    let data = pair(&colours, DOMAINS);
    let (run, device) = (folder.join("run"), Default::default());
    let images = config.recipe.grid_images(&data, 2, UnreadablePolicy::Fail).unwrap();
    let pairs = Counterfactuals::between_classes(Arc::new(colours), 0).unwrap();
    let mut log = CounterfactualLog::new(vec![pairs], 5).unwrap();
    let config = config.with_run(|run| run.with_iterations(10));
    let mut trainer = Trainer::<Cpu, R>::new(&run, config, &device).unwrap();
    {
        let mut observers: Vec<Box<dyn Observer<Cpu> + '_>> =
            vec![Box::new(SampleGrids::new(images.clone(), 5)), Box::new(&mut log)];
        trainer.run(&data, &mut observers).unwrap();
    }
    assert_eq!(names(run.join("samples")), ["00000005.png", "00000010.png", "grid.json"]);
    let csv = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert!(csv.lines().any(|row| row.starts_with("10,total,18,")), "{csv}");
    let json = std::fs::read_to_string(run.join("metrics.json")).unwrap();
    let scores = serde_json::from_str::<DatasetScores>(&json).unwrap();
    assert_eq!(scores.rows().len(), log.measured().unwrap().rows().len());
    let html = Report::open(&run).unwrap().html();
    assert!(html.contains("<img") && html.contains("total"), "grids and scores are in the report");

    let now = trainer.boxed_translator().unwrap();
    let grid = Grid::of_targets(&*now, &images).unwrap();
    let shown = image::open(run.join("samples/00000010.png")).unwrap().into_rgb8();
    assert_eq!(shown, grid.picture());
    let opened = open_model::<Cpu>(&run, &device).unwrap();
    assert_eq!((opened.spaces(), opened.transform()), (now.spaces(), now.transform()));
    assert_eq!(Grid::of_targets(&*opened, &images).unwrap().image, grid.image);
    let first = image::imageops::crop_imm(&grid.image, 0, 0, 16, 16).to_image();
    let translated = image::imageops::crop_imm(&grid.image, 32, 0, 16, 16).to_image();
    assert!(translated != first, "the grid shows translations");
}

#[test]
fn grids_scores_reports_and_opening_are_a_cyclegans_too() {
    let _turn = one_at_a_time();
    observed(tempfile::tempdir().unwrap().path(), cyclegan());
}

#[test]
fn grids_scores_reports_and_opening_are_a_pix2pixs_too() {
    let _turn = one_at_a_time();
    observed(tempfile::tempdir().unwrap().path(), pix2pix(DOMAINS));
}

#[test]
fn what_can_not_work_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let colours = colours(&folder.join("data"));
    let device = Default::default();
    type Change = fn(&mut TrainingConfig<CycleGan>);
    let changes: [(Change, &str); 4] = [
        (|c| c.recipe.discriminator.image_size = 18.into(), "divisible"),
        (|c| c.recipe.generator.condition_width = 2, "condition width is 2"),
        (|c| c.recipe.discriminator.label_width = 2, "label width is 2"),
        (|c| c.recipe.identity = -1.0, "the identity loss weight is -1"),
    ];
    for (change, expected) in changes {
        let mut config = cyclegan();
        change(&mut config);
        let trainer = Trainer::<Cpu, CycleGan>::new(folder.join("never"), config, &device);
        let error = trainer.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let skipping = pix2pix(DOMAINS).with_run(|run| run.with_on_unreadable(UnreadablePolicy::Skip));
    let trainer = Trainer::<Cpu, Pix2Pix>::new(folder.join("never"), skipping, &device);
    let error = trainer.err().unwrap().to_string();
    assert!(error.contains("would not belong"), "{error}");
    assert!(!folder.join("never").exists());

    let run = folder.join("pix2pix");
    let mut trainer = Trainer::<Cpu, Pix2Pix>::new(&run, pix2pix(DOMAINS), &device).unwrap();
    let error = trainer.run(&colours, &mut ()).unwrap_err().to_string();
    assert!(error.contains("one of blue and one of red, found 1"), "{error}");
    let data: Arc<dyn Dataset> = Arc::new(colours.clone());
    let fewer = Subset::new(data, 0..8).unwrap();
    let uneven = Datasets::from(&colours).with(&fewer);
    let error = trainer.run(uneven, &mut ()).unwrap_err().to_string();
    assert!(error.contains("paired datasets have one length, found [18, 8]"), "{error}");
    drop(trainer);
    // A run goes on as what it began as.
    let error = Trainer::<Cpu, CycleGan>::resume(&run, &device).err().unwrap().to_string();
    assert!(error.contains("expected the recipe \"cyclegan\", found \"pix2pix\""), "{error}");
    assert!(Trainer::<Cpu, StarGan>::resume(&run, &device).is_err());
}
