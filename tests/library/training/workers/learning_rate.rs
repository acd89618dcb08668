//! A learning rate that worker 0's observer changes is changed at every worker.

use stargan::engine::Follower;
use stargan::{LabelSpaces, RunSettings, Schedule, StarGan, Trainer};

use crate::training::learning_rate::Rates;
use crate::training::setup::{Content, Cpu, colours, one_at_a_time, tiny};
use crate::training::workers::two;

#[test]
fn all_workers_change_it_after_the_same_iteration() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let constant = |run: RunSettings| run.with_schedule(Schedule::Constant);
    let config = tiny(LabelSpaces::single(stargan::Dataset::labels(&data).clone()));
    let config = config.with_run(constant);
    let (run, device) = (folder.path().join("run"), Default::default());
    let mut rates = Rates::new().change(3, 5e-4).change(13, 2e-4);
    let (leader, follower) = two(
        |link| {
            let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &device)?.lead(link)?;
            trainer.run(&data, &mut rates)
        },
        |link| {
            let mut follower = Follower::<Cpu, StarGan>::join(link, None, &device)?;
            follower.run(&data)?;
            Ok::<_, stargan::Error>(follower)
        },
    );
    leader.unwrap();
    // Asked for in an iteration, it holds after the next multiple of ten. The workers compare their
    // weights at the end: one that went on at the earlier rate would have other ones.
    let expected = (1..=20).map(|number| (number, if number > 10 { 5e-4 } else { 1e-3 }));
    assert!(rates.found.iter().copied().eq(expected), "{:?}", rates.found);
    let follower = follower.unwrap();
    // The last change is for the iterations that a resumed run would add.
    assert_eq!(follower.trainer().learning_rate(), 2e-4);
    assert_eq!(follower.config().run.learning_rate, 2e-4);
    let saved = Content::of(&run.join("checkpoints/00000020.safetensors")).description;
    assert_eq!(saved["training"]["config"]["run"]["learning_rate"], 2e-4);
}
