//! A run whose values leave the numbers: it ends with the reason, or is rolled back.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use image::DynamicImage;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::data::{Loader, LoaderConfig};
use stargan::{
    Crop, CsvLog, Dataset, Datasets, Error, Folder, LabelSpace, LabelSpaces, NonFinitePolicy,
    Observer, Outcome, Result, Run, RunSettings, Schedule, StarGan, Trainer, TrainingConfig,
};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, names, one_at_a_time, tiny,
};

/// Images one of which has a label that is no number, as long as that is wanted.
#[derive(Clone, Debug)]
struct Poisoned {
    data: Folder,
    index: usize,
    label: Vec<f32>,
    active: Arc<AtomicBool>,
}

impl Dataset for Poisoned {
    fn labels(&self) -> &LabelSpace {
        self.data.labels()
    }

    fn len(&self) -> usize {
        self.data.len()
    }

    fn label(&self, index: usize) -> &[f32] {
        // Only training sees it: to whoever compares data they are the same all the time.
        let thread = std::thread::current();
        let training = thread.name().is_some_and(|name| name.starts_with("stargan-loader"));
        let poisoned = training && index == self.index && self.active.load(Ordering::Relaxed);
        if poisoned { &self.label } else { self.data.label(index) }
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.data.name(index)
    }

    fn crop(&self) -> Crop {
        self.data.crop()
    }

    fn load(&self, index: usize) -> Result<DynamicImage> {
        self.data.load(index)
    }
}

fn config(data: &Folder) -> TrainingConfig<StarGan> {
    tiny(LabelSpaces::single(data.labels().clone())).with_run(|run| {
        run.with_schedule(Schedule::Constant).with_checkpoint_every(2).with_iterations(24)
    })
}

/// Data that poison the batch of iteration 16, in the fourth epoch, at the latest; and which
/// iteration they do.
fn poisoned(folder: &Path) -> (Poisoned, u64) {
    let data = colours(&folder.join("data"));
    let TrainingConfig { run, recipe, .. } = config(&data);
    let RunSettings { batch_size, flip, seed, .. } = run;
    let image_size = recipe.discriminator.image_size;
    let loading = LoaderConfig { batch_size, image_size, flip, seed, ..LoaderConfig::default() };
    let first_with = |index| {
        let label = vec![f32::NAN; data.labels().width()];
        let active = Arc::new(AtomicBool::new(true));
        let poisoned = Poisoned { data: data.clone(), index, label, active };
        let mut loader = Loader::new(&Datasets::from(&poisoned), loading.clone(), 1).unwrap();
        let hit = (1..=16).find(|_| loader.next_batch().unwrap().labels.iter().any(|l| l.is_nan()));
        (poisoned, hit.expect("every image is in one of four epochs, 2 of 18 are left out of each"))
    };
    let all = (0..data.len()).map(first_with);
    // The later the better: there is a checkpoint then.
    all.max_by_key(|(_, iteration)| *iteration).unwrap()
}

fn start(folder: &Path, config: TrainingConfig<StarGan>) -> Trainer<Cpu, StarGan> {
    Trainer::new(folder.join("run"), config, &Default::default()).unwrap()
}

fn finite(checkpoint: &Path) -> bool {
    let content = Content::of(checkpoint);
    let mut values = content.tensors.values().flat_map(|(_, bytes)| bytes.chunks_exact(4));
    values.all(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()).is_finite())
}

#[test]
fn it_ends_with_the_iteration_the_term_and_the_last_good_checkpoint() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let (data, bad) = poisoned(folder.path());
    let mut trainer = start(folder.path(), config(&data.data));
    let error = trainer.run(&data, &mut CsvLog::every(1)).unwrap_err();
    let checkpoints = folder.path().join("run/checkpoints");
    let last = checkpoints.join(format!("{:08}.safetensors", (bad - 1) / 2 * 2));
    assert_eq!(
        error.to_string(),
        format!(
            "iteration {bad}: data/d/domain is NaN: training has diverged; the last good \
             checkpoint is {}: resume \
             from it with the policy roll-back, or begin again with a smaller learning rate",
            last.display()
        )
    );
    assert!(matches!(error, Error::NonFinite { checkpoint: Some(path), .. } if path == last));
    assert!(names(&checkpoints).iter().all(|name| finite(&checkpoints.join(name))));
}

