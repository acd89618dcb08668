//! Workers compute what one computes.

use std::path::Path;

use stargan::engine::Follower;
use stargan::{CsvLog, Dataset, Folder, LabelSpaces, StarGan, StarGanV2, Trainer};

use crate::training::one_update::{compare, one_iteration, still};
use crate::training::setup::{Content, Cpu, checkpoint_of, colours, one_at_a_time, tiny};
use crate::training::styles;
use crate::training::workers::{assert_identical, threads, two};

pub fn single(folder: &Path, data: &Folder) -> (Content, Vec<f64>) {
    let config = still(LabelSpaces::single(data.labels().clone()));
    let run = folder.join("single");
    let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &Default::default()).unwrap();
    trainer.run(data, &mut CsvLog::every(1)).unwrap();
    one_iteration(&run)
}

#[test]
fn threads_compute_what_one_worker_does() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let single = single(folder.path(), &data);
    for count in [2, 4] {
        let config = still(LabelSpaces::single(data.labels().clone()));
        let run = folder.path().join(format!("{count}"));
        for outcome in threads(count, &run, &config, &data) {
            assert_eq!(
                checkpoint_of(&outcome.unwrap()),
                run.join("checkpoints/00000001.safetensors")
            );
        }
        compare(&run, &single, &format!("{count} threads"));

        let config = tiny(config.recipe.spaces).with_run(|run| run.with_iterations(50));
        let run = folder.path().join(format!("{count} longer"));
        threads(count, &run, &config, &data).into_iter().for_each(|outcome| drop(outcome.unwrap()));
        assert_identical(&run, count);
    }
}

#[test]
fn two_threads_compute_what_one_worker_does_of_stargan_v2() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config =
        styles::tiny(&data).with_run(|run| run.with_learning_rate(1e-9).with_iterations(1));
    let device = Default::default();
    let [alone, together] = ["alone", "together"].map(|name| folder.path().join(name));
    let mut trainer = Trainer::<Cpu, StarGanV2>::new(&alone, config.clone(), &device).unwrap();
    trainer.run(&data, &mut CsvLog::every(1)).unwrap();
    let (leader, follower) = two(
        |link| {
            let trainer = Trainer::<Cpu, StarGanV2>::new(&together, config.clone(), &device)?;
            trainer.lead(link)?.run(&data, &mut CsvLog::every(1))
        },
        |link| Follower::<Cpu, StarGanV2>::join(link, Some(&config), &device)?.run(&data),
    );
    [leader, follower].into_iter().for_each(|outcome| drop(outcome.unwrap()));
    compare(&together, &one_iteration(&alone), "2 threads of StarGAN v2's");
}
