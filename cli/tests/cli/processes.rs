//! One run by several processes that `mpirun` starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::mpirun::mpirun;
use crate::program::{EXPRESSIONS, STARGAN, TINY, folder, names, succeeds, text};

/// How long the other processes may go on after one has failed.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

/// By this a process that `mpirun` started is told from those of other tests.
const JOB: &str = "STARGAN_TEST_JOB";

/// Two or more processes of one run in a folder.
struct Job {
    mpirun: Child,
    name: String,
}

impl Job {
    fn start(processes: usize, folder: &Path, line: &str) -> Self {
        let mut command = mpirun(processes);
        command.arg(STARGAN).arg("train").args(line.split_whitespace());
        Self::of(command, folder)
    }

    fn of(mut command: Command, folder: &Path) -> Self {
        let name = folder.display().to_string();
        let mpirun = command
            .env(JOB, &name)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mpirun starts");
        Self { mpirun, name }
    }

    /// The process of number `rank`, once it has begun.
    fn process(&self, rank: usize) -> Option<String> {
        let is = |process: &Path| {
            let program = fs::read_link(process.join("exe")).ok()?;
            let all = fs::read(process.join("environ")).ok()?;
            let has = |name: &str, value: &str| {
                let entry = format!("{name}={value}");
                all.split(|byte| *byte == 0).any(|found| found == entry.as_bytes())
            };
            let ranked = ["OMPI_COMM_WORLD_RANK", "PMI_RANK"]
                .iter()
                .any(|name| has(name, &rank.to_string()));
            let same = program.file_name() == Path::new(STARGAN).file_name();
            (same && ranked && has(JOB, &self.name)).then_some(())
        };
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        let found = processes.map(|entry| entry.path()).find(|process| is(process).is_some())?;
        Some(found.file_name()?.to_str()?.to_owned())
    }

    /// Whether the process of number `rank` was there to be sent it.
    fn send(&self, signal: &str, rank: usize) -> bool {
        self.process(rank).is_some_and(|process| {
            Command::new("kill").args([signal, &process]).status().unwrap().success()
        })
    }

    /// What all have said, and the exit code.
    fn end(self) -> Output {
        self.mpirun.wait_with_output().expect("its end")
    }

    /// Waits until `file` is there.
    fn wait_for(&mut self, file: &Path) {
        let began = Instant::now();
        while !file.exists() {
            let ended = self.mpirun.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < Duration::from_secs(120), "{ended:?}");
            sleep(Duration::from_millis(5));
        }
    }
}

fn line(rest: &str) -> String {
    format!("--data folder:{EXPRESSIONS}/train {TINY} --sample-every 1000 {rest}")
}

#[track_caller]
fn trains(processes: usize, folder: &Path, line: &str) -> Output {
    let output = Job::start(processes, folder, line).end();
    assert!(output.status.success(), "{line}\n{}", text(&output.stderr));
    output
}