#[test]
fn a_gradient_beyond_the_numbers_is_told_though_every_loss_is_one() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    // G is updated too, by a discriminator that has left the numbers: its losses are not to blame.
    let mut config = config(&data).with_recipe(|recipe| recipe.with_critic_steps(1));
    config.recipe.weights.penalty = 1e38;
    let error = start(folder.path(), config).run(&data, &mut ()).unwrap_err().to_string();
    assert!(error.starts_with("iteration 1: data/d/update is "), "{error}");
    assert!(error.contains("there is no checkpoint yet"), "{error}");
    assert!(names(folder.path().join("run/checkpoints")).is_empty());
}

/// The square of such a gradient is beyond float32, the gradient and all losses are not: the update
/// does nothing, and only Adam's state says so.
#[test]
fn an_optimizer_beyond_the_numbers_is_told_where_it_happened() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let mut config = config(&data).with_run(|run| run.with_checkpoint_every(20));
    config.recipe.weights.domain = 1e22;
    let error = start(folder.path(), config).run(&data, &mut ()).unwrap_err().to_string();
    assert!(error.starts_with("iteration 1: data/d/update is "), "{error}");
}

/// Notes what it is told, and heals the data when the run is rolled back.
struct Healer {
    poison: Arc<AtomicBool>,
    started: Vec<u64>,
    reasons: Vec<String>,
}

impl Healer {
    fn new(data: &Poisoned) -> Self {
        Self { poison: data.active.clone(), started: Vec::new(), reasons: Vec::new() }
    }
}

impl<B: AutodiffBackend> Observer<B> for Healer {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        self.started.push(run.iteration());
        Ok(())
    }

    fn rolled_back(&mut self, _run: &Run<'_, B>, reason: &Error) -> Result<()> {
        self.poison.store(false, Ordering::Relaxed);
        self.reasons.push(reason.to_string());
        Ok(())
    }
}

#[test]
fn it_goes_on_from_the_last_checkpoint_with_a_smaller_learning_rate() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let (data, bad) = poisoned(folder.path());
    let back_at = (bad - 1) / 2 * 2;
    let policy = NonFinitePolicy::RollBack { factor: 0.25, times: 1 };
    let config = config(&data.data).with_run(|run| run.with_on_non_finite(policy));
    let mut trainer = start(folder.path(), config.clone());
    let mut healer = Healer::new(&data);
    let outcome = {
        let mut observers: Vec<Box<dyn Observer<Cpu> + '_>> =
            vec![Box::new(&mut healer), Box::new(CsvLog::every(1))];
        trainer.run(&data, &mut observers).unwrap()
    };
    assert!(matches!(outcome, Outcome::Finished { .. }));
    assert!(finite(checkpoint_of(&outcome)));
    let Healer { started, reasons, .. } = &healer;
    assert_eq!(*started, [0, back_at]);
    let [reason] = &reasons[..] else { panic!("{reasons:?}") };
    assert!(reason.starts_with(&format!("iteration {bad}: data/d/domain is NaN")), "{reason}");
    assert_eq!((trainer.rollbacks(), trainer.learning_rate_scale()), (1, 0.25));

    // The log has every iteration once, and says from where on the learning rate was another.
    let log = fs::read_to_string(folder.path().join("run/log.csv")).unwrap();
    let rows = log.lines().skip(1).map(|row| row.split(',').collect::<Vec<_>>());
    let mut rates: Vec<(u64, f64)> =
        rows.map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap())).collect();
    rates.dedup();
    assert!(rates.iter().map(|(iteration, _)| *iteration).eq((2..=24).step_by(2)));
    for (iteration, rate) in rates {
        let scale = if iteration > back_at { 0.25 } else { 1.0 };
        assert_eq!(rate, scale * config.run.learning_rate, "iteration {iteration}");
    }

    // The same from two trainers: the roll-back is part of the run's state.
    let expected = Content::of(checkpoint_of(&outcome));
    let second = folder.path().join("second");
    fs::create_dir(&second).unwrap();
    data.active.store(true, Ordering::Relaxed);
    let mut first = start(&second, config);
    let mut observers: Vec<Box<dyn Observer<Cpu>>> =
        vec![Box::new(Healer::new(&data)), Box::new(StopAfter(back_at + 3))];
    first.run(&data, &mut observers).unwrap();
    assert_eq!((first.iteration(), first.rollbacks()), (back_at + 3, 1));
    drop(first);
    let mut rest =
        Trainer::<Cpu, StarGan>::resume(second.join("run"), &Default::default()).unwrap();
    assert_eq!((rest.rollbacks(), rest.learning_rate_scale()), (1, 0.25));
    assert_eq!(Content::of(checkpoint_of(&rest.run(&data, &mut ()).unwrap())), expected);
}

