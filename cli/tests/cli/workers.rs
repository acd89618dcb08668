//! Several workers.

use crate::program::{EXPRESSIONS, fails, folder};

/// One run by two workers of one process.
#[cfg(feature = "collective")]
#[test]
fn workers_train_one_model() {
    use std::fs;

    use crate::program::{TINY, succeeds};

    let folder = folder();
    let train = format!(
        "--data folder:{EXPRESSIONS}/train {TINY} --learning-rate 1e-9 --iterations 20 \
         --checkpoint-every 10 --sample-every 20"
    );
    succeeds("train", folder.path(), &format!("{train} --out one"));
    let stdout = succeeds("train", folder.path(), &format!("{train} --workers 2 --out two"));
    assert!(stdout.contains("checkpoint: two/checkpoints/00000020.safetensors"), "{stdout}");
    // All loss terms of the first iterations, which both share.
    let log = |run: &str| -> Vec<(String, f64)> {
        let text = fs::read_to_string(folder.path().join(run).join("timing.csv")).unwrap();
        assert!(text.lines().count() > 1, "a row below the names");
        let text = fs::read_to_string(folder.path().join(run).join("log.csv")).unwrap();
        let rows = text.lines().skip(1).map(|row| row.rsplit_once(',').unwrap());
        rows.map(|(term, value)| (term.to_owned(), value.parse().unwrap())).collect()
    };
    let (one, two) = (log("one"), log("two"));
    assert!(!one.is_empty());
    assert_eq!(one.len(), two.len());
    for ((term, expected), (_, value)) in one.iter().zip(two) {
        assert!((value - expected).abs() <= 1e-4 * expected.abs().max(0.1), "{term}");
    }
    let odd = format!("{train} --workers 3 --out odd");
    fails("train", folder.path(), &odd, 1, "a batch of 4 has no equal part for each of 3 workers");
}

#[cfg(not(feature = "collective"))]
#[test]
fn several_workers_are_a_feature() {
    let line = format!("--data folder:{EXPRESSIONS}/train --workers 2");
    fails("train", folder().path(), &line, 2, "--features collective");
}

/// Each would train the same, in the same folder.
#[cfg(not(feature = "mpi"))]
#[test]
fn several_processes_are_a_feature_and_not_tested_without_it() {
    use std::io::Write;
    use std::process::Command;

    use crate::program::{STARGAN, text};

    // Not by a macro, of whose words a test that passes shows nothing.
    let left_out = "left out: runs of several processes; with an MPI installed: cargo test \
                    --features mpi\n";
    std::io::stderr().write_all(left_out.as_bytes()).unwrap();
    let output = Command::new(STARGAN)
        .args(["train", "--data", &format!("folder:{EXPRESSIONS}/train")])
        .current_dir(folder().path())
        .env("OMPI_COMM_WORLD_SIZE", "2")
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("cargo build --release --features mpi"), "{message}");
}
