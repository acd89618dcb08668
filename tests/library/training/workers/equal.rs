//! Workers compute what one computes.

use std::path::Path;

use stargan::{CsvLog, Dataset, Folder, LabelSpaces, StarGan, Trainer};

use crate::training::setup::{
    Content, Cpu, checkpoint_of, colours, one_at_a_time, test_name, tiny,
};
use crate::training::workers::{assert_identical, floats, processes, still, threads, work_if_told};

/// Of a gradient's largest value. A worker's mean over its share and the mean of these round
/// otherwise than the mean over the whole batch: float32 rounding of sums over some thousand
/// pixels.
const GRADIENT_TOLERANCE: f64 = 1e-4;

/// Of a loss term, which is logged with as many digits.
const LOSS_TOLERANCE: f64 = 1e-4;

/// The moments of Adam after one iteration, which are the gradients and their squares but for
/// constant factors, and the loss terms.
fn one_iteration(run: &Path) -> (Content, Vec<f64>) {
    let mut content = Content::of(&run.join("checkpoints/00000001.safetensors"));
    content.tensors.retain(|name, _| name.starts_with("adam."));
    let log = std::fs::read_to_string(run.join("log.csv")).unwrap();
    let values = log.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap());
    (content, values.collect())
}

fn compare_with_one(run: &Path, single: &(Content, Vec<f64>), name: &str) {
    let (found, losses) = one_iteration(run);
    let mut worst = (0.0_f64, "");
    assert_eq!(found.tensors.len(), single.0.tensors.len());
    for (name, (_, expected)) in &single.0.tensors {
        let (expected, found) = (floats(expected), floats(&found.tensors[name].1));
        let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let error = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // A gradient that is zero but for rounding, as of what an instance norm takes away again.
        if largest > 1e-12 {
            worst = if error / largest > worst.0 { (error / largest, name) } else { worst };
        }
    }
    println!("{name}: gradients {:.1e} of the largest ({})", worst.0, worst.1);
    assert!(worst.0 <= GRADIENT_TOLERANCE, "{name}: {worst:?}");
    assert_eq!(losses.len(), single.1.len());
    for (found, expected) in losses.iter().zip(&single.1) {
        assert!((found - expected).abs() <= LOSS_TOLERANCE * expected.abs().max(0.01));
    }
}

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
        compare_with_one(&run, &single, &format!("{count} threads"));

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
        compare_with_one(&run, &single, &format!("{count} processes of {devices}"));
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
