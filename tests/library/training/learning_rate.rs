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
    let error = trainer.set_learning_rate(0.0).unwrap_err().to_string();
    assert!(error.contains("learning_rate is 0; it must be between"), "{error}");
    assert_eq!(trainer.config().run.learning_rate, 5e-4);
    trainer.set_learning_rate(1e-4).unwrap();
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
