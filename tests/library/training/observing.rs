//! Observers that end a run or keep its best, functions among them.

use std::fs;

use stargan::burn::backend::Flex;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::metrics::{CounterfactualLog, Counterfactuals};
use stargan::{
    Best, Better, Criterion, CsvLog, Dataset, EarlyStopping, Folder, Iteration, KeepBest,
    LabelSpaces, Metric, Observer, Outcome, Result, Run, StarGan, Trainer, Translator,
    on_iteration,
};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, one_at_a_time, tiny,
};

/// Records the metric `error` in every iteration: the value of that number in a list.
struct Errors(Vec<f64>);

impl<B: AutodiffBackend> Observer<B> for Errors {
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        run.record(Metric::new("error", self.0[iteration.number as usize - 1], Better::Lower));
        Ok(())
    }
}

type Observers<'a> = Vec<Box<dyn Observer<Cpu> + 'a>>;

/// A trainer in a folder that goes away, and its data.
fn begun() -> (tempfile::TempDir, Trainer<Cpu, StarGan>, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()));
    let trainer = Trainer::new(folder.path().join("run"), config, &Default::default()).unwrap();
    (folder, trainer, data)
}

#[test]
fn a_function_steers_a_run_and_stops_it() {
    let _turn = one_at_a_time();
    let (_folder, mut trainer, data) = begun();
    let mut rates = Vec::new();
    let mut observer = on_iteration(|run, iteration| {
        rates.push(iteration.learning_rate);
        match iteration.number {
            3 => run.set_learning_rate(run.base_learning_rate() / 2.0),
            5 => run.stop(),
            _ => {}
        }
        Ok(())
    });
    let outcome = trainer.run(&data, &mut observer).unwrap();
    assert!(matches!(outcome, Outcome::Stopped { .. }));
    assert_eq!(rates, [1e-3, 1e-3, 1e-3, 5e-4, 5e-4]);
}

#[test]
fn a_run_stops_after_so_many_measurements_without_a_gain() {
    let _turn = one_at_a_time();
    let (_folder, mut trainer, data) = begun();
    // What is not finite is for the run's policy, and no measurement.
    let errors = [5.0, 4.0, 4.5, 4.2, 3.0, 3.1, f64::NAN, 3.0, 3.2];
    let mut stopping = EarlyStopping::new(Criterion::metric("error"), 3);
    let mut observers: Observers<'_> =
        vec![Box::new(&mut stopping), Box::new(Errors(errors.to_vec()))];
    trainer.run(&data, &mut observers).unwrap();
    drop(observers);
    assert_eq!((trainer.iteration(), stopping.stopped()), (9, Some(9)));
    let best = stopping.best().unwrap();
    assert_eq!((best.iteration, best.value, &best.name[..]), (5, 3.0, "error"));
}

#[test]
fn a_loss_is_followed_by_its_means_and_one_that_is_not_there_is_an_error() {
    let _turn = one_at_a_time();
    let (folder, mut trainer, data) = begun();
    // No mean is better by so much, so the first is the best.
    let loss = Criterion::loss("g/reconstruction", 3).with_min_gain(1e6);
    let mut stopping = EarlyStopping::new(loss, 2);
    let mut observers: Observers<'_> = vec![Box::new(&mut stopping), Box::new(CsvLog::every(1))];
    trainer.run(&data, &mut observers).unwrap();
    drop(observers);
    // Of three iterations, rounded up to four since G learns in every other one.
    assert_eq!(stopping.stopped(), Some(12));
    let log = fs::read_to_string(folder.path().join("run/log.csv")).unwrap();
    let value = |number: u64| -> f64 {
        let is_it = |row: &&str| {
            row.starts_with(&format!("{number},")) && row.contains("data/g/reconstruction")
        };
        log.lines().find(is_it).unwrap().rsplit(',').next().unwrap().parse().unwrap()
    };
    let best = stopping.best().unwrap();
    assert_eq!(best.iteration, 4);
    assert!((best.value - (value(2) + value(4)) / 2.0).abs() < 1e-6, "{best:?}\n{log}");

    let mut nothing = EarlyStopping::new(Criterion::loss("g/beauty", 2), 1);
    let error = trainer.run(&data, &mut nothing).unwrap_err().to_string();
    assert!(error.contains("no loss term is called \"g/beauty\"; the run has data/d/"), "{error}");
}

#[test]
fn a_loss_is_followed_though_the_run_was_resumed_just_before_a_mean() {
    let _turn = one_at_a_time();
    let (folder, trainer, data) = begun();
    drop(trainer);
    let config = tiny(LabelSpaces::single(data.labels().clone()));
    let config = config.with_run(|run| run.with_iterations(50));
    let run = folder.path().join("long");
    let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &Default::default()).unwrap();
    trainer.run(&data, &mut StopAfter(49)).unwrap();
    drop(trainer);
    let mut trainer = Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).unwrap();
    let mut stopping = EarlyStopping::new(Criterion::loss("g/reconstruction", 50), 1);
    trainer.run(&data, &mut stopping).unwrap();
    assert_eq!(stopping.best().map(|best| best.iteration), Some(50));
    let mut endless = EarlyStopping::new(Criterion::loss("g/reconstruction", u64::MAX), 1);
    trainer.set_run(|run| run.with_iterations(52)).unwrap();
    trainer.run(&data, &mut endless).unwrap();
    assert_eq!(endless.stopped(), None);
}

