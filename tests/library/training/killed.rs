//! A training process that is killed at any moment loses no more than the iterations since its last
//! checkpoint.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use stargan::{CsvLog, Dataset, Folder, LabelSpaces, StarGan, Trainer};

use crate::training::setup::{
    Content, Cpu, checkpoint_of, colours, newest, one_at_a_time, test_name, tiny,
};

/// Tells a copy of this test program which folder's run to begin or to go on with.
const FOLDER: &str = "STARGAN_TEST_KILLED";

const TEST: &str = "killed_at_fifty_moments_it_ends_as_the_uninterrupted_run";

const KILLS: usize = 50;
const ITERATIONS: u64 = 40;

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// While it writes its checkpoint of that number since its start.
    InCheckpoint(usize),
}

#[test]
fn killed_at_fifty_moments_it_ends_as_the_uninterrupted_run() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return train(Path::new(&folder));
    }
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    colours(&folder.path().join("data"));

    let began = Instant::now();
    assert!(process(folder.path()).wait().unwrap().success());
    let whole_run = began.elapsed();
    let last = format!("{ITERATIONS:08}.safetensors");
    let run = folder.path().join("run");
    let expected = Content::of(&run.join("checkpoints").join(&last));
    let expected_log = fs::read_to_string(run.join("log.csv")).unwrap();
    fs::remove_dir_all(&run).unwrap();

    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut kills, mut runs, mut in_checkpoints) = (0, 0, 0);
    let mut reached = 0;
    while kills < KILLS || run.exists() {
        let mut child = process(folder.path());
        // A run that has its kills is left to end, so that its end is compared too.
        let killed = kills < KILLS && {
            let moment = if rng.random() {
                Moment::After(whole_run.mul_f64(rng.random_range(0.0..0.6)))
            } else {
                Moment::InCheckpoint(rng.random_range(1..8))
            };
            kill(&mut child, moment, &run)
        };
        let status = child.wait().unwrap();
        if killed && status.signal().is_some() {
            kills += 1;
            in_checkpoints += usize::from(unfinished(&run).is_some());
            let newest = newest(&run);
            assert!(newest >= reached, "checkpoint {reached} is lost, {newest} is left");
            reached = newest;
        } else {
            assert!(status.success(), "{status}");
            assert_eq!(Content::of(&run.join("checkpoints").join(&last)), expected);
            assert_eq!(fs::read_to_string(run.join("log.csv")).unwrap(), expected_log);
            assert_eq!(unfinished(&run), None, "what was half written is swept away");
            fs::remove_dir_all(&run).unwrap();
            (runs, reached) = (runs + 1, 0);
        }
    }
    println!(
        "{kills} kills in {runs} runs, {in_checkpoints} in the middle of a checkpoint, {:.1?}",
        began.elapsed()
    );
    // Usually half of the 50.
    assert!(in_checkpoints > 0, "no kill met a half-written checkpoint");
}

/// A process that begins the run in `folder` or goes on with it.
fn process(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([&test_name(module_path!(), TEST), "--exact"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn train(folder: &Path) {
    let data = Folder::open(folder.join("data")).unwrap();
    let run = folder.join("run");
    let mut trainer = if run.join("config.json").exists() {
        Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).unwrap()
    } else {
        let config = tiny(LabelSpaces::single(data.labels().clone()))
            .with_run(|run| run.with_iterations(ITERATIONS).with_checkpoint_every(2));
        Trainer::<Cpu, StarGan>::new(&run, config, &Default::default()).unwrap()
    };
    let outcome = trainer.run(&data, &mut CsvLog::every(1)).unwrap();
    assert!(checkpoint_of(&outcome).is_file());
}

/// Kills `child` at `moment`, if it lives so long.
fn kill(child: &mut Child, moment: Moment, run: &Path) -> bool {
    let deadline = match moment {
        Moment::After(delay) => {
            std::thread::sleep(delay);
            return child.kill().is_ok();
        }
        Moment::InCheckpoint(_) => Instant::now() + Duration::from_secs(300),
    };
    let Moment::InCheckpoint(wanted) = moment else { unreachable!("handled above") };
    let mut seen: Vec<PathBuf> = Vec::new();
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the process hangs");
        // Not all the time, which would take the processor from what is waited for.
        std::thread::sleep(Duration::from_micros(200));
        if let Some(path) = unfinished(run).filter(|path| !seen.contains(path)) {
            seen.push(path);
            if seen.len() == wanted {
                return child.kill().is_ok();
            }
        }
    }
    false
}

/// A checkpoint that is being written, or was when the process was killed.
fn unfinished(run: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(run.join("checkpoints")).ok()?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".writing-"))
    })
}