/// Whoever asks a run to stop is heard, though its last iteration had to be undone.
#[test]
fn a_stop_outlives_a_roll_back() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let (data, bad) = poisoned(folder.path());
    let policy = NonFinitePolicy::RollBack { factor: 0.25, times: 1 };
    let config = config(&data.data).with_run(|run| run.with_on_non_finite(policy));
    let mut trainer = start(folder.path(), config);
    let mut observers: Vec<Box<dyn Observer<Cpu>>> =
        vec![Box::new(Healer::new(&data)), Box::new(StopAfter(bad))];
    let outcome = trainer.run(&data, &mut observers).unwrap();
    assert!(matches!(outcome, Outcome::Stopped { .. }), "{outcome:?}");
    assert_eq!((trainer.iteration(), trainer.rollbacks()), ((bad - 1) / 2 * 2, 1));
}

#[test]
fn it_is_rolled_back_no_more_than_so_many_times() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let (data, bad) = poisoned(folder.path());
    // Before the first checkpoint: from the beginning.
    let policy = NonFinitePolicy::RollBack { factor: 0.5, times: 2 };
    let config = config(&data.data)
        .with_run(|run| run.with_on_non_finite(policy).with_checkpoint_every(1000));
    let mut trainer = start(folder.path(), config);
    let message = trainer.run(&data, &mut ()).unwrap_err().to_string();
    let expected = format!(
        "iteration {bad}: data/d/domain is NaN: training has diverged after 2 roll-back(s); "
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!((trainer.rollbacks(), trainer.learning_rate_scale()), (2, 0.25));
    drop(trainer);

    // Their owner mends the data and goes on.
    let mut trainer =
        Trainer::<Cpu, StarGan>::resume(folder.path().join("run"), &Default::default()).unwrap();
    assert_eq!((trainer.iteration(), trainer.rollbacks()), (0, 2));
    trainer.run(&data.data, &mut ()).unwrap();
    assert_eq!((trainer.iteration(), trainer.rollbacks()), (24, 2));

    let vain = NonFinitePolicy::RollBack { factor: 1.0, times: 3 };
    let message = trainer.set_run(|run| run.with_on_non_finite(vain)).unwrap_err().to_string();
    assert!(message.contains("factor is 1; it must be between 0 and 1"), "{message}");
}

/// Both workers see what either has computed, so both go back, to the same state.
#[cfg(feature = "collective")]
#[test]
fn all_workers_diverge_and_are_rolled_back_together() {
    use stargan::engine::Follower;

    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let (data, bad) = poisoned(folder.path());
    let device = Default::default();
    let policy = NonFinitePolicy::RollBack { factor: 0.5, times: 1 };
    let config = config(&data.data).with_run(|run| run.with_on_non_finite(policy));
    let mut healer = Healer::new(&data);
    let (leader, follower) = crate::training::workers::two(
        |link| start(folder.path(), config).lead(link)?.run(&data, &mut healer),
        |link| Follower::<Cpu, StarGan>::join(link, None, &device)?.run(&data),
    );
    assert_eq!(leader.unwrap(), follower.unwrap());
    let [reason] = &healer.reasons[..] else { panic!("{:?}", healer.reasons) };
    assert!(reason.starts_with(&format!("iteration {bad}: data/d/domain is NaN")), "{reason}");

    // Without a policy both end, each with the same reason.
    data.active.store(true, Ordering::Relaxed);
    fs::remove_dir_all(folder.path().join("run")).unwrap();
    let (leader, follower) = crate::training::workers::two(
        |link| start(folder.path(), self::config(&data.data)).lead(link)?.run(&data, &mut ()),
        |link| Follower::<Cpu, StarGan>::join(link, None, &device)?.run(&data),
    );
    assert!(matches!(leader, Err(Error::NonFinite { iteration, .. }) if iteration == bad));
    let message = follower.unwrap_err().to_string();
    assert!(message.starts_with(&format!("iteration {bad}: data/d/domain is NaN")), "{message}");
}