#[test]
fn the_best_model_is_kept_and_a_resumed_run_knows_its_value() {
    let _turn = one_at_a_time();
    let (folder, mut trainer, data) = begun();
    let run = folder.path().join("run");
    let keep = || KeepBest::new(Criterion::metric("error"));
    let mut errors = vec![5.0, 4.0, 6.0, 3.0, 7.0];
    let stop = on_iteration(|run, iteration| {
        if iteration.number == 5 {
            run.stop();
        }
        Ok(())
    });
    let mut observers: Observers<'_> =
        vec![Box::new(Errors(errors.clone())), Box::new(keep()), Box::new(stop)];
    trainer.run(&data, &mut observers).unwrap();
    drop((observers, trainer));
    let kept = |run: &std::path::Path| -> (u64, Best) {
        let content = Content::of(&run.join("best.safetensors"));
        let best = fs::read_to_string(run.join("best.json")).unwrap();
        let iteration = content.description["training"]["iteration"].as_u64().unwrap();
        (iteration, serde_json::from_str(&best).unwrap())
    };
    let (iteration, best) = kept(&run);
    assert_eq!((iteration, best.iteration, best.value), (4, 4, 3.0));

    let mut trainer = Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).unwrap();
    errors.extend([3.5, 9.0, 9.0, 2.0, 2.5]);
    errors.resize(20, 8.0);
    let mut best = keep();
    let mut observers: Observers<'_> = vec![
        Box::new(Errors(errors)),
        Box::new(&mut best),
        Box::new(on_iteration(|run, _| {
            let found = kept(run.folder()).0;
            assert_eq!(found, if run.iteration() < 10 { 4 } else { 9 });
            Ok(())
        })),
    ];
    let finished = trainer.run(&data, &mut observers).unwrap();
    drop(observers);
    assert_eq!(best.best().map(|best| best.iteration), Some(9));
    assert_ne!(
        Content::of(checkpoint_of(&finished)).tensors,
        Content::of(&run.join("best.safetensors")).tensors
    );
    drop(trainer);

    // It translates, and the run can go on from it.
    Translator::<Flex>::open(run.join("best.safetensors"), &Default::default()).unwrap();
    let from = run.join("best.safetensors");
    let trainer = Trainer::<Cpu, StarGan>::resume_from(&run, from, &Default::default()).unwrap();
    assert_eq!(trainer.iteration(), 9);

    // One that goes on from before it makes those iterations again.
    drop(trainer);
    let earlier = run.join("checkpoints/00000005.safetensors");
    let mut trainer =
        Trainer::<Cpu, StarGan>::resume_from(&run, earlier, &Default::default()).unwrap();
    let mut best = keep();
    let mut observers: Observers<'_> = vec![
        Box::new(Errors(vec![8.0; 20])),
        Box::new(&mut best),
        Box::new(on_iteration(|run, _| {
            run.stop();
            Ok(())
        })),
    ];
    trainer.run(&data, &mut observers).unwrap();
    drop(observers);
    assert_eq!(best.best().map(|best| (best.iteration, best.value)), Some((6, 8.0)));
    assert_eq!(kept(&run).0, 6);
    assert!(run.join("best-00000009.safetensors").exists());
    assert!(run.join("best-00000009.json").exists());

    let mut other = KeepBest::new(Criterion::metric("beauty"));
    let error = trainer.run(&data, &mut other).unwrap_err().to_string();
    assert!(error.contains("best.json: expected the best \"beauty\", found that of"), "{error}");
    assert!(error.contains("move it and best.safetensors away"), "{error}");
}

#[test]
fn errors_against_the_truth_are_metrics() {
    let _turn = one_at_a_time();
    let (folder, mut trainer, data) = begun();
    let pairs = Counterfactuals::between_classes(std::sync::Arc::new(data.clone()), 0).unwrap();
    let mut log = CounterfactualLog::new(vec![pairs], 5).unwrap();
    let mut best = KeepBest::new(Criterion::metric("total/psnr"));
    let mut observers: Observers<'_> = vec![Box::new(&mut best), Box::new(&mut log)];
    trainer.run(&data, &mut observers).unwrap();
    drop(observers);
    let csv = fs::read_to_string(folder.path().join("run/metrics.csv")).unwrap();
    let psnr = csv.lines().filter(|row| row.contains(",total,")).map(|row| {
        let cells: Vec<_> = row.split(',').collect();
        (cells[7].parse::<f64>().unwrap(), cells[0].parse::<u64>().unwrap())
    });
    let (value, iteration) = psnr.fold((0.0, 0), |best, at| if at.0 > best.0 { at } else { best });
    let best = best.best().unwrap();
    assert_eq!(best.iteration, iteration);
    assert!((best.value - value).abs() < 1e-5, "{best:?}\n{csv}");
}
