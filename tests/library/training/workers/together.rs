//! What workers of one run must have in common, and what ends all of them.

use std::sync::atomic::Ordering;
use std::thread;

use stargan::burn::backend::Flex;
use stargan::engine::{Collective, Follower, workers};
use stargan::{
    Dataset, Error, Folder, Iteration, LabelSpaces, Observer, Outcome, Penalty, Result, Run,
    StarGan, Trainer, TrainingConfig,
};

use crate::training::one_update::floats;
use crate::training::setup::{
    Content, Cpu, StopAfter, colours, names, one_at_a_time, tiny, trained,
};
use crate::training::workers::{assert_identical, threads, two};

#[test]
fn a_run_goes_on_with_another_number_of_workers() {
    let _turn = one_at_a_time();
    // One worker, then four, then two.
    let (_folder, run, trainer, data) = trained(6);
    let config = trainer.config().clone();
    drop(trainer);
    let workers = workers::<Flex>(&[(); 4].map(|()| Default::default()), None).unwrap();
    thread::scope(|scope| {
        for worker in workers {
            let (run, config, data) = (&run, &config, &data);
            scope.spawn(move || {
                let device = Default::default();
                if worker.rank() > 0 {
                    let follower =
                        Follower::<Cpu, StarGan>::join(Box::new(worker), Some(config), &device);
                    return follower.unwrap().run(data).unwrap();
                }
                let trainer = Trainer::<Cpu, StarGan>::resume(run, &device).unwrap();
                // Noticed at the next multiple of ten.
                trainer.lead(Box::new(worker)).unwrap().run(data, &mut StopAfter(7)).unwrap()
            });
        }
    });
    assert!(run.join("checkpoints/00000010.safetensors").is_file());
    threads(2, &run, &config, &data).into_iter().for_each(|outcome| drop(outcome.unwrap()));
    assert_identical(&run, 2);
    let found = Content::of(&run.join("checkpoints/00000020.safetensors"));

    let (_folder, alone, ..) = trained(20);
    let alone = Content::of(&alone.join("checkpoints/00000020.safetensors"));
    assert_eq!(found.tensors.len(), alone.tensors.len());
    let generator = alone.tensors.iter().filter(|(name, _)| name.starts_with("generator."));
    for (name, (_, expected)) in generator {
        let pairs = floats(expected).into_iter().zip(floats(&found.tensors[name].1));
        let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // Each of G's ten updates moves a weight by about the learning rate of 1e-3, whichever way
        // rounding says.
        assert!(difference < 5e-3, "{name}: {difference}");
    }
}

#[test]
fn workers_that_do_not_fit_together_are_refused_at_the_start() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()));
    let mut number = 0;
    let mut refused = |leading: TrainingConfig<StarGan>,
                       following: &TrainingConfig<StarGan>,
                       others: &Folder| {
        number += 1;
        let run = folder.path().join(format!("{number}"));
        let (data, device) = (&data, Default::default());
        let (leader, follower) = two(
            |link| {
                Trainer::<Cpu, StarGan>::new(run, leading, &device)?.lead(link)?.run(data, &mut ())
            },
            |link| Follower::<Cpu, StarGan>::join(link, Some(following), &device)?.run(others),
        );
        [leader, follower].map(|ended| ended.unwrap_err().to_string())
    };

    let [leader, follower] =
        refused(config.clone().with_run(|run| run.with_learning_rate(2e-3)), &config, &data);
    let difference = "the configurations differ: run.learning_rate is 0.001 here and 0.002 at \
                      worker 0; start all workers \
                      with the same settings";
    assert_eq!(follower, difference);
    assert_eq!(leader, format!("worker 1 has ended the run: {difference}"));
    // A worker's own number of threads is no such thing.
    let mut threads = config.clone();
    threads.run.loader_threads = 5;
    colours(&folder.path().join("fewer"));
    std::fs::remove_file(folder.path().join("fewer/red/3.png")).unwrap();
    let fewer = Folder::open(folder.path().join("fewer")).unwrap();
    let [leader, follower] = refused(config.clone(), &threads, &fewer);
    let difference = "the data are not those of worker 0: the dataset \"data\" had 18 images, it \
                      has 17 now (\"before\" is at worker 0, \"now\" here)";
    assert!(follower.contains(difference), "{follower}");
    assert!(leader.contains(&format!("worker 1 has ended the run: {difference}")), "{leader}");

    let five = config.clone().with_run(|run| run.with_batch_size(5));
    let [leader, follower] = refused(five.clone(), &five, &data);
    assert!(leader.starts_with("a batch of 5 has no equal part for each of 2 workers"), "{leader}");
    assert_eq!(follower, format!("worker 0 has ended the run: {leader}"));
    let dragan = config.with_recipe(|recipe| recipe.with_penalty(Penalty::Dragan));
    let [leader, _] = refused(dragan.clone(), &dragan, &data);
    assert!(
        leader.starts_with("the penalty dragan takes a standard deviation over the whole batch")
    );

    let busy = workers::<Flex>(&[Default::default(), Default::default()], None).unwrap();
    let error = workers::<Flex>(&[Default::default(), Default::default()], None).unwrap_err();
    assert!(error.to_string().contains("has a group of workers already"), "{error}");
    drop(busy);
}

