//! Workers compute what one computes.

use std::path::Path;

use stargan::{CsvLog, Dataset, Folder, LabelSpaces, StarGan, Trainer};

use crate::training::one_update::{compare, one_iteration, still};
use crate::training::setup::{
    Content, Cpu, checkpoint_of, colours, one_at_a_time, test_name, tiny,
};
use crate::training::workers::{assert_identical, processes, threads, work_if_told};

fn single(folder: &Path, data: &Folder) -> (Content, Vec<f64>) {
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
fn processes_compute_what_one_worker_does() {
    work_if_told();
    let test = &test_name(module_path!(), "processes_compute_what_one_worker_does");
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let single = single(folder.path(), &data);
    let run = folder.path().join("run");
    for [count, devices] in [[2, 1], [4, 1], [2, 2]] {
        processes(test, [count, devices], 1, folder.path());
        compare(&run, &single, &format!("{count} processes of {devices}"));
        std::fs::remove_dir_all(&run).unwrap();
        processes(test, [count, devices], 50, folder.path());
        assert_identical(&run, count * devices);
        if [count, devices] == [2, 1] {
            // Two threads add the same two numbers, in whichever order: a gradient that either lost
            // would tell.
            let config = tiny(LabelSpaces::single(data.labels().clone()))
                .with_run(|run| run.with_iterations(50));
            let other = folder.path().join("threads");
            threads(2, &other, &config, &data).into_iter().for_each(|o| drop(o.unwrap()));
            let model = |run: &Path| Content::of(&run.with_extension("0.safetensors")).tensors;
            assert_eq!(model(&other), model(&run));
        }
        std::fs::remove_dir_all(&run).unwrap();
    }
}
