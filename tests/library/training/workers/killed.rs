//! A worker's process that is killed ends the others, and the run goes on.

use std::thread;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::ports::ports;
use crate::training::setup::{Content, colours, newest, one_at_a_time, test_name};
use crate::training::workers::{process, processes, work_if_told};

/// How long the other processes may go on after one has been killed. What they do for that is at
/// once; a machine that is at work elsewhere may take its time to let them.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn killed_at_ten_moments_the_run_goes_on_from_its_last_checkpoint() {
    const ITERATIONS: u64 = 40;
    work_if_told();
    let name = "killed_at_ten_moments_the_run_goes_on_from_its_last_checkpoint";
    let test = &test_name(module_path!(), name);
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    colours(&folder.path().join("data"));
    let run = folder.path().join("run");
    let last = run.join(format!("checkpoints/{ITERATIONS:08}.safetensors"));
    let began = Instant::now();
    processes(test, [2, 1], ITERATIONS, folder.path());
    let whole_run = began.elapsed();
    let expected = Content::of(&last);
    std::fs::remove_dir_all(&run).unwrap();

    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut kills, mut reached, mut slowest) = ([0, 0], 0, Duration::ZERO);
    let mut patience = whole_run;
    for attempt in 0.. {
        if kills[0] + kills[1] == 10 {
            break;
        }
        assert!(attempt < 100, "only {kills:?} of {attempt} kills met a run");
        let port = ports(2);
        let start = |rank| process(test, [rank, 2, 1], port, ITERATIONS, folder.path());
        let mut children = [start(0), start(1)];
        thread::sleep(patience.mul_f64(rng.random_range(0.3..0.9)));
        let victim = rng.random_range(0..2);
        children[victim].kill().unwrap();
        let killed = Instant::now();
        let killed_in_time = !children[victim].wait().unwrap().success();
        let mut other = children.into_iter().nth(1 - victim).unwrap();
        while other.try_wait().unwrap().is_none() {
            assert!(killed.elapsed() < NOTICED_WITHIN, "process {} hangs", 1 - victim);
            thread::sleep(Duration::from_millis(5));
        }
        let output = other.wait_with_output().unwrap();
        if killed_in_time && !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            let expected = ["is gone", "has gone", "have not come", "has not come", "not answer"];
            assert!(expected.iter().any(|text| message.contains(text)), "{message}");
            slowest = slowest.max(killed.elapsed());
            kills[victim] += 1;
        } else {
            // The machine has become faster than it was.
            patience = patience.mul_f64(0.8);
        }
        let newest = newest(&run);
        assert!(newest >= reached, "checkpoint {reached} is lost, {newest} is left");
        reached = newest;
        if reached == ITERATIONS {
            // The end is compared too, and the next kill meets another run.
            assert_eq!(Content::of(&last).tensors, expected.tensors);
            std::fs::remove_dir_all(&run).unwrap();
            reached = 0;
        }
    }
    processes(test, [2, 1], ITERATIONS, folder.path());
    assert_eq!(Content::of(&last).tensors, expected.tensors, "as the uninterrupted run");
    println!("killed: {kills:?} of processes 0 and 1; noticed within {slowest:.1?}");
}
