//! Workers compute what one computes.

use std::path::Path;

use stargan::{CsvLog, Dataset, Folder, LabelSpaces, StarGan, Trainer};

use crate::training::one_update::{compare, one_iteration, still};
use crate::training::setup::{Content, Cpu, checkpoint_of, colours, one_at_a_time, tiny};
use crate::training::workers::{assert_identical, threads};

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
