//! A learning rate that changes in the middle of a run, by an observer or by the hand that resumes
//! it.

use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{
    Dataset, Iteration, LabelSpaces, Observer, Outcome, Result, Run, Schedule, StarGan, Trainer,
};

use crate::training::setup::{Content, Cpu, checkpoint_of, colours, one_at_a_time, tiny};

/// Notes the rate of every iteration, and asks for other ones.
pub struct Rates {
    pub found: Vec<(u64, f64)>,
    changes: Vec<(u64, f64)>,
    stop_after: Option<u64>,
}

impl Rates {
    pub fn new() -> Self {
        Self { found: Vec::new(), changes: Vec::new(), stop_after: None }
    }

    /// Asks for `rate` in an iteration.
    pub fn change(mut self, iteration: u64, rate: f64) -> Self {
        self.changes.push((iteration, rate));
        self
    }

    /// Stops the run after an iteration.
    fn stop_after(mut self, iteration: u64) -> Self {
        self.stop_after = Some(iteration);
        self
    }
}

impl<B: AutodiffBackend> Observer<B> for Rates {
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        assert_eq!(run.learning_rate(), iteration.learning_rate);
        self.found.push((iteration.number, iteration.learning_rate));
        for (number, rate) in &self.changes {
            if *number == iteration.number {
                run.set_learning_rate(*rate);
            }
        }
        if self.stop_after == Some(iteration.number) {
            run.stop();
        }
        Ok(())
    }
}

fn saved_rate(outcome: &Outcome) -> f64 {
    let description = Content::of(checkpoint_of(outcome)).description;
    description["training"]["config"]["run"]["learning_rate"].as_f64().unwrap()
}

#[test]
fn an_observer_changes_it_and_stops_and_the_hand_that_resumes_changes_it_again() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()))
        .with_run(|run| run.with_schedule(Schedule::Constant));
    let (run, device) = (folder.path().join("run"), Default::default());

    let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &device).unwrap();
    let mut rates = Rates::new().change(6, 5e-4).stop_after(9);
    let stopped = trainer.run(&data, &mut rates).unwrap();
    assert!(matches!(stopped, Outcome::Stopped { .. }));
    let expected = (1..=9).map(|number| (number, if number > 6 { 5e-4 } else { 1e-3 }));
    assert!(rates.found.iter().copied().eq(expected), "{:?}", rates.found);
    assert_eq!(saved_rate(&stopped), 5e-4);
    drop(trainer);

    let mut trainer = Trainer::<Cpu, StarGan>::resume(&run, &device).unwrap();
    assert_eq!((trainer.iteration(), trainer.config().run.learning_rate), (9, 5e-4));
    let error = trainer.set_run(|run| run.with_learning_rate(0.0)).unwrap_err().to_string();
    assert!(error.contains("learning_rate is 0; it must be between"), "{error}");
    assert_eq!(trainer.config().run.learning_rate, 5e-4);
    trainer.set_run(|run| run.with_learning_rate(1e-4)).unwrap();
    let mut rates = Rates::new();
    let finished = trainer.run(&data, &mut rates).unwrap();
    assert!(rates.found.iter().copied().eq((10..=20).map(|number| (number, 1e-4))));
    assert_eq!(saved_rate(&finished), 1e-4);
}

#[test]
fn a_rate_that_can_not_be_ends_the_run() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()));
    let run = folder.path().join("run");
    let mut trainer = Trainer::<Cpu, StarGan>::new(run, config, &Default::default()).unwrap();
    let error = trainer.run(&data, &mut Rates::new().change(2, f64::NAN)).unwrap_err().to_string();
    assert!(error.contains("learning_rate is NaN; it must be between"), "{error}");
    assert_eq!(trainer.iteration(), 2);
}

/// How far every network's weights are moved by the first updates at these rates: one of D, or the
/// second of D with the first of G.
fn moved(rate: f64, discriminator: Option<f64>, schedule: Schedule) -> [f32; 2] {
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone())).with_run(|run| {
        run.with_learning_rate(rate)
            .with_discriminator_learning_rate(discriminator)
            .with_schedule(schedule)
            .with_iterations(2)
            .with_checkpoint_every(1)
    });
    let run = folder.path().join("run");
    let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &Default::default()).unwrap();
    trainer.run(&data, &mut ()).unwrap();
    let [before, after] = [1, 2].map(|number| {
        Content::of(&run.join(format!("checkpoints/{number:08}.safetensors"))).tensors
    });
    ["generator.", "discriminator."].map(|network| {
        let names = before.keys().filter(|name| name.starts_with(network));
        let distances = names.flat_map(|name| {
            let values = |bytes: &[u8]| -> Vec<f32> {
                bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
            };
            let pairs = values(&before[name].1).into_iter().zip(values(&after[name].1));
            pairs.map(|(before, after)| (before - after).abs()).collect::<Vec<_>>()
        });
        distances.fold(0.0, f32::max)
    })
}

#[test]
fn the_discriminator_may_have_its_own_rate() {
    let _turn = one_at_a_time();
    let [g, d] = moved(1e-3, None, Schedule::Constant);
    // Adam's first updates are about the rate itself.
    let near = |found: f32, expected: f32| (found / expected - 1.0).abs() < 0.1;
    assert!(near(g, 1e-3) && near(d, 1e-3), "{g} {d}");
    let [same_g, slow_d] = moved(1e-3, Some(1e-4), Schedule::Constant);
    assert!(near(same_g, 1e-3) && near(slow_d, 1e-4), "{same_g} {slow_d}");
    let step = Schedule::Step { every: 1, factor: 0.1 };
    let [slow_g, slower_d] = moved(1e-3, Some(1e-4), step);
    assert!(near(slow_g, 1e-4) && near(slower_d, 1e-5), "{slow_g} {slower_d}");
}

#[test]
fn whoever_changes_the_rate_changes_the_discriminators_with_it() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone())).with_run(|run| {
        run.with_schedule(Schedule::Constant).with_discriminator_learning_rate(Some(4e-3))
    });
    let run = folder.path().join("run");
    let device = Default::default();
    let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &device).unwrap();
    trainer.run(&data, &mut Rates::new().change(6, 5e-4).stop_after(7)).unwrap();
    let rates = |trainer: &Trainer<Cpu, StarGan>| {
        (trainer.learning_rate(), trainer.discriminator_learning_rate())
    };
    assert_eq!(rates(&trainer), (5e-4, 2e-3));
    drop(trainer);

    let mut trainer = Trainer::<Cpu, StarGan>::resume(&run, &device).unwrap();
    assert_eq!(rates(&trainer), (5e-4, 2e-3));
    trainer.set_run(|run| run.with_learning_rate(1e-3)).unwrap();
    assert_eq!(rates(&trainer), (1e-3, 4e-3));
    trainer.set_run(|run| run.with_discriminator_learning_rate(None)).unwrap();
    assert_eq!(rates(&trainer), (1e-3, 1e-3));
    let error = trainer
        .set_run(|run| run.with_discriminator_learning_rate(Some(0.0)))
        .unwrap_err()
        .to_string();
    assert!(error.contains("discriminator_learning_rate is 0; it must be between"), "{error}");
}
