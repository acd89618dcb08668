//! What ends a run and what does not, and how it goes on.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::program::{EXPRESSIONS, STARGAN, TINY, fails, folder, names, succeeds, text};

/// A folder with the data of a small run, one class folder of a few images each.
fn with_data() -> TempDir {
    let folder = folder();
    for class in ["happy", "sad"] {
        let to = folder.path().join("data").join(class);
        fs::create_dir_all(&to).unwrap();
        let from = Path::new(EXPRESSIONS).join("train").join(class);
        for (number, name) in names(&from).iter().take(4).enumerate() {
            fs::copy(from.join(name), to.join(format!("{number:04}.png"))).unwrap();
        }
    }
    folder
}

fn train(iterations: u64) -> String {
    format!("--data folder:data {TINY} --out run --iterations {iterations}")
}

fn start(program: &str, folder: &Path, line: &str, stdout: Stdio, stderr: Stdio) -> Child {
    Command::new(program)
        .args(line.split_whitespace())
        .current_dir(folder)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// A stream that is always full.
fn full() -> Stdio {
    fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn nobody_need_listen() {
    let folder = with_data();
    // What `2>&1 | head -1` does, and a terminal that is closed.
    let line = format!("train {}", train(3));
    let mut child = start(STARGAN, folder.path(), &line, Stdio::piped(), Stdio::piped());
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let checkpoint = folder.path().join("run/checkpoints/00000003.safetensors");
    assert!(checkpoint.exists());

    let resume = "train --resume --out run --iterations 5";
    let mut child = start(STARGAN, folder.path(), resume, Stdio::null(), full());
    assert_eq!(child.wait().unwrap().code(), Some(0));

    // Results that are lost are a failure, after all the work; those that nobody wants are none.
    let inspect = "inspect run";
    for lost in [inspect, "--help", "train --help", "--version"] {
        let child = start(STARGAN, folder.path(), lost, full(), Stdio::piped());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{lost}");
        assert!(text(&output.stderr).contains("standard output: No space left"), "{lost}");
    }
    let mut child = start(STARGAN, folder.path(), inspect, Stdio::piped(), Stdio::piped());
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Starts a run without end, waits until it is under way, sends it `signal`, and gives it time to
/// end; how it has ended, if it has.
fn signalled(program: &str, prefix: &str, folder: &Path, signal: &str) -> Option<Output> {
    let line = format!("{prefix} train {} --sample-every 1", train(1_000_000));
    let mut child = start(program, folder, &line, Stdio::null(), Stdio::piped());
    let began = Instant::now();
    while !folder.join("run/samples/00000001.png").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "training does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(2) && signal == "-HUP" && !prefix.is_empty() {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{signal} does not end it");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(child.wait_with_output().unwrap())
}

/// Whether the tests themselves were started by `nohup`, as far as the system tells.
fn is_under_nohup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| bits & 1 == 1)
}

#[test]
fn a_scheduler_and_a_closing_terminal_leave_a_checkpoint() {
    let signals: &[_] = if is_under_nohup() { &["-TERM"] } else { &["-TERM", "-HUP"] };
    for signal in signals {
        let folder = with_data();
        let output = signalled(STARGAN, "", folder.path(), signal).unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{signal}: {message}");
        assert!(message.contains("stargan train --resume --out 'run'"), "{message}");
        assert_eq!(names(folder.path().join("run/checkpoints")).len(), 1);
    }
}

/// `/proc` tells a process what it was started to ignore.
#[cfg(target_os = "linux")]
#[test]
fn nohup_is_respected() {
    let folder = with_data();
    let prefix = format!("{STARGAN} ");
    assert!(signalled("nohup", &prefix, folder.path(), "-HUP").is_none(), "it has ended");
}

#[test]
fn a_run_that_is_finished_says_so() {
    let folder = with_data();
    succeeds("train", folder.path(), &train(2));
    let resume = "train --resume --out run --export model.safetensors";
    let child = start(STARGAN, folder.path(), resume, Stdio::null(), Stdio::piped());
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    let expected = "the run in run is finished: 2 of 2 iterations are done; to train on, give \
                    --iterations a larger number";
    assert!(output.status.success() && said.contains(expected), "{said}");
    assert!(!said.contains("from iteration"), "{said}");
    assert!(folder.path().join("model.safetensors").exists(), "all else is done");
    succeeds("train", folder.path(), "--resume --out run --iterations 3");
    let checkpoints = folder.path().join("run/checkpoints");
    assert_eq!(names(&checkpoints).last().unwrap(), "00000003.safetensors");
    let report = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(report.contains("Settings that have changed"), "the report has the history");
    assert!(report.contains("<td>2</td><td>run.iterations</td><td>2</td><td>3</td>"), "{report}");

    // From the one before, and the last one is kept under another name.
    let from = "--resume-from run/checkpoints/00000002.safetensors --out run --iterations 4";
    succeeds("train", folder.path(), from);
    let expected = ["00000002.safetensors", "00000003.aside-1.safetensors", "00000004.safetensors"];
    assert_eq!(names(&checkpoints), expected);
}