/// The tensors of a checkpoint, whose metadata may have another order from write to write.
fn tensors(checkpoint: &Path) -> Vec<u8> {
    let bytes = fs::read(checkpoint).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

fn checkpoint(folder: &Path, run: &str, iteration: u64) -> PathBuf {
    folder.join(run).join(format!("checkpoints/{iteration:08}.safetensors"))
}

/// All loss terms that a run has logged.
fn log(folder: &Path, run: &str) -> Vec<(String, f64)> {
    let text = fs::read_to_string(folder.join(run).join("log.csv")).unwrap();
    let rows = text.lines().skip(1).map(|row| row.rsplit_once(',').unwrap());
    rows.map(|(term, value)| (term.to_owned(), value.parse().unwrap())).collect()
}

#[test]
fn processes_train_one_model_and_resume_with_another_number() {
    let folder = folder();
    let folder = folder.path();
    let train = line("--learning-rate 1e-9 --iterations 20 --checkpoint-every 10");
    succeeds("train", folder, &format!("{train} --out one"));
    let one = log(folder, "one");
    assert!(!one.is_empty());
    for (processes, rest, run) in [(2, "", "two"), (4, "", "four"), (2, "--workers 2", "both")] {
        let output = trains(processes, folder, &format!("{train} {rest} --out {run}"));
        // One of them speaks.
        let said = text(&output.stdout);
        let last = format!("checkpoint: {run}/checkpoints/00000020.safetensors");
        assert_eq!(said.matches(&last).count(), 1, "{said}");
        assert_eq!(text(&output.stderr).matches("training from iteration").count(), 1);
        let found = log(folder, run);
        assert_eq!(found.len(), one.len());
        for ((term, expected), (_, value)) in one.iter().zip(found) {
            assert!((value - expected).abs() <= 1e-4 * expected.abs().max(0.1), "{run} {term}");
        }
    }
    // On with twice as many, with one, and with the folder's own data.
    trains(4, folder, "--resume --out two --iterations 30");
    succeeds("train", folder, "--resume --out two --iterations 40");
    trains(2, folder, "--resume --out two --iterations 50");
    assert_eq!(names(folder.join("two/checkpoints")).last().unwrap(), "00000050.safetensors");
    let output = Job::start(3, folder, &format!("{train} --out odd")).end();
    let said = text(&output.stderr);
    assert!(said.contains("a batch of 4 has no equal part for each of 3 workers"), "{said}");
    assert!(!output.status.success() && !folder.join("odd").exists());
}

#[test]
fn killed_at_ten_moments_the_run_goes_on_from_its_last_checkpoint() {
    const ITERATIONS: u64 = 100;
    let folder = folder();
    let folder = folder.path();
    let new = line(&format!("--iterations {ITERATIONS} --checkpoint-every 5 --out killed"));
    let began = Instant::now();
    trains(2, folder, &new.replace("killed", "whole"));
    let whole_run = began.elapsed();
    let expected = tensors(&checkpoint(folder, "whole", ITERATIONS));

    // Moments and victims, drawn once.
    let seeded = [(35, 1), (80, 0), (55, 1), (90, 0), (45, 0), (70, 1), (60, 0), (30, 1), (85, 1)];
    let (mut kills, mut slowest) = (0, Duration::ZERO);
    let line = || {
        let checkpoints = folder.join("killed/checkpoints");
        if checkpoints.exists() && !names(checkpoints).is_empty() {
            return "--resume --out killed".to_owned();
        }
        // Killed before there was anything to go on from.
        let _ = fs::remove_dir_all(folder.join("killed"));
        new.clone()
    };
    let last = checkpoint(folder, "killed", ITERATIONS);
    for (per_cent, victim) in seeded.into_iter().chain([(50, 0)]).cycle().take(60) {
        if kills == 10 {
            break;
        }
        let job = Job::start(2, folder, &line());
        sleep(whole_run * per_cent / 100);
        let sent = job.send("-KILL", victim);
        let killed = Instant::now();
        let output = job.end();
        if sent && !output.status.success() {
            assert!(killed.elapsed() < ENDED_WITHIN, "{}", text(&output.stderr));
            slowest = slowest.max(killed.elapsed());
            kills += 1;
        }
        if last.exists() {
            assert!(tensors(&last) == expected, "as the uninterrupted run");
            fs::remove_dir_all(folder.join("killed")).unwrap();
        }
    }
    assert_eq!(kills, 10, "so many have met a run");
    trains(2, folder, &line());
    assert!(tensors(&last) == expected, "as the uninterrupted run");
    println!("ended within {slowest:.1?} of a kill");
}

#[test]
fn what_ends_one_process_ends_all_with_its_reason() {
    let folder = folder();
    let folder = folder.path();
    let data = folder.join("data");
    for class in fs::read_dir(Path::new(EXPRESSIONS).join("train")).unwrap().flatten() {
        let to = data.join(class.file_name());
        fs::create_dir_all(&to).unwrap();
        for image in names(class.path()).iter().take(4) {
            fs::copy(class.path().join(image), to.join(image)).unwrap();
        }
    }
    let fails = |line: &str, reason: &str| {
        let began = Instant::now();
        let output = Job::start(2, folder, line).end();
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains(reason), "{line}\n{said}");
        // The start and the iterations before are in it.
        assert!(began.elapsed() < Duration::from_secs(60), "{line}\n{said}");
    };
    // An image that one of them can't read, in a run that has begun.
    let train = format!("--data folder:data {TINY} --sample-every 1000 --checkpoint-every 5");
    trains(2, folder, &format!("{train} --iterations 10 --out broken"));
    let image = data.join("happy").join(&names(data.join("happy"))[0]);
    let whole = fs::read(&image).unwrap();
    fs::write(&image, "no image").unwrap();
    let name = image.strip_prefix(folder).unwrap().to_str().unwrap();
    fails("--resume --out broken --iterations 1000", name);
    fs::write(&image, whole).unwrap();
    let newest = names(folder.join("broken/checkpoints")).pop().unwrap();
    let newest: u64 = newest.trim_end_matches(".safetensors").parse().unwrap();
    trains(2, folder, &format!("--resume --out broken --iterations {}", newest + 5));

    fails(&line("--weights 1:10:1e38 --iterations 1000 --out nan"), "training has diverged");

    // Other settings, of which each tells.
    let mut command = mpirun(1);
    let one = line("--iterations 10 --seed 1 --out other");
    command.arg(STARGAN).arg("train").args(one.split_whitespace());
    command.args([":", "-n", "1", STARGAN, "train"]);
    command.args(one.replace("--seed 1", "--seed 2").split_whitespace());
    let output = Job::of(command, folder).end();
    let said = text(&output.stderr);
    let expected = "the configurations differ: run.seed is 2 here and 1 at worker 0";
    assert!(!output.status.success() && said.contains(expected), "{said}");

    // Another MPI's launcher.
    let output = Command::new(STARGAN)
        .arg("train")
        .args(line("--out alone").split_whitespace())
        .current_dir(folder)
        .env("SLURM_STEP_NUM_TASKS", "3")
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("has started 3 processes, of which MPI knows one"), "{said}");
}

/// What a scheduler sends before it takes machines away.
#[test]
fn a_term_signal_leaves_a_checkpoint_from_which_the_run_goes_on() {
    let folder = folder();
    let folder = folder.path();
    let new = line("--iterations 100000 --checkpoint-every 10 --out run");
    let mut job = Job::start(2, folder, &new);
    job.wait_for(&checkpoint(folder, "run", 10));
    assert_eq!([0, 1].map(|rank| job.send("-TERM", rank)), [true; 2]);
    let output = job.end();
    let said = text(&output.stderr);
    assert!(said.contains("to go on: stargan train --resume --out 'run'"), "{said}");
    assert_eq!(output.status.code(), Some(130), "{said}");
    let name = names(folder.join("run/checkpoints")).last().unwrap().clone();
    assert!(said.contains(&format!("stopped at run/checkpoints/{name}")), "{said}");
    let last: u64 = name.trim_end_matches(".safetensors").parse().unwrap();
    trains(2, folder, &format!("--resume --out run --iterations {}", last + 10));
}