#[test]
fn what_ends_one_worker_ends_all() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()))
        .with_run(|run| run.with_checkpoint_every(4));
    let device = Default::default();

    // An image that only one of them can't read.
    let broken = colours(&folder.path().join("broken"));
    std::fs::write(folder.path().join("broken/red/2.png"), "no image").unwrap();
    let run = folder.path().join("unreadable");
    let (leader, follower) = two(
        |link| {
            Trainer::<Cpu, StarGan>::new(&run, config.clone(), &device)?
                .lead(link)?
                .run(&data, &mut ())
        },
        |link| Follower::<Cpu, StarGan>::join(link, None, &device)?.run(&broken),
    );
    assert!(follower.unwrap_err().to_string().contains("2.png"));
    let leader = leader.unwrap_err();
    assert!(
        matches!(&leader, Error::Workers(message) if message.contains("another worker is gone")),
        "{leader}"
    );

    // A worker that panics.
    let run = folder.path().join("panic");
    let (leader, follower) = two(
        |link| {
            Trainer::<Cpu, StarGan>::new(&run, config.clone(), &device)?
                .lead(link)?
                .run(&data, &mut ())
        },
        |link| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _follower = Follower::<Cpu, StarGan>::join(link, None, &device);
                std::panic::resume_unwind(Box::new("a bug"));
            }))
        },
    );
    assert!(follower.is_err() && leader.unwrap_err().to_string().contains("is gone"));

    // Worker 0 panics, in hands that outlive the panic.
    struct Bug;
    impl Observer<Cpu> for Bug {
        fn iteration(&mut self, _: &Run<'_, Cpu>, _: &Iteration<'_, Cpu>) -> Result<()> {
            std::panic::resume_unwind(Box::new("a bug"));
        }
    }
    let run = folder.path().join("observer");
    let (leader, follower) = two(
        |link| {
            let trainer = Trainer::<Cpu, StarGan>::new(&run, config.clone(), &device).unwrap();
            let mut trainer = trainer.lead(link).unwrap();
            let run = std::panic::AssertUnwindSafe(|| trainer.run(&data, &mut Bug));
            (std::panic::catch_unwind(run).is_err(), trainer)
        },
        |link| Follower::<Cpu, StarGan>::join(link, None, &device)?.run(&data),
    );
    assert!(leader.0 && follower.unwrap_err().to_string().contains("is gone"));
    let again = { leader.1 }.run(&data, &mut ()).unwrap_err().to_string();
    assert!(again.contains("this worker has left its run"), "{again}");

    // A stop, at whichever worker: all come to the same iteration, and the checkpoint is there.
    let run = folder.path().join("stopped");
    let (leader, follower) = two(
        |link| {
            let mut trainer =
                Trainer::<Cpu, StarGan>::new(&run, config.clone(), &device)?.lead(link)?;
            trainer.run(&data, &mut ())
        },
        |link| {
            let mut follower = Follower::<Cpu, StarGan>::join(link, None, &device)?;
            follower.stop_flag().store(true, Ordering::Relaxed);
            follower.run(&data)
        },
    );
    let checkpoint = run.join("checkpoints/00000000.safetensors");
    assert_eq!(
        [leader.unwrap(), follower.unwrap()]
            .map(|o| o == Outcome::Stopped { checkpoint: checkpoint.clone() }),
        [true; 2]
    );
    assert_eq!(names(run.join("checkpoints")), ["00000000.safetensors"]);
}
