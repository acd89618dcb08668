//! Pairwise models in the one loop: exact resume, what they learn, and what is refused.

use std::sync::Arc;

use stargan::baselines::{CycleGan, Pairwise, Pix2Pix};
use stargan::data::Subset;
use stargan::metrics::{Counterfactuals, Relabelling};
use stargan::train::Recipe;
use stargan::{
    Dataset, Datasets, Folder, Observer, Outcome, Trainer, TrainingConfig, Transform,
    UnreadablePolicy,
};

use crate::setup::{Content, Cpu, StopAfter, checkpoint_of, colours, one_at_a_time};

const DOMAINS: [&str; 2] = ["blue", "red"];

/// A dataset of either class of [`colours`]; the images of one number are the same but for their colour.
fn pair(data: &Folder, classes: [&str; 2]) -> Datasets {
    let data: Arc<dyn Dataset> = Arc::new(data.clone());
    let [first, second] = classes.map(|name| Subset::labelled(data.clone(), name).unwrap());
    Datasets::from(&first).with(&second)
}

fn tiny(training: TrainingConfig) -> TrainingConfig {
    TrainingConfig { ema: 0.9, ..training }
        .with_image_size(16)
        .with_base_channels(4)
        .with_residual_blocks(1)
        .with_batch_size(4)
        .with_iterations(20)
        .with_learning_rate(1e-3)
        .with_seed(11)
}

/// 20 iterations are 10, a checkpoint, and 10 more by another trainer, bit for bit; gives the names of the
/// arrays.
fn resumes<R: Recipe>(recipe: R) -> Vec<String>
where
    StopAfter: Observer<Cpu, R>,
{
    let folder = tempfile::tempdir().unwrap();
    let data = pair(&colours(&folder.path().join("data")), DOMAINS);
    let (whole, run) = (folder.path().join("whole"), folder.path().join("run"));
    let device = Default::default();
    let mut trainer = Trainer::<Cpu, R>::new(whole, recipe.clone(), &device).unwrap();
    let finished = trainer.run(&data, &mut ()).unwrap();
    assert!(matches!(finished, Outcome::Finished { .. }));
    let expected = Content::of(checkpoint_of(&finished));

    let mut trainer = Trainer::<Cpu, R>::new(&run, recipe.clone(), &device).unwrap();
    let stopped = trainer.run(&data, &mut StopAfter(10)).unwrap();
    assert!(matches!(stopped, Outcome::Stopped { .. }));
    drop(trainer);
    let mut trainer = Trainer::<Cpu, R>::resume(&run, &device).unwrap();
    assert_eq!((trainer.iteration(), trainer.config()), (10, &recipe));
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
    let recipe = CycleGan::new(DOMAINS).with(tiny).with_identity(5.0).with_pool(6);
    let names = resumes(recipe);
    for direction in ["0.", "1."] {
        for part in ["generator.", "discriminator.", "average.", "adam.generator.", "history"] {
            let name = format!("{direction}{part}");
            assert!(names.iter().any(|found| found.starts_with(&name)), "{name}: {names:?}");
        }
    }
    assert!(!names.iter().any(|name| name.contains("domain")), "{names:?}");
}

#[test]
fn a_pix2pix_resumes_exactly() {
    let _turn = one_at_a_time();
    let names = resumes(Pix2Pix::new(DOMAINS).with(tiny));
    assert!(names.iter().all(|name| !name.contains("history") && !name.contains("domain")));
}

/// How far translations of all images to the other class are from the truth, as a share of what doing nothing
/// scores.
fn error(data: &Folder, models: &Pairwise<stargan::burn::backend::Flex>) -> f64 {
    let data: Arc<dyn Dataset> = Arc::new(data.clone());
    let pairs = Counterfactuals::between_classes(data.clone(), 0).unwrap();
    let transform = Transform { crop: data.crop(), size: 16 };
    let translate = |images, labels: &[Relabelling<'_>]| models.forward(images, labels);
    let total = pairs.measure_with(transform, &Default::default(), translate).unwrap().total;
    assert_eq!(total.n, 18);
    total.inside.unwrap() / total.inside_nothing.unwrap()
}

#[test]
fn both_learn_to_exchange_two_colours() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let colours = colours(&folder.join("data"));
    let device = Default::default();
    let train = |training: TrainingConfig| tiny(training).with_iterations(150);

    let cyclegan = CycleGan::new(DOMAINS).with(train);
    let mut trainer = Trainer::<Cpu, _>::new(folder.join("cyclegan"), cyclegan, &device).unwrap();
    trainer.run(pair(&colours, DOMAINS), &mut ()).unwrap();
    let [there, back] = trainer.directions();
    let image = colours.load_cropped(0).unwrap().into();
    assert_eq!(there.translate(&image).dimensions(), (16, 16));
    let cyclegan = error(&colours, &Pairwise::default().with(0, 1, there).with(1, 0, back));

    let mut pix2pix = Pairwise::default();
    for (from, to) in [(0, 1), (1, 0)] {
        let recipe = Pix2Pix::new([DOMAINS[from], DOMAINS[to]]).with(train);
        let run = folder.join(format!("pix2pix{from}"));
        let mut trainer = Trainer::<Cpu, _>::new(run, recipe, &device).unwrap();
        trainer.run(pair(&colours, [DOMAINS[from], DOMAINS[to]]), &mut ()).unwrap();
        pix2pix = pix2pix.with(from, to, trainer.direction());
    }
    let pix2pix = error(&colours, &pix2pix);
    println!("of doing nothing's error: CycleGAN {cyclegan:.3}, pix2pix {pix2pix:.3}");
    assert!(cyclegan < 0.6 && pix2pix < 0.3, "CycleGAN {cyclegan}, pix2pix {pix2pix}");
}

#[test]
fn what_can_not_work_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let colours = colours(&folder.join("data"));
    let device = Default::default();
    let mut run = 0;
    let mut refused = |recipe: CycleGan| {
        run += 1;
        let trainer = Trainer::<Cpu, _>::new(folder.join(run.to_string()), recipe, &device);
        trainer.err().unwrap().to_string()
    };
    let cyclegan = || CycleGan::new(DOMAINS).with(tiny);
    for (error, expected) in [
        (refused(cyclegan().with(|t| t.with_critic_steps(2))), "critic_steps is 1"),
        (refused(cyclegan().with(|t| t.with_penalty(stargan::Penalty::R1))), "without a penalty"),
        (refused(cyclegan().with(|t| t.with_image_size(18))), "divisible"),
    ] {
        assert!(error.contains(expected), "{error}");
    }
    for (recipe, expected) in [
        (
            Pix2Pix::new(DOMAINS).with(|t| t.with_on_unreadable(UnreadablePolicy::Skip)),
            "would not belong",
        ),
        (
            Pix2Pix::new(DOMAINS).with(|t| t.with_identity(Some(Default::default()))),
            "no identity term",
        ),
    ] {
        let trainer = Trainer::<Cpu, _>::new(folder.join("never"), recipe, &device);
        let error = trainer.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }

    let run = folder.join("pix2pix");
    let recipe = Pix2Pix::new(DOMAINS).with(tiny);
    let mut trainer = Trainer::<Cpu, _>::new(&run, recipe, &device).unwrap();
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
    assert!(error.contains("missing field `pool`"), "{error}");
    assert!(Trainer::<Cpu>::resume(&run, &device).is_err());
}
