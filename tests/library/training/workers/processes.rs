//! Processes compute what one worker computes.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use stargan::burn::backend::Flex;
use stargan::engine::{MpiJob, workers};
use stargan::{Dataset, Folder, LabelSpaces};

use crate::mpirun::mpirun;
use crate::training::one_update::{compare, still};
use crate::training::setup::{Content, colours, one_at_a_time, test_name, tiny};
use crate::training::workers::equal::single;
use crate::training::workers::{assert_identical, threads, work};

/// Tells a copy of this test program what to do as one of several processes: its devices, the
/// iterations and the folder.
const PROCESS: &str = "STARGAN_TEST_PROCESS";

const TEST: &str = "processes_compute_what_one_worker_does";

#[test]
fn processes_compute_what_one_worker_does() {
    if let Ok(told) = std::env::var(PROCESS) {
        return train(&told);
    }
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let single = single(folder.path(), &data);
    let run = folder.path().join("run");
    for [count, devices] in [[2, 1], [4, 1], [2, 2]] {
        processes([count, devices], 1, folder.path());
        compare(&run, &single, &format!("{count} processes of {devices}"));
        std::fs::remove_dir_all(&run).unwrap();
        let first = longer(&run, [count, devices]);
        match [count, devices] {
            // Two threads add the same two numbers, in whichever order: a gradient that either lost
            // would tell.
            [2, 1] => {
                let config = tiny(LabelSpaces::single(data.labels().clone()))
                    .with_run(|run| run.with_iterations(50));
                let other = folder.path().join("threads");
                threads(2, &other, &config, &data).into_iter().for_each(|o| drop(o.unwrap()));
                assert!(model(&other) == first, "as two threads");
            }
            // The same bits from run to run.
            _ => assert!(longer(&run, [count, devices]) == first, "{count} of {devices}, again"),
        }
    }
}

/// The model after 50 iterations, which all workers have alike.
fn longer(run: &Path, [count, devices]: [usize; 2]) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    processes([count, devices], 50, run.parent().unwrap());
    assert_identical(run, count * devices);
    std::fs::remove_dir_all(run).unwrap();
    model(run)
}

fn model(run: &Path) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    Content::of(&run.with_extension("0.safetensors")).tensors
}

/// Trains by copies of this program.
fn processes([processes, devices]: [usize; 2], iterations: u64, folder: &Path) {
    let output = mpirun(processes)
        .arg(std::env::current_exe().unwrap())
        .args([&test_name(module_path!(), TEST), "--exact", "--nocapture"])
        .env(PROCESS, format!("{devices},{iterations},{}", folder.display()))
        .output()
        .expect("mpirun starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What such a copy does.
fn train(told: &str) {
    let [devices, iterations, folder] = told.splitn(3, ',').collect::<Vec<_>>().try_into().unwrap();
    let (devices, iterations) = (devices.parse::<usize>().unwrap(), iterations.parse().unwrap());
    let folder = Path::new(folder);
    let data = &Folder::open(folder.join("data")).unwrap();
    let spaces = LabelSpaces::single(data.labels().clone());
    let config = &match iterations {
        1 => still(spaces),
        _ => tiny(spaces).with_run(|run| run.with_iterations(iterations)),
    };
    let run = &folder.join("run");
    let job = MpiJob::join().unwrap();
    let link = Box::new(job.link());
    let workers = workers::<Flex>(&vec![Default::default(); devices], Some(link)).unwrap();
    thread::scope(|scope| {
        for worker in workers {
            scope.spawn(move || work(worker, run, config, data).unwrap());
        }
    });
    job.finish().unwrap();
}