#[test]
fn data_that_have_moved_are_asked_for_and_found_again() {
    let folder = with_data();
    succeeds("train", folder.path(), &train(2));
    fs::rename(folder.path().join("data"), folder.path().join("elsewhere")).unwrap();
    let resume = "--resume --out run --iterations 3";
    let expected = "if the data are somewhere else now, say where: --data ...";
    fails("train", folder.path(), resume, 1, expected);
    // Other data are not kept in their place.
    fs::rename(folder.path().join("elsewhere/sad"), folder.path().join("sad")).unwrap();
    fs::create_dir(folder.path().join("elsewhere/sad")).unwrap();
    fs::copy(
        folder.path().join("elsewhere/happy/0000.png"),
        folder.path().join("elsewhere/sad/0000.png"),
    )
    .unwrap();
    let other = format!("{resume} --data folder:elsewhere");
    fails("train", folder.path(), &other, 1, "had 8 images, it has 5 now");
    fails("train", folder.path(), resume, 1, expected);
    fs::remove_dir_all(folder.path().join("elsewhere/sad")).unwrap();
    fs::rename(folder.path().join("sad"), folder.path().join("elsewhere/sad")).unwrap();
    succeeds("train", folder.path(), &other);
    succeeds("train", folder.path(), "--resume --out run --iterations 4");
}

#[test]
fn an_image_that_ends_a_run_leaves_a_checkpoint_and_the_way_on() {
    let folder = with_data();
    let line = format!("{} --checkpoint-every 1000", train(400));
    let image = folder.path().join("data/sad/0002.png");
    let whole = fs::read(&image).unwrap();
    let run = format!("train {line} --sample-every 1");
    let child = start(STARGAN, folder.path(), &run, Stdio::null(), Stdio::piped());
    while !folder.path().join("run/samples/00000002.png").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::write(&image, &whole[..whole.len() / 2]).unwrap();
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let expected = "to go on: stargan train --resume --out 'run'";
    assert!(message.contains("0002.png: ") && message.contains(expected), "{message}");
    let checkpoints = names(folder.path().join("run/checkpoints"));
    assert_eq!(checkpoints.len(), 1);
    fs::write(&image, whole).unwrap();
    let reached: u64 = checkpoints[0].trim_end_matches(".safetensors").parse().unwrap();
    let resume = format!("--resume --out run --iterations {}", reached + 4);
    succeeds("train", folder.path(), &resume);
}

#[test]
fn a_start_that_failed_does_not_block_its_folder() {
    let folder = with_data();
    let line = train(1).replace("--batch 4", "--batch 9");
    fails("train", folder.path(), &line, 1, "has 8 images, fewer than a batch of 9");
    assert_eq!(names(folder.path()), ["data"], "nothing is written before all is checked");
    // As a kill leaves it that comes before the first iteration.
    succeeds("train", folder.path(), &train(1));
    for path in ["checkpoints/00000001.safetensors", "log.csv", "timing.csv", "report.html"] {
        fs::remove_file(folder.path().join("run").join(path)).unwrap();
    }
    for entry in names(folder.path().join("run/samples")) {
        fs::remove_file(folder.path().join("run/samples").join(entry)).unwrap();
    }
    fs::remove_file(folder.path().join("run/data.json")).unwrap();
    fs::write(folder.path().join("run/.writing-Xy12zw"), "half of data.json").unwrap();
    succeeds("train", folder.path(), &train(2).replace("--batch 4", "--batch 2"));
}

#[test]
fn losses_that_have_run_away_are_said() {
    let folder = with_data();
    // The square of a score that grows as it likes: some 10^9, where 10^6 is said.
    let settings = train(40).replace("--base-channels 4", "--base-channels 16");
    let rates = "--learning-rate 1 --discriminator-learning-rate 1";
    let line = format!("train {settings} {rates} --identity none --objective lsgan");
    let child = start(STARGAN, folder.path(), &line, Stdio::null(), Stdio::piped());
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(message.contains(": the losses have run away"), "{message}");
}

#[test]
fn a_name_that_a_terminal_would_obey_is_shown_escaped() {
    let folder = with_data();
    let line = format!("train {}", train(2).replace("--out run", "--out r\u{1b}[2Jn"));
    let child = start(STARGAN, folder.path(), &line, Stdio::null(), Stdio::piped());
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success() && !said.contains('\u{1b}'), "{said}");
    let resume = "train --resume --iterations 0 --out r\u{1b}[2Jn";
    let child = start(STARGAN, folder.path(), resume, Stdio::null(), Stdio::piped());
    let said = text(&child.wait_with_output().unwrap().stderr);
    assert!(said.contains("error: ") && !said.contains('\u{1b}'), "{said}");
}
